"""Tests of scorer.bridge."""
