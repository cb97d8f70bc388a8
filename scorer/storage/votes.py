"""Reads another member's vote on a seal, which may be any file, in a child process."""

from pathlib import Path
from typing import Final

from scorer.isolation import IsolatedReader, ReadResult, refuses
from scorer.protocol.seal import SealVote
from scorer.storage.bundle import Bundle, BundleError
from scorer.storage.strangers import read_stated, written_again

LARGEST_VOTE: Final = 32 * 2**20
"""Bytes of a vote that is read: some 200,000 submissions."""


def read_vote(folder: Path, size: int, reader: IsolatedReader) -> SealVote | None:
    """Return the vote in another member's bundle; None where its file, of so many bytes, says none."""
    return read_stated(reader, vote_in_child, folder, (size, LARGEST_VOTE), SealVote)


@refuses(BundleError)
def vote_in_child(folder: Path) -> ReadResult:
    """Read a vote and write it out again in its one form."""
    return written_again(Bundle(folder, strict=True).vote().to_json())
