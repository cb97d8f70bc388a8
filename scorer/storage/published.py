"""Takes over what an operator published, without trusting a byte of it.

Files are copied with bounds that are known before one is opened, and read in a child process with limits.
What is kept afterwards has been read once, and is in the one form in which everybody reads the same.
"""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scorer.encryption.age import file_size
from scorer.encryption.context import BOX_SIZE, MOST_MEMBERS
from scorer.encryption.context import HEADER_SIZE as ENVELOPE_HEADER
from scorer.encryption.plaintext import SIZE
from scorer.isolation import IsolatedReader, IsolationError, ReadLimits, ReadResult, refuses
from scorer.protocol.digest import universe_digest
from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.predictions import HEADER_SIZE
from scorer.protocol.tables import table_file
from scorer.storage.bundle import (
    ENVELOPES,
    RULES,
    SIGNATURES,
    SUBMISSIONS,
    UNIVERSE,
    VERDICTS,
    Bundle,
    BundleError,
)
from scorer.storage.folder import opened
from scorer.storage.schemas import most_bytes

MIB: Final = 2**20
MOST_IDS: Final = 200_000
"""Ids of a universe at most. That of the largest tournament we know has fewer than 10,000."""
LONGEST_ID: Final = 256
"""Bytes, on average."""
ENTRY_BYTES: Final = 1_024
"""Bytes of one model in submissions.json; we write about 400."""
MOST_COLUMNS: Final = 512
"""Numbers that a table has for an id at most."""
COPIED: Final = MIB
COPIES: Final = 2
"""Copies of a file that exist for a moment: one that is read first, and the one that is kept."""
WHOLE: Final = (".json", ".parquet")
"""Endings of the files that are read as a whole; of others, rows are read when they are asked for."""
SPARE: Final = 256 * MIB
"""Bytes of the disk that are left to whatever else is kept on it, such as a journal."""


@dataclass(frozen=True)
class PublishedBounds:
    """Bounds on the size of a round's published files, from facts that are known beforehand.

    Attributes
    ----------
    models
        Of the registry, as the chain says: no more can have submitted.
    ids
        Of the universe.
    """

    models: int
    ids: int = MOST_IDS

    def bytes_of(self, file: str) -> int:
        """Return the most that a file can have."""
        return {
            RULES: MIB,
            UNIVERSE: MIB + (4 + LONGEST_ID) * self.ids,
            SIGNATURES: MIB + ENTRY_BYTES * self.models,
            VERDICTS: MIB + ENTRY_BYTES * self.models,
            SUBMISSIONS: HEADER_SIZE + 8 * self.models * self.ids,
            ENVELOPES: self.models * largest_envelope(self.ids),
        }[file]


def require_bounded(folder: Path, files: Iterable[str], bounds: PublishedBounds) -> None:
    """Refuse files of a stranger that are larger than they can be, before one of them is read.

    Raises
    ------
    BundleError
        Names the file.
    """
    for file in files:
        path, most = folder / file, bounds.bytes_of(file)
        if path.is_file() and (size := path.stat().st_size) > most:
            raise BundleError(f"{path}: expected at most {most} bytes, found {size}")


def largest_envelope(ids: int) -> int:
    """Return the most bytes of an envelope for a universe of so many ids."""
    return ENVELOPE_HEADER + MOST_MEMBERS * BOX_SIZE + file_size(SIZE * ids, recipients=1)


@dataclass(frozen=True)
class TakenOver:
    """Facts of the files that were taken over: the commitments of the round's opening, and counts."""

    rules_hash: bytes
    universe: bytes
    models: int
    ids: int


def _admit(_staged: Bundle) -> None:
    return


def take_over(
    source: Path,
    target: Bundle,
    bounds: PublishedBounds,
    reader: IsolatedReader,
    admit: Callable[[Bundle], None] = _admit,
) -> TakenOver:
    """Copy rules, universe and submissions of a round into a bundle of one's own, once they were read.

    Nothing appears in `target` before all four files were read, and nothing is read in this process.

    Parameters
    ----------
    source
        The folder in which the operator publishes the round.
    admit
        Looks at the copies once they were read; while it raises a BundleError, nothing appears in `target`.

    Raises
    ------
    OSError
        When the disk has no room for them.
    BundleError
        When a file is missing, no file, larger than it can be, or not in canonical form; or takes more memory
        or time to read than one of its size needs. The message names it.
    """
    with _staged(target.folder) as staged:
        files = Bundle(source).published_files
        sizes = {file: _copy(source / file, staged / file, bounds.bytes_of(file)) for file in files}
        # These two are not parsed: their rows are read one by one, when they are asked for.
        parsed = sum(size for file, size in sizes.items() if file not in (SUBMISSIONS, ENVELOPES))
        taken = _read(staged, source, limits_for(parsed), reader)
        if taken.ids > bounds.ids or taken.models > bounds.models:
            raise BundleError(
                f"{source}: expected at most {bounds.ids} ids and {bounds.models} models, found {taken.ids} "
                f"and {taken.models}"
            )
        copies = Bundle(staged, strict=True)
        admit(copies)
        target.copy(copies, *files)
    return taken


