"""The chain's edge: endpoints, contracts, logs and transactions. Nothing here decides what to do."""
