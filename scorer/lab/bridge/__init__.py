"""A bridge between two local chains, with Polygon's own contracts, and its rehearsal."""
