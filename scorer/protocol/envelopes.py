"""The ciphertexts of a round as a file: a row a model, all of one size, so that size says nothing.

Rows are in the order of submissions.json and follow one another without a header. They are read one at a
time, so that a round of any size fits in memory. What is in one: see `scorer.encryption.envelope`.
"""

import hashlib
import os
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO

from scorer.protocol.predictions import SpoolUnavailable


class EnvelopesError(ValueError):
    """A file of ciphertexts does not hold one of the same size for each model."""


def envelope_hash(content: bytes) -> bytes:
    """Return the SHA-256 of a ciphertext, 32 bytes: the ciphertext hash that is signed.

    The round's Merkle root commits to it. Contracts can compute it (precompile 0x02), and it is seven times
    as fast as Keccak-256 here.
    """
    return hashlib.sha256(content).digest()


class _Rows:
    """Rows of `size` bytes in a file that is closed with the last reference to it."""

    def __init__(self, descriptor: int, size: int) -> None:
        weakref.finalize(self, os.close, descriptor)
        self._descriptor = descriptor
        self.size = size

    def read(self, number: int) -> bytes:
        """Read a row.

        Raises
        ------
        EnvelopesError
            When the file became shorter.
        """
        content = os.pread(self._descriptor, self.size, self.size * number)
        if len(content) != self.size:
            raise EnvelopesError(f"expected {self.size} bytes of row {number}, found {len(content)}")
        return content


@dataclass(frozen=True, eq=False)
class StoredEnvelope:
    """One model's ciphertext in a file; ``bytes`` reads it."""

    file: _Rows
    number: int

    def __bytes__(self) -> bytes:
        return self.file.read(self.number)


Ciphertext = bytes | StoredEnvelope
"""One model's ciphertext, in memory or in a file; ``bytes`` of it gives its content."""


class EnvelopeFile(_Rows):
    """A file in the form of this module.

    Parameters
    ----------
    models
        How many rows it must have.

    Raises
    ------
    EnvelopesError
        When its size is no multiple of that.
    OSError
        When it cannot be opened.
    """

    def __init__(self, path: Path, models: int) -> None:
        # No link, which could lead out of the folder; and not blocked by a pipe that nobody writes to.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        total = os.fstat(descriptor).st_size
        super().__init__(descriptor, total // models if models else 0)
        if total != self.size * models or (models and not self.size):
            raise EnvelopesError(
                f"expected rows of one size for {models} models, found a file of {total} bytes"
            )
        self._models = models

    def rows(self) -> tuple[StoredEnvelope, ...]:
        """Return each row, not read yet."""
        return tuple(StoredEnvelope(self, number) for number in range(self._models))


class EnvelopeSpool(_Rows):
    """Rows that are put aside in a nameless file while a round is collected, so that memory holds few.

    Parameters
    ----------
    folder
        On which disk: room for `size` bytes a model.
    """

    def __init__(self, folder: Path, size: int) -> None:
        with tempfile.TemporaryFile(dir=folder) as file:
            # A second descriptor keeps the nameless file; its space is freed when the last one is closed,
            # also by a crash.
            super().__init__(os.dup(file.fileno()), size)
        self._numbers = count()  # the next row's number is taken in one step, whichever thread asks

    def append(self, content: bytes) -> StoredEnvelope:
        """Put one model's ciphertext aside. Threads may share the spool.

        Raises
        ------
        SpoolUnavailable
            When the disk takes no more.
        """
        number = next(self._numbers)
        try:
            written = os.pwrite(self._descriptor, content, self.size * number)
        except OSError as error:
            raise SpoolUnavailable(
                error.errno, f"no room to put a ciphertext aside: {error.strerror}"
            ) from None
        if written != self.size:
            raise SpoolUnavailable(None, f"expected to write {self.size} bytes, wrote {written}")
        return StoredEnvelope(self, number)


def write_envelopes(written: BinaryIO, rows: Sequence[Ciphertext]) -> None:
    """Write rows in the form of this module, one at a time."""
    for row in rows:
        written.write(bytes(row))
