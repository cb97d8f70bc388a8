"""The validity rules of the incumbent's three tournaments: columns, ids, values, and how gaps are filled.

The rules are those of ``numerai_tools.submissions`` 0.7.2, as its code has them. A file that they take
becomes predictions on the round's universe, which are what is hashed, signed and scored.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.submission.file import read_table
from scorer.submission.table import (
    ID_AND_PREDICTION,
    ColumnLayout,
    NearMisses,
    SubmissionRefused,
    SubmissionTable,
    near_misses,
    some,
)

TOLERANCE: Final = 1e-8
"""The distance from [0, 1] at which a value may lie, and the standard deviation that counts as none."""


@dataclass(frozen=True)
class Validity:
    """The submissions that one tournament takes.

    Attributes
    ----------
    id_columns, prediction_columns
        A file has one of each, in this order.
    ignored_columns
        These may be there, anywhere.
    least_ids
        How many of the universe's ids a file must have; None: all.
    fills
        Whether predictions are ranked and ids without one get 1/2.
    """

    id_columns: tuple[str, ...]
    prediction_columns: tuple[str, ...]
    ignored_columns: tuple[str, ...]
    least_ids: int | None
    fills: bool

    @property
    def layout(self) -> ColumnLayout:
        """The columns that are taken."""
        expected = (
            f"the columns [{' or '.join(self.id_columns)}] and [{' or '.join(self.prediction_columns)}], "
            "in this order"
        )
        return ColumnLayout(self._choose, expected)

    def _choose(self, columns: Sequence[str]) -> tuple[str, str] | None:
        counted = [column for column in columns if column not in self.ignored_columns]
        if len(counted) != 2 or len(set(columns)) != len(columns):
            return None
        id_column, prediction = counted
        known = id_column in self.id_columns and prediction in self.prediction_columns
        return (id_column, prediction) if known else None


CLASSIC: Final = Validity(("id",), ("prediction", "probability"), (), least_ids=None, fills=False)
SIGNALS: Final = Validity(
    ("ticker", "sedol", "bloomberg_ticker", "composite_figi", "numerai_ticker"),
    ("prediction", "signal"),
    ("data_type", "date", "friday_date"),
    least_ids=100,
    fills=True,
)
CRYPTO: Final = Validity(("symbol",), ("prediction", "signal"), (), least_ids=100, fills=True)
VALIDITY: Final = {"classic": CLASSIC, "signals": SIGNALS, "crypto": CRYPTO}
"""By the name that rules give in ``submissions``."""


@dataclass(frozen=True)
class Universe:
    """A round's ids, and what else they are called.

    Attributes
    ----------
    ids
        Sorted.
    names
        By column, such as bloomberg_ticker, a name for each id in the order of `ids`; None where an id has
        none. Two ids may share one, as two listings of a company do.
    """

    ids: tuple[str, ...]
    names: Mapping[str, Sequence[str | None]]

    def named(self, column: str) -> Sequence[str | None] | None:
        """Return the ids' names in a file's column of ids; the ids themselves where there are no names."""
        return self.names.get(column) if self.names else self.ids


@dataclass(frozen=True)
class Alignment:
    """A file's predictions in the order of a round's universe, and how its ids met the universe's.

    Attributes
    ----------
    predictions
        Shape (ids,). NaN for an id that the file lacks, where the tournament fills such.
    missing, unknown
        Ids of the universe that have no prediction, and ids of the file that the universe lacks; ascending.
    """

    predictions: NDArray[np.float64]
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    near: NearMisses = field(default_factory=NearMisses)


def align(kind: str | None, content: bytes, universe: Universe, name: str) -> Alignment:
    """Read a submission file as the rules' ``submissions`` say, and align it to a round's universe.

    Parameters
    ----------
    kind
        A key of `VALIDITY`; None: exactly the universe's ids in the columns id and prediction.
    content
        The file's bytes: CSV in UTF-8, or Parquet; rows in any order.
    name
        What messages call the file.

    Raises
    ------
    SubmissionRefused
        When the tournament would refuse it: expectation and finding.
    """
    if kind is None:
        return _aligned_exactly(content, universe.ids, name)
    validity = VALIDITY[kind]
    table = read_table(content, validity.layout, name, ids=len(universe.ids))
    names = universe.named(table.id_column)
    if names is None:
        raise SubmissionRefused(
            name, f"ids in one of the columns {', '.join(universe.names)}", f"the column {table.id_column}"
        )
    return _aligned(table, names, universe.ids, validity, name)


def _aligned_exactly(content: bytes, universe: Sequence[str], name: str) -> Alignment:
    table = read_table(content, ID_AND_PREDICTION, name, ids=len(universe))
    _check_exact_ids(table.ids, universe, name)
    _check_exact_values(table, name)
    row_of = {name: row for row, name in enumerate(table.ids)}
    return Alignment(table.predictions[[row_of[name] for name in universe]] + 0.0)


def _check_exact_ids(ids: Sequence[str], universe: Sequence[str], name: str) -> None:
    present = set(ids)
    _check_each_once(ids, name)
    unknown = sorted(present.difference(universe))
    missing = sorted(set(universe).difference(present))
    if unknown:
        found = _with_near(f"unknown ids: {some(unknown)}", near_misses(unknown, missing))
        raise SubmissionRefused(name, f"only the {len(universe)} ids of the round", found)
    if missing:
        raise SubmissionRefused(
            name, f"all {len(universe)} ids of the round", f"missing ids: {some(missing)}"
        )


def _check_each_once(ids: Sequence[str], name: str) -> None:
    if len(set(ids)) != len(ids):
        repeated = sorted(each for each, count in Counter(ids).items() if count > 1)
        raise SubmissionRefused(name, "each id once", f"duplicate ids: {some(repeated)}")


def _with_near(found: str, near: NearMisses) -> str:
    return f"{found}; {near}" if near.pairs else found


def _check_exact_values(table: SubmissionTable, name: str) -> None:
    for wrong, found in (
        (np.isnan(table.predictions), "NaN"),
        (np.isinf(table.predictions), "infinity"),
        ((table.predictions < 0) | (table.predictions > 1), "values outside"),
    ):
        if wrong.any():
            ids = sorted(table.ids[row] for row in np.flatnonzero(wrong).tolist())
            raise SubmissionRefused(name, "predictions within [0, 1]", f"{found} for ids: {some(ids)}")


def _aligned(
    table: SubmissionTable,
    names: Sequence[str | None],
    ids: Sequence[str],
    validity: Validity,
    name: str,
) -> Alignment:
    """Return the rows of a table that a tournament takes: those of the universe's ids; others are ignored."""
    known = {name for name in names if name is not None}
    rows = [row for row, each in enumerate(table.ids) if each in known]
    live = SubmissionTable(table.id_column, [table.ids[row] for row in rows], table.predictions[rows])
    unknown = tuple(sorted({name for name in table.ids if name not in known}))
    near = near_misses(unknown, known.difference(live.ids))
    _check_each_once(live.ids, name)
    least = len(known) if validity.least_ids is None else validity.least_ids
    if len(rows) < least:
        found = f"{len(rows)}; unknown ids: {some(unknown)}" if unknown else f"{len(rows)}"
        expected = f"at least {least} ids of the round's universe"
        raise SubmissionRefused(name, expected, _with_near(found, near))
    _check_values(live.predictions, name)
    value_of = dict(zip(live.ids, live.predictions.tolist(), strict=True))
    aligned = np.array([value_of.get(each, np.nan) if each is not None else np.nan for each in names])
    # Only NaN differs from itself.
    missing = tuple(each for each, value in zip(ids, aligned.tolist(), strict=True) if value != value)
    if not validity.fills:
        aligned = np.asarray(np.clip(aligned, 0.0, 1.0) + 0.0)
    return Alignment(aligned, missing, unknown, near)


def _check_values(values: NDArray[np.float64], name: str) -> None:
    if np.isnan(values).any():
        raise SubmissionRefused(name, "a prediction for every id", f"{np.isnan(values).sum()} NaN")
    if values.min() < -TOLERANCE or values.max() > 1 + TOLERANCE:
        raise SubmissionRefused(name, "predictions within [0, 1]", f"{values.min()} to {values.max()}")
    # The sample's deviation, as pandas and so numerai-tools take it.
    if len(values) < 2 or values.std(ddof=1) <= TOLERANCE:
        raise SubmissionRefused(name, "predictions that differ", f"{values[0]} for every id")
