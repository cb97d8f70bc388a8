"""Conditions of a client on what it submits: a file that was looked at, and a round."""

from dataclasses import dataclass
from pathlib import Path

from scorer.server.blobs import sha256_of
from scorer.server.errors import ApiError


@dataclass(frozen=True)
class Wanted:
    """The one file and the one round that a client means to submit; None: whichever there is.

    Attributes
    ----------
    sha256
        Of the file, in hex.
    """

    sha256: str | None = None
    round_id: int | None = None

    def require_round(self, found: int) -> None:
        """Refuse another round; raises an ApiError."""
        if self.round_id not in (None, found):
            raise ApiError(
                f"roundNumber: expected {found}, the round that takes submissions, found {self.round_id}; "
                "look at the new round first"
            )

    def require_bytes(self, file: Path) -> None:
        """Refuse another file; raises an ApiError."""
        if self.sha256 is not None and (found := sha256_of(file)) != self.sha256.removeprefix("0x").lower():
            raise ApiError(
                f"sha256: expected that of the bytes that were sent, {found}, found another; look at "
                "uploadStatus, and ask for an upload again"
            )
