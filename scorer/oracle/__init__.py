"""A committee member: observes the chain and the files, decides what is left to do, and does it."""
