"""A submission on a round's universe: from a file of our own, or in a child process from a stranger's.

The child parses and aligns, and answers with one float64 for each id of the universe and a few facts; what
it says is checked here, and ranked and filled here where the tournament does that.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scorer.isolation import (
    SHARED_READER,
    InProcessReader,
    IsolatedReader,
    IsolationError,
    IsolationReason,
    ReadLimits,
    ReadResult,
)
from scorer.isolation.limits import MIB
from scorer.scoring.ranked_rows import rows_by_rank
from scorer.submission.child import read_alignment
from scorer.submission.table import SHOWN, SHOWN_CHARACTERS, SubmissionRefused, most_bytes
from scorer.submission.validity import TOLERANCE, VALIDITY, Universe, align

FLOAT: Final = 8
LEAST_MEMORY: Final = 192 * MIB
MEMORY_PER_BYTE: Final = 16
"""Text of CSV takes up to four bytes a character while it is read, twice, and its rows as much again."""
CPU_SECONDS: Final = 5
BYTES_PER_SECOND: Final = 4 * MIB
WALL_SECONDS: Final = 120
"""No file waits, so only a machine that is overloaded gets there before the limit of CPU time."""


class SubmissionUnread(SubmissionRefused):
    """A submission was refused because its reader came to no end of its own.

    Attributes
    ----------
    cause
        A defect is one of ours, whatever the file holds.
    """

    def __init__(self, name: str, cause: IsolationReason, found: str) -> None:
        super().__init__(name, "a file that can be read", found)
        self.cause = cause


@dataclass(frozen=True)
class Coverage:
    """Counts of a file's ids beside those of the universe.

    Attributes
    ----------
    universe, found, filled, unknown, near
        Counts: ids of the universe, those of them with a prediction, those without, which got 1/2, ids of
        the file that the universe lacks, and those of them that are almost one of its ids.
    filled_ids, unknown_ids
        The first ones.
    near_pairs
        The first ones: what the file has, what the universe has.
    """

    universe: int
    found: int
    filled: int
    unknown: int
    near: int
    filled_ids: tuple[str, ...] = ()
    unknown_ids: tuple[str, ...] = ()
    near_pairs: tuple[tuple[str, str], ...] = ()

    @property
    def is_complete(self) -> bool:
        """True where file and universe have the same ids."""
        return not self.filled and not self.unknown

    @property
    def is_poor(self) -> bool:
        """True where fewer than half of the universe's ids were found."""
        return 2 * self.found < self.universe

    def sentences(self) -> list[str]:
        """Return warnings to a data scientist, a sentence each; none where the ids are the same."""
        said = []
        if self.filled:
            said.append(
                f"{self.found} of the universe's {self.universe} ids were found; "
                f"{self.filled} were filled with 1/2: {_listed(self.filled_ids, self.filled)}"
            )
        if self.unknown:
            said.append(
                f"{self.unknown} ids of the file are unknown and were ignored: "
                f"{_listed(self.unknown_ids, self.unknown)}"
            )
        if self.near_pairs:
            one, other = self.near_pairs[0]
            said.append(
                f"{self.near} of the unknown ids differ from an id of the universe only by capitals, blanks "
                f"or zeros in front, as {one!r} from {other!r}: were they read as text?"
            )
        return said

    def document(self) -> dict[str, Any]:
        """Return the same for programs."""
        return {
            "universe": self.universe,
            "found": self.found,
            "filled": self.filled,
            "filled_ids": list(self.filled_ids),
            "unknown": self.unknown,
            "unknown_ids": list(self.unknown_ids),
            "near_misses": self.near,
            "near_miss_pairs": [list(pair) for pair in self.near_pairs],
        }


def _listed(ids: tuple[str, ...], count: int) -> str:
    return ", ".join(ids) + (", ..." if count > len(ids) else "")


@dataclass(frozen=True)
class CheckedSubmission:
    """The predictions of one file.

    Attributes
    ----------
    values
        Within [0, 1], in the order of the universe, shape (ids,).
    """

    values: NDArray[np.float64]
    coverage: Coverage


def read_for(kind: str | None, content: bytes, universe: Universe, name: str) -> NDArray[np.float64]:
    """Read a submission file of our own in this process, see `scorer.submission.validity.align`.

    Returns
    -------
    NDArray[np.float64]
        Predictions within [0, 1] in the order of the ids, shape (ids,).

    Raises
    ------
    SubmissionRefused
        When the tournament would refuse it.
    """
    return _finished(kind, align(kind, content, universe, name).predictions)


def read_submission(content: bytes, universe: Sequence[str], name: str) -> NDArray[np.float64]:
    """Read a file of our own that has exactly the universe's ids, in the columns id and prediction."""
    return read_for(None, content, Universe(tuple(universe), {}), name)


def _fills(kind: str | None) -> bool:
    return kind is not None and VALIDITY[kind].fills


