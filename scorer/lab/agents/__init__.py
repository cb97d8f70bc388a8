"""Two local chains on which an agent acts on a consensus document, within its limits and out of them."""
