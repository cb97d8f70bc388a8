"""What the incumbent's three tournaments take as a submission: columns, ids, values, and how gaps are filled.

The rules are those of ``numerai_tools.submissions`` 0.7.2, as its code has them. A file that they take
becomes predictions on the round's universe, which are what is hashed, signed and scored.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.rounds.submissions import Layout, SubmissionRefused, SubmissionTable, read_submission, read_table
from scorer.scoring.ranked_rows import rows_by_rank

TOLERANCE: Final = 1e-8
"""How far outside of [0, 1] a value may lie, and the standard deviation that counts as none."""
SHOWN: Final = 3


@dataclass(frozen=True)
class Validity:
    """What one tournament takes.

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
    def layout(self) -> Layout:
        """The columns that are taken."""
        expected = (
            f"the columns [{' or '.join(self.id_columns)}] and [{' or '.join(self.prediction_columns)}], "
            "in this order"
        )
        return Layout(self._choose, expected)

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
        """What each id is called in a file's column of ids; the ids themselves where there are no names."""
        return self.names.get(column) if self.names else self.ids


def read_for(kind: str | None, content: bytes, universe: Universe, name: str) -> NDArray[np.float64]:
    """Read a submission file as the rules' ``submissions`` say, and align it to a round's universe.

    Parameters
    ----------
    kind
        A key of `VALIDITY`; None: exactly the universe's ids in the columns id and prediction.

    Returns
    -------
    NDArray[np.float64]
        Predictions within [0, 1] in the order of the ids, shape (ids,).

    Raises
    ------
    SubmissionRefused
        When the tournament would refuse it: expectation and finding.
    """
    if kind is None:
        return read_submission(content, universe.ids, name)
    validity = VALIDITY[kind]
    table = read_table(content, validity.layout, name, ids=len(universe.ids))
    names = universe.named(table.id_column)
    if names is None:
        raise SubmissionRefused(
            name, f"ids in one of the columns {', '.join(universe.names)}", f"the column {table.id_column}"
        )
    live = _live(table, {each for each in names if each is not None}, validity, name)
    value_of = dict(zip(live.ids, live.predictions.tolist(), strict=True))
    aligned = np.array([value_of.get(each, np.nan) if each is not None else np.nan for each in names])
    if not validity.fills:
        return np.asarray(np.clip(aligned, 0.0, 1.0) + 0.0)
    return _ranked_and_filled(aligned)


def _live(table: SubmissionTable, known: set[str], validity: Validity, name: str) -> SubmissionTable:
    """The rows of ids that the universe has; others are ignored."""
    rows = [row for row, each in enumerate(table.ids) if each in known]
    live = SubmissionTable(table.id_column, [table.ids[row] for row in rows], table.predictions[rows])
    repeated = sorted(each for each, count in Counter(live.ids).items() if count > 1)
    if repeated:
        raise SubmissionRefused(name, "each id once", f"duplicate ids: {', '.join(repeated[:SHOWN])}")
    least = len(known) if validity.least_ids is None else validity.least_ids
    if len(rows) < least:
        raise SubmissionRefused(name, f"at least {least} ids of the round's universe", f"{len(rows)}")
    _check_values(live.predictions, name)
    return live


def _check_values(values: NDArray[np.float64], name: str) -> None:
    if np.isnan(values).any():
        raise SubmissionRefused(name, "a prediction for every id", f"{np.isnan(values).sum()} NaN")
    if values.min() < -TOLERANCE or values.max() > 1 + TOLERANCE:
        raise SubmissionRefused(name, "predictions within [0, 1]", f"{values.min()} to {values.max()}")
    if len(values) < 2 or values.std(ddof=1) <= TOLERANCE:
        raise SubmissionRefused(name, "predictions that differ", f"{values[0]} for every id")


def _ranked_and_filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tie-kept ranks ``(r - 1/2) / n`` of the n ids that have a value, and 1/2 for the others."""
    there = ~np.isnan(values)
    count = int(there.sum())
    doubled = rows_by_rank(values[np.newaxis, there], np.arange(2.0 * count)).rows[0]
    filled = np.full(len(values), 0.5)
    filled[there] = doubled / (2 * count)
    return filled
