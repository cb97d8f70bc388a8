"""Recognises files that may have changed, without reading them where their metadata is the same."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from scorer.protocol.documents import to_hex
from scorer.storage.bundle import ENVELOPES, PUBLISHED, Bundle, BundleError
from scorer.storage.folder import opened

REREAD: Final = 600.0
"""Seconds after which files that did not fit are read again, as the fault may have been ours."""
BLOCK: Final = 2**20
"""Bytes that are hashed at once."""

Stamp = tuple[tuple[int, ...] | None, ...]
"""(bytes, inode, times of modification and of change, ns) of each file; None for one that is not there."""


def stamp_of(source: Bundle, files: Sequence[str] = (*PUBLISHED, ENVELOPES)) -> Stamp:
    """Return the stamp of files: nobody can set the time of change in it."""
    return tuple(_file_stamp(source.folder / file) for file in files)


def _file_stamp(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def fingerprint(path: Path) -> dict[str, Any]:
    """Return the size and the SHA-256 of a file, as `is_unchanged` takes them."""
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        return {"bytes": size, "sha256": sha256_of(file, size)}


def is_unchanged(path: Path, before: Any) -> bool:
    """Say whether a file still has a fingerprint, if it ever had one; one of another size is not read.

    It is opened once, without waiting, and read no further than its size: whoever publishes it may put a
    pipe in its place, or write on, at any moment.
    """
    try:
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            if before is None:
                return True
            return bool(size == before["bytes"] and sha256_of(file, size) == before["sha256"])
    except (BundleError, OSError, KeyError, TypeError):
        return False


def sha256_of(file: BinaryIO, size: int) -> str:
    """Return the hash of a file's first `size` bytes, in hex."""
    digest, left = hashlib.sha256(), size
    while left and (block := file.read(min(BLOCK, left))):
        digest.update(block)
        left -= len(block)
    return to_hex(digest.digest())
