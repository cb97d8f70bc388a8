"""Reads rounds from the finalised chain into plain data."""
