"""The client of data scientists and committee members: keys, stakes, quotes, transactions and submissions."""