def take_over_table(
    source: Path, target: Bundle, name: str, universe: tuple[str, ...], reader: IsolatedReader
) -> None:
    """Copy one further input of a round into a bundle of one's own, once it was read in a child process.

    Parameters
    ----------
    name
        One of `scorer.protocol.tables.TABLES`, with a row for each id.
    universe
        The ids of the round, ascending: they bound the size of the file.

    Raises
    ------
    OSError
        When the disk has no room for it.
    BundleError
        When it is missing, too large, not in canonical form, or not what its name promises.
    """
    file, ids = table_file(name), len(universe)
    with _staged(target.folder) as staged:
        size = _copy(source / file, staged / file, MIB + (4 + LONGEST_ID + 8 * MOST_COLUMNS) * ids)
        with _named_as(source, staged):
            reader.run(read_table, staged, name, universe, limits=limits_for(size))
        target.copy(Bundle(staged, strict=True), file)


def limits_for(size: int) -> ReadLimits:
    """Return the limits for reading documents and tables of so many bytes in all.

    JSON of short fields takes some twenty times its size in memory, a table of text about ten times.
    """
    memory = min(256 * MIB + 40 * size, most_memory())
    return ReadLimits(memory=memory, cpu=20 + size / MIB, wall=120 + 8 * size / MIB)


def most_memory() -> int:
    """Return three quarters of the machine's memory: an empty file of a terabyte takes no room on a disk."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4 * 3


def bytes_in(folder: Path) -> int:
    """Return the bytes of the documents and tables in a stranger's folder, from which limits follow.

    Whose folder it is may change it at any time: what is gone by now counts nothing, and neither does a link,
    which is not followed. A file counts no more than it may have.
    """
    found = 0
    with suppress(OSError):
        for path in folder.iterdir():
            if path.suffix in WHOLE:
                found += _size(path)
    return found


def _size(path: Path) -> int:
    try:
        status = path.lstat()
    except OSError:
        return 0
    return min(status.st_size, most_bytes(path.name)) if stat.S_ISREG(status.st_mode) else 0


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """Make a folder beside another one, which is empty at first and gone at the end."""
    staged = folder.with_name(f".{folder.name}.taking-over")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _copy(source: Path, target: Path, most: int) -> int:
    """Copy a file of at most so many bytes; how many it has."""
    with opened(source) as original, target.open("xb") as copy:
        size = os.fstat(original.fileno()).st_size
        if size <= most:
            _require_room(target.parent, COPIES * size)
        # One byte more than its size: a file that grows while it is read is refused.
        left = min(size, most) + 1 if size <= most else 0
        while left and (part := original.read(min(left, COPIED))):
            copy.write(part)
            left -= len(part)
    if size > most or not left:
        raise BundleError(f"{source}: expected at most {most} bytes, found {size} or more")
    return size


def _require_room(folder: Path, size: int) -> None:
    """Refuse to fill a disk: a sparse file takes a stranger no room at all, and its copy takes ours."""
    free = shutil.disk_usage(folder).free
    if size + SPARE > free:
        raise OSError(
            errno.ENOSPC, f"expected room for {size} bytes and {SPARE} to spare, found {free}", str(folder)
        )


def _read(staged: Path, source: Path, limits: ReadLimits, reader: IsolatedReader) -> TakenOver:
    with _named_as(source, staged):
        facts = reader.run(read_published, staged, limits=limits).facts
    try:
        return _taken(facts)
    except (KeyError, ValueError) as error:
        raise BundleError(f"{source}: expected facts of what was read, found {error}") from None


@contextmanager
def _named_as(source: Path, staged: Path) -> Iterator[None]:
    """Turn what a child says of a copy into an error that names the original."""
    try:
        yield
    except IsolationError as error:
        text = error.text.replace(str(staged), str(source))
        raise BundleError(text if text.startswith(str(source)) else f"{source}: found {text}") from None


def _taken(facts: Mapping[str, Any]) -> TakenOver:
    """Check a child's answer, which may be in a stranger's hands."""
    counts = [facts[name] for name in ("models", "ids")]
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("counts that are none")
    rules, universe = (from_hex(facts[name], 32) for name in ("rules_hash", "universe"))
    return TakenOver(rules, universe, *counts)


@refuses(BundleError)
def read_published(folder: Path) -> ReadResult:
    """Read all that an operator publishes; it runs in a child process.

    Raises
    ------
    BundleError
        When a file is not what everybody reads alike, or does not go with another one.
    """
    bundle = Bundle(folder, strict=True)
    rules, submissions = bundle.rules(), bundle.published_submissions()
    ids = submissions.universe
    if list(ids) != sorted(set(ids)) or not ids:
        raise BundleError(f"{folder / UNIVERSE}: expected sorted ids, each once, found others")
    if rules.is_encrypted != submissions.is_encrypted:
        raise BundleError(
            f"{folder}: expected {ENVELOPES if rules.is_encrypted else SUBMISSIONS}, as {RULES} says, found "
            "the other file"
        )
    if not submissions.is_encrypted and any(len(row) != len(ids) for row in submissions.rows()):
        raise BundleError(
            f"{folder / SUBMISSIONS}: expected a column for each of {len(ids)} ids, found others"
        )
    return ReadResult(
        {
            "rules_hash": to_hex(rules.hash()),
            "universe": to_hex(universe_digest(ids)),
            "models": len(submissions.entries),
            "ids": len(ids),
        }
    )


@refuses(BundleError)
def read_table(folder: Path, name: str, universe: tuple[str, ...]) -> ReadResult:
    """Read one further input of a round; it runs in a child process.

    Raises
    ------
    BundleError
        When it is not what its name promises, or not what everybody reads alike.
    """
    Bundle(folder, strict=True).table(name, universe)
    return ReadResult()
