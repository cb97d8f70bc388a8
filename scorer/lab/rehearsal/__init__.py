"""A dress rehearsal of a public deployment, on a local chain that stands in for Polygon's test network."""
