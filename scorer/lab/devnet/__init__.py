"""A tournament on a local chain, to try everything with: its processes, its participants and its outcomes."""
