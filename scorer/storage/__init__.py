"""A round's bundle on disk, and bundles of strangers read in child processes."""
