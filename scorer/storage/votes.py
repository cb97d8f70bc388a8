"""Reads another member's vote on a seal, which may be any file, in a child process."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

from scorer.isolation import IsolatedReader, IsolationError, ReadResult, refuses
from scorer.protocol.documents import parse_json
from scorer.protocol.seal import SealVote
from scorer.storage.bundle import Bundle, BundleError
from scorer.storage.published import MIB, limits_for

LARGEST_VOTE: Final = 32 * 2**20
"""Bytes of a vote that is read: some 200,000 submissions."""


def read_vote(folder: Path, size: int, reader: IsolatedReader) -> SealVote | None:
    """Return the vote in another member's bundle; None where its file, of so many bytes, says none."""
    if not 0 < size <= LARGEST_VOTE:
        return None
    try:
        limits = replace(limits_for(size), answer=MIB + 2 * size)  # the same document, written again
        found = reader.run(vote_in_child, folder, limits=limits)
        return SealVote.from_json(parse_json(found.blobs[0]))
    except (IsolationError, LookupError, TypeError, ValueError):
        return None


@refuses(BundleError)
def vote_in_child(folder: Path) -> ReadResult:
    """Read a vote and write it out again in its one form."""
    return ReadResult({}, (json.dumps(Bundle(folder, strict=True).vote().to_json()).encode(),))
