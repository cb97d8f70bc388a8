"""Sends each transaction exactly once: requests, journal, signers, and a state machine."""
