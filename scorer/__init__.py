"""Cupel: an open staking tournament for predictions that anyone can run and everyone can verify."""

__version__ = "0.1.0"
