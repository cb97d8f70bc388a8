"""Reads a submission file that a stranger may have written: formats, bounds, and what the rules accept."""
