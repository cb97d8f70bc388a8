"""The edge to a chain: endpoints that nobody vouches for, contracts, logs and fees."""
