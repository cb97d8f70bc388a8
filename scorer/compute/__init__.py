"""Runs a data scientist's models when a round opens, each in a sandbox, and submits what they predict.

The chain is the trigger: every cycle reads the rounds of a finalised block, `decide` says what is left to do
for each round and model, and the node does it. A model reads ``/in`` and writes ``/out``; it has no network
and no key. Its predictions are checked here, and signed by a process of its own that holds the submitter's
key.
"""
