"""The server of one tournament: a mailbox for submissions, and a mirror of what chain and bundles say."""
