"""Names that servers and their clients share: documents at routes, and a header."""

from typing import Final

TOURNAMENT: Final = "tournament.json"
MEMBERS: Final = "members.json"
ENCRYPTS: Final = "cupel-encrypts"
"""The header by which a client says that it encrypts what it uploads, as `cupel gateway` does."""
