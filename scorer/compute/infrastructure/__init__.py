"""Infrastructure as code for a node: documents made of its configuration, which nothing here applies."""
