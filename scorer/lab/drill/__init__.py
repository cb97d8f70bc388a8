"""Drills: a small tournament on a local chain, and what may happen to the daemons that run it."""
