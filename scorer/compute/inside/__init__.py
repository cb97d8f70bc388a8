"""The files that a sandbox sees beside the model: they import nothing of Cupel, and nothing imports them."""
