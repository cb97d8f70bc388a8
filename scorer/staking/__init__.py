"""What a data scientist's client does: keys, stakes, what to send, and submissions."""
