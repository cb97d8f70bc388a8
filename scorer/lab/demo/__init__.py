"""The demo: a tournament on real market data, from prices to settled rounds."""
