"""Where jobs run: providers behind one protocol, which one conformance suite holds to it."""
