"""The commands that run in the lab."""