def _finished(kind: str | None, aligned: NDArray[np.float64]) -> NDArray[np.float64]:
    return _ranked_and_filled(aligned) if _fills(kind) else aligned


def _ranked_and_filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tie-kept ranks ``(r - 1/2) / n`` of the n ids that have a value, and 1/2 for the others."""
    there = ~np.isnan(values)
    count = int(there.sum())
    doubled = rows_by_rank(values[np.newaxis, there], np.arange(2.0 * count)).rows[0]
    filled = np.full(len(values), 0.5)
    filled[there] = doubled / (2 * count)
    return filled


def read_limits(ids: int) -> ReadLimits:
    """Return the limits for reading a submission to a universe of so many ids."""
    most = most_bytes(ids)
    return ReadLimits(
        memory=LEAST_MEMORY + MEMORY_PER_BYTE * most,
        cpu=CPU_SECONDS + most / BYTES_PER_SECOND,
        wall=WALL_SECONDS + most / BYTES_PER_SECOND,
        answer=FLOAT * ids + 65_536,
    )


class SubmissionReader:
    """Reads strangers' submissions to one round, each in a child process of its own.

    Parameters
    ----------
    kind
        The rules' ``submissions``, see `scorer.submission.validity.align`.
    """

    def __init__(
        self, reader: IsolatedReader | InProcessReader, kind: str | None, universe: Universe
    ) -> None:
        self._kind = kind
        self._ids = len(universe.ids)
        limits = read_limits(self._ids)
        self._call = reader.prepare(read_alignment, kind, universe, limits=limits)

    def read(self, content: bytes, name: str) -> CheckedSubmission:
        """Read one file.

        Raises
        ------
        SubmissionRefused
            When the tournament would refuse it; `SubmissionUnread` when its reader died, took too much, or
            answered what cannot be.
        """
        try:
            result = self._call(content)
        except IsolationError as error:
            if error.reason == IsolationReason.REFUSED:
                raise SubmissionRefused.because(name, error.text) from None
            raise SubmissionUnread(name, error.reason, error.text) from None
        try:
            return self._predictions(result)
        except (ValueError, KeyError, TypeError) as error:
            found = f"one whose reader gave an answer that cannot be ({error})"
            raise SubmissionUnread(name, IsolationReason.DEFECT, found) from None

    def _predictions(self, result: ReadResult) -> CheckedSubmission:
        (content,) = result.blobs
        values = np.frombuffer(content, "<f8")
        gaps = int(np.isnan(values).sum())
        if len(values) != self._ids or (gaps and not _fills(self._kind)):
            raise ValueError(f"{len(values)} predictions, {gaps} NaN")
        there = values[~np.isnan(values)]
        if not ((there >= -TOLERANCE) & (there <= 1 + TOLERANCE)).all() or not len(there):
            raise ValueError("predictions outside of [0, 1]")
        coverage = _coverage(result.facts, self._ids, gaps)
        finished = _finished(self._kind, values.astype(np.float64))
        # Adding 0.0 turns -0.0 into 0.0: the content hash knows one zero.
        return CheckedSubmission(np.asarray(np.clip(finished, 0.0, 1.0) + 0.0), coverage)


def check_submission(kind: str | None, content: bytes, universe: Universe, name: str) -> CheckedSubmission:
    """Read one submission of one's own, see `SubmissionReader.read`.

    In a child process too, so that a file that would end its reader is refused here as by the operator, save
    where the system has none: a data scientist need not have Linux.
    """
    reader = SHARED_READER if sys.platform == "linux" else InProcessReader()
    return SubmissionReader(reader, kind, universe).read(content, name)


def read_bounded(file: Path, ids: int) -> bytes:
    """Read a file's bytes; refuse more than a universe of so many ids takes."""
    most = most_bytes(ids)
    with file.open("rb") as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise SubmissionRefused(str(file), f"at most {most} bytes for a universe of {ids} ids", "more")
    return content


def _coverage(facts: Any, ids: int, filled: int) -> Coverage:
    return Coverage(
        universe=ids,
        found=ids - filled,
        filled=filled,
        unknown=_count(facts["unknown"]),
        near=_count(facts["near"]),
        filled_ids=_texts(facts["missing_ids"]),
        unknown_ids=_texts(facts["unknown_ids"]),
        near_pairs=tuple((one, other) for one, other in map(_texts, facts["near_pairs"])),
    )


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("a count")
    return value


def _texts(values: Any) -> tuple[str, ...]:
    """Return a few texts that are fit for a terminal."""
    if not isinstance(values, list) or len(values) > SHOWN or not all(map(_is_short_text, values)):
        raise TypeError("texts")
    return tuple(values)


def _is_short_text(value: Any) -> bool:
    longest = SHOWN_CHARACTERS + len("...")
    return isinstance(value, str) and value.isprintable() and len(value) <= longest
