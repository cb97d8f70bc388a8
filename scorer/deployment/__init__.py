"""Deployment of a suite from one file: what is to exist, what is missing, what came of it, does it hold."""
