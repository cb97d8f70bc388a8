"""Bytes and hashes that everybody agrees on: rules, tables, submissions, seals, reports."""
