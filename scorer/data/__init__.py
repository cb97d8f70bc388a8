"""Data sets of a tournament: from raw prices to obfuscated, versioned files that every member can rebuild."""
