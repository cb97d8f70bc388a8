"""Providers, which run jobs, behind one protocol; one conformance suite holds them to it."""
