"""Deployment of a suite from one file: its blueprint, the steps left, the manifest, and checks against it."""
