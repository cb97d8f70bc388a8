"""Shared by the readers of submission files: refusals, bounds, and which columns count."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from scorer.errors import CupelError

COLUMNS: Final = ["id", "prediction"]
PARQUET_MAGIC: Final = b"PAR1"
"""The first bytes of a Parquet file."""
SHOWN: Final = 3
"""Offending ids that a message names at most."""
SHOWN_CHARACTERS: Final = 60
"""Characters of an id or a value that a message shows at most."""
ROWS_PER_ID: Final = 4
SPARE_ROWS: Final = 10_000
"""A file may name ids that the universe lacks, but not any number of them."""
BYTES_PER_ROW: Final = 256


class SubmissionRefused(CupelError, ValueError):
    """A submission cannot be used: which file, what was expected, what was found.

    Attributes
    ----------
    name
        What messages call the file; empty where whoever asked knows.
    reason
        ``expected ..., found ...``
    """

    def __init__(self, name: str, expected: str, found: str) -> None:
        self.name = name
        self.reason = f"expected {expected}, found {found}"
        super().__init__(name, expected, found)

    @classmethod
    def because(cls, name: str, reason: str) -> Self:
        """Return the refusal for a reason that was worded elsewhere."""
        refused = cls(name, "", "")
        refused.reason = reason
        return refused

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" if self.name else self.reason


def shown(text: object) -> str:
    """Return text from a file, fit for one line of a message."""
    short = str(text)[: SHOWN_CHARACTERS + 1]
    line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in short)
    return line if len(line) <= SHOWN_CHARACTERS else line[:SHOWN_CHARACTERS] + "..."


def some(ids: Sequence[str]) -> str:
    """Return the number of ids, and the first of them."""
    return counted([shown(name) for name in ids[:SHOWN]], len(ids))


def counted(examples: Sequence[str], count: int) -> str:
    """Return a count, and examples of what was counted."""
    return f"{count} ({', '.join(examples)}{', ...' if count > len(examples) else ''})"


def no_table(name: str, reason: object) -> SubmissionRefused:
    """Return the refusal of content that no parser takes."""
    return SubmissionRefused(name, "a CSV or Parquet file", f"content that is neither ({shown(reason)})")


def parser_words(error: Exception) -> str:
    """Return the first line of a parser's error; its kind where it says nothing."""
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def most_rows(ids: int) -> int:
    """Return how many rows a submission to a universe of so many ids may have."""
    return ROWS_PER_ID * ids + SPARE_ROWS


def most_bytes(ids: int) -> int:
    """Return the largest size in bytes of a submission to so many ids, as a file and unpacked."""
    return BYTES_PER_ROW * most_rows(ids)


def check_size(size: int, ids: int, name: str) -> None:
    """Refuse a file that is too large, packed or unpacked."""
    most = most_bytes(ids)
    if size > most:
        raise SubmissionRefused(name, f"at most {most} bytes for a universe of {ids} ids", f"{size}")


def check_rows(rows: int, ids: int, name: str) -> None:
    """Refuse a file of too many rows."""
    if rows > most_rows(ids):
        raise SubmissionRefused(name, f"at most {most_rows(ids)} rows for a universe of {ids} ids", f"{rows}")


ChooseColumns = Callable[[Sequence[str]], tuple[str, str] | None]
"""The columns of ids and of predictions, of those that a file has; None where it has none such."""


def _id_and_prediction(columns: Sequence[str]) -> tuple[str, str] | None:
    return ("id", "prediction") if sorted(columns) == COLUMNS else None


@dataclass(frozen=True)
class ColumnLayout:
    """The columns that a file must have, as a function of those it has and in words."""

    choose: ChooseColumns
    expected: str

    def columns(self, columns: Sequence[str], name: str) -> tuple[str, str]:
        """Return the columns of ids and predictions, or a refusal."""
        chosen = self.choose(columns)
        if chosen is None:
            found = [shown(column) for column in columns[: 2 * SHOWN]]
            more = f" and {len(columns) - len(found)} more" if len(columns) > len(found) else ""
            raise SubmissionRefused(name, self.expected, f"{found}{more}")
        return chosen


ID_AND_PREDICTION: Final = ColumnLayout(_id_and_prediction, f"the columns {COLUMNS}")


@dataclass(frozen=True)
class SubmissionTable:
    """A file's two columns, row by row, as far as they could be read.

    Attributes
    ----------
    id_column
        What the file calls its ids.
    predictions
        NaN where the file has no value.
    """

    id_column: str
    ids: list[str]
    predictions: NDArray[np.float64]


@dataclass(frozen=True)
class NearMisses:
    """Ids of a file that the universe lacks, but for what programs do to text on its way.

    Attributes
    ----------
    pairs
        The file's id and the universe's, ascending.
    """

    pairs: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        if not self.pairs:
            return ""
        one, other = self.pairs[0]
        return (
            f"{len(self.pairs)} differ from an id of the universe only by capitals, blanks or zeros "
            f"in front, as {shown(one)!r} from {shown(other)!r}"
        )


def near_misses(unknown: Iterable[str], missing: Iterable[str]) -> NearMisses:
    """Return unknown ids that are most likely a missing one whose text a spreadsheet or a program changed."""
    meant = {_essence(name): name for name in missing}
    pairs = ((name, meant[_essence(name)]) for name in sorted(set(unknown)) if _essence(name) in meant)
    return NearMisses(tuple(pairs))


def _essence(text: str) -> str:
    """Return an id without what gets lost or is added: 7 for 007, 7.0 and ' 7'; aapl for AAPL."""
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    return (plain[:-2] if plain.endswith(".0") else plain).lstrip("0")
