"""Chooses the ids on which predictions are scored, for every column on its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scorer.scoring.errors import UnscoredReason, refuse
from scorer.scoring.exact import Floats, mean
from scorer.scoring.tables import require_unique

Table = pd.Series | pd.DataFrame

DEFAULT_MAX_FILTERED_INDEX_RATIO = 0.2
"""The largest share of ids that may be dropped, as in ``numerai_tools.scoring``."""

LARGEST_VALUE = 1e300
"""Targets, weights and features beyond it are refused: differences and sums of them could overflow."""

RANKED = {"meta_model"}
"""Arguments that are only ranked, so that they may be infinite."""


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
    reason: UnscoredReason | None


@dataclass(frozen=True)
class Aligned:
    """Predictions, and the values to compare them with, on their common ids in sorted order.

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
        """Select a group's columns and ids: (columns, ids) predictions, and the other values."""
        everything = len(group.rows) == len(self.ids)
        if everything and len(group.columns) == len(self.predictions):
            return self.predictions, self.others
        rows = self.predictions[np.ix_(group.columns, group.rows)]
        return rows, [other[group.rows] for other in self.others]

    def _reason(self, kept: int) -> UnscoredReason | None:
        enough = kept > 0 and all(keeps_enough(kept, n, self.max_filtered_ratio) for n in self.lengths)
        return None if enough else UnscoredReason.TOO_FEW_IDS


def keeps_enough(kept: int, length: int, max_filtered_ratio: float) -> bool:
    """Return whether few enough ids are dropped; the comparison that ``filter_sort_index`` makes."""
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
        Ids by models, as `frame_of` gives them.
    others
        Argument names and their values, as `frame_of` and `series_of` give them.
    max_filtered_ratio
        The largest share of ids, from 0 to 1, that any of them may lose.

    Raises
    ------
    ScoringInputError
        For empty, duplicated or unsortable ids, infinite values, or when more than the share is lost.
    """
    named = {"predictions": predictions} | {name: _frame(other) for name, other in others.items()}
    for name, frame in named.items():
        _require_ids(name, frame)
    ids = _common_ids(named)
    for name, frame in named.items():
        if not keeps_enough(len(ids), len(frame), max_filtered_ratio):
            expected = f"at least {1 - max_filtered_ratio:.0%} of its ids in common with the other arguments"
            refuse(name, expected, f"{len(ids)} of {len(frame)}", "use the same ids everywhere")
    values = {name: _rows(frame, ids) for name, frame in named.items()}
    matrix = np.ascontiguousarray(values.pop("predictions").T)
    for name, table in values.items():
        if name not in RANKED:
            require_bounded(name, table)
    flat = [array[:, 0] if isinstance(others[name], pd.Series) else array for name, array in values.items()]
    return Aligned(matrix, flat, ids, tuple(len(frame) for frame in named.values()), max_filtered_ratio)


def _common_ids(named: Mapping[str, pd.DataFrame]) -> pd.Index:
    """Return the sorted ids with values in all tables; a row of predictions may hold NaN."""
    ids = named["predictions"].index
    for name, frame in named.items():
        kept = frame.index if name == "predictions" else frame.dropna().index
        ids = ids.intersection(kept)
    try:
        return ids.sort_values()
    except TypeError as error:
        refuse("predictions", "ids that can be sorted", str(error), "use strings throughout")


def _rows(frame: pd.DataFrame, ids: pd.Index) -> Floats:
    chosen = frame if frame.index.equals(ids) else frame.loc[ids]
    return chosen.to_numpy(dtype=np.float64)


def require_bounded(name: str, values: Floats) -> None:
    """Refuse infinities, and numbers so large that their sums or differences would overflow; NaN passes."""
    beyond = int((np.abs(values) > LARGEST_VALUE).sum())
    if beyond:
        expected = f"finite numbers up to {LARGEST_VALUE:.0e} in magnitude, or NaN"
        refuse(name, expected, f"{beyond} beyond", "replace or drop them")


def centre_of(name: str, targets: pd.Series) -> float:
    """Return the mean of all targets that are not NaN, also of those whose ids are not scored."""
    values = targets.dropna().to_numpy(dtype=np.float64)
    if len(values) == 0:
        refuse(name, "at least one value", "none", "pass the round's data")
    require_bounded(name, values)
    return mean(values)


def _frame(value: Table) -> pd.DataFrame:
    return value.to_frame() if isinstance(value, pd.Series) else value


def _require_ids(name: str, frame: pd.DataFrame) -> None:
    if len(frame) == 0:
        refuse(name, "at least one id", "none", "pass the round's data")
    require_unique(name, frame.index)


def scores_by_column(columns: pd.Index, values: Floats, reasons: list[UnscoredReason | None]) -> pd.Series:
    """Label scores with the columns; ``attrs["reasons"]`` says for each NaN why."""
    series = pd.Series(values, index=columns, dtype=np.float64)
    missing = zip(columns, reasons, strict=True)
    series.attrs["reasons"] = {column: str(reason) for column, reason in missing if reason is not None}
    return series
