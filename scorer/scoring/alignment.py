"""Which ids of a table of predictions are scored: every column on its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scorer.scoring.errors import Reason, refuse
from scorer.scoring.exact import Floats

Table = pd.Series | pd.DataFrame

DEFAULT_MAX_FILTERED_INDEX_RATIO = 0.2
"""The largest share of ids that may be dropped, as in ``numerai_tools.scoring``."""


@dataclass(frozen=True)
class Group:
    """Columns that are scored on the same ids.

    Attributes
    ----------
    columns
        Their positions among the columns.
    rows
        Positions, among the aligned ids, of those that they are scored on, ascending.
    reason
        Why they cannot be scored at all, or None.
    """

    columns: NDArray[np.intp]
    rows: NDArray[np.intp]
    reason: Reason | None


@dataclass(frozen=True)
class Aligned:
    """Predictions and what they are compared with, on their common ids in sorted order.

    Attributes
    ----------
    predictions
        (columns, ids) float64, with NaN where a column has no value.
    others
        (ids,) or (ids, width) float64 each, without NaN.
    ids
        The common ids.
    lengths
        How many ids the predictions and each of the others had.
    max_filtered_ratio
        The largest share that may be dropped.
    """

    predictions: Floats
    others: list[Floats]
    ids: pd.Index
    lengths: tuple[int, ...]
    max_filtered_ratio: float

    def groups(self) -> Iterator[Group]:
        """Group the columns by where they have values."""
        present = ~np.isnan(self.predictions)
        complete = present.all(axis=1)
        if complete.any():
            everything = np.arange(len(self.ids))
            yield Group(np.flatnonzero(complete), everything, self._reason(len(everything)))
        patterns: dict[bytes, list[int]] = {}
        for column in np.flatnonzero(~complete).tolist():
            patterns.setdefault(present[column].tobytes(), []).append(column)
        for columns in patterns.values():
            rows = np.flatnonzero(present[columns[0]])
            yield Group(np.array(columns), rows, self._reason(len(rows)))

    def take(self, group: Group) -> tuple[Floats, list[Floats]]:
        """Cut out what a group is scored on: (columns, ids) predictions and the others."""
        everything = len(group.rows) == len(self.ids)
        if everything and len(group.columns) == len(self.predictions):
            return self.predictions, self.others
        rows = self.predictions[np.ix_(group.columns, group.rows)]
        return rows, [other[group.rows] for other in self.others]

    def _reason(self, kept: int) -> Reason | None:
        enough = kept > 0 and all(keeps_enough(kept, n, self.max_filtered_ratio) for n in self.lengths)
        return None if enough else Reason.TOO_FEW_IDS


def keeps_enough(kept: int, length: int, max_filtered_ratio: float) -> bool:
    """Tell whether few enough ids are dropped; the comparison that ``filter_sort_index`` makes."""
    return kept / length >= 1 - max_filtered_ratio


def align(
    predictions: pd.DataFrame,
    others: Mapping[str, Table],
    max_filtered_ratio: float = DEFAULT_MAX_FILTERED_INDEX_RATIO,
) -> Aligned:
    """Intersect the ids of the predictions with those of everything else, sorted.

    An id with a NaN in one of the others is dropped for all; a NaN in a column of the predictions
    concerns that column only.

    Parameters
    ----------
    predictions
        Ids by models.
    others
        Argument names and their values.
    max_filtered_ratio
        The largest share of ids, from 0 to 1, that any of them may lose.

    Raises
    ------
    ScoringInputError
        For empty or duplicated ids, values that are not numbers, or when more than the share is lost.
    """
    named = {"predictions": _frame("predictions", predictions)}
    named |= {name: _frame(name, other) for name, other in others.items()}
    ids = predictions.index
    for name, frame in named.items():
        kept = frame.index if name == "predictions" else frame.dropna().index
        ids = ids.intersection(kept)
    ids = ids.sort_values()
    for name, frame in named.items():
        if not keeps_enough(len(ids), len(frame), max_filtered_ratio):
            expected = f"at least {1 - max_filtered_ratio:.0%} of its ids in common with the other arguments"
            refuse(name, expected, f"{len(ids)} of {len(frame)}", "use the same ids everywhere")
    values = {name: _rows(frame, ids) for name, frame in named.items()}
    for name in others:
        _require_finite(name, values[name])
    matrix = np.ascontiguousarray(values.pop("predictions").T)
    flat = [array[:, 0] if isinstance(others[name], pd.Series) else array for name, array in values.items()]
    return Aligned(matrix, flat, ids, tuple(len(frame) for frame in named.values()), max_filtered_ratio)


def _rows(frame: pd.DataFrame, ids: pd.Index) -> Floats:
    chosen = frame if frame.index.equals(ids) else frame.loc[ids]
    return chosen.to_numpy(dtype=np.float64)


def _require_finite(name: str, values: Floats) -> None:
    infinite = int(np.isinf(values).sum())
    if infinite:
        refuse(name, "finite numbers or NaN", f"{infinite} infinite", "replace or drop them")


def _frame(name: str, value: Table) -> pd.DataFrame:
    if not isinstance(value, (pd.Series, pd.DataFrame)):
        refuse(name, "a pandas Series or DataFrame indexed by id", type(value).__name__, "wrap it in one")
    frame = value.to_frame() if isinstance(value, pd.Series) else value
    if len(frame) == 0:
        refuse(name, "at least one id", "none", "pass the round's data")
    if frame.index.has_duplicates:
        twice = frame.index[frame.index.duplicated()][0]
        refuse(name, "each id once", f"{twice!r} more than once", "drop the duplicates")
    if not all(dtype.kind in "fiub" for dtype in frame.dtypes):
        refuse(name, "numbers", f"dtypes {sorted({str(d) for d in frame.dtypes})}", "convert to float64")
    return frame


def scores_by_column(columns: pd.Index, values: Floats, reasons: list[Reason | None]) -> pd.Series:
    """Label scores with the columns; ``attrs["reasons"]`` says for each NaN why."""
    series = pd.Series(values, index=columns, dtype=np.float64)
    missing = zip(columns, reasons, strict=True)
    series.attrs["reasons"] = {column: str(reason) for column, reason in missing if reason is not None}
    return series
