"""Everything local and made up: chains, accounts, markets, participants, faults."""
