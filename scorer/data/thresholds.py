"""Bins of a cross-section by thresholds, the least value above each edge, without a sort of all values.

A comparison sort of float64 is what binning would spend most of its time on, and on some processors numpy's
is slow. Here each row is put on a grid of 2**16 steps, which keeps the order, and the steps are sorted by
radix. Only the few values that share a step with an edge are compared themselves. A row whose values crowd
into few steps is sorted whole. Either way the result is the same.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.exact import Floats

LAST_STEP: Final = 0xFFFF
"""The step of all that is greater than the grid, and of missing values."""
SAMPLE: Final = 256
"""Values of a row that its grid is made from."""
LEAST_WIDTH: Final = 1024
"""Shorter rows are sorted whole."""
MOST_SHARED: Final = 512
"""A row with more values in the steps of its edges is sorted whole."""


def row_codes(rows: Floats, edges: tuple[int, ...]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the bin of each value, and which rows have missing values: the bins of these mean nothing.

    The names at an edge share one average rank, and are above it when more than the edge's share of all
    names is below that rank. A value's bin is the number of edges that it is above.

    Parameters
    ----------
    rows
        (rows, names), NaN where a value is missing.
    edges
        Percent of the names below each edge.
    """
    codes = np.zeros(rows.shape, dtype=np.uint8)
    with np.errstate(over="ignore", invalid="ignore"):
        has_missing = np.isnan(rows.sum(axis=1))
    counts = np.full(len(rows), rows.shape[1], dtype=np.int64)
    for row in np.flatnonzero(has_missing).tolist():
        counts[row] -= np.count_nonzero(np.isnan(rows[row]))
    done = np.zeros(len(rows), dtype=np.bool_)
    if rows.shape[1] >= LEAST_WIDTH:
        done = _by_steps(rows, edges, counts, codes)
    for row in np.flatnonzero(~done & (counts > 0)).tolist():
        thresholds = _by_sort(np.sort(rows[row])[: counts[row]], edges)
        codes[row] = (rows[row] >= thresholds[:, np.newaxis]).sum(axis=0)
    return codes, has_missing


def _by_sort(ascending: Floats, edges: tuple[int, ...]) -> Floats:
    """Thresholds of a row without missing values."""
    count = len(ascending)
    at = ascending[[edge * count // 100 for edge in edges]]
    starts, ends = np.searchsorted(ascending, at, side="left"), np.searchsorted(ascending, at, side="right")
    return _above(at, starts, ends, count, np.asarray(edges))


def _above(
    at: Floats, starts: NDArray[np.int64], ends: NDArray[np.int64], counts: object, edges: NDArray[np.int64]
) -> Floats:
    """The value at an edge where the names that have it are above the edge, else the next greater number."""
    above = 100 * (starts + ends) > 2 * np.asarray(counts) * edges
    return np.where(above, at, np.nextafter(at, np.inf))


def _by_steps(
    rows: Floats, edges: tuple[int, ...], counts: NDArray[np.int64], codes: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Fill in the bins of the rows whose values spread over the grid; return which rows those are."""
    steps, spread = _steps(rows, counts, min(edges[0], 100 - edges[-1]) / 200)
    spread &= counts > 0
    ordered = np.sort(steps, axis=1, kind="stable")  # by radix
    ranks = counts[:, np.newaxis] * np.asarray(edges) // 100
    ranks[~spread] = 0
    wanted = np.take_along_axis(ordered, ranks, axis=1)
    shared = np.zeros(rows.shape, dtype=np.bool_)
    for edge in range(len(edges)):
        step = wanted[:, edge, np.newaxis]
        # A value in another step than an edge's is above the edge when its step is.
        codes += steps > step
        shared |= steps == step
    shared[~spread] = False
    owners, places = np.divmod(np.flatnonzero(shared), rows.shape[1])
    spread &= np.bincount(owners, minlength=len(rows)) <= MOST_SHARED
    kept = spread[owners]
    if kept.any():
        owners, places = owners[kept], places[kept]
        values, found = rows[owners, places], np.flatnonzero(spread)
        candidates = _Candidates.of(owners, steps[owners, places], values)
        below = np.array([np.searchsorted(ordered[row], wanted[row]) for row in found])
        at, starts, ends = candidates.at(found, wanted[found], ranks[found] - below)
        sizes = counts[found, np.newaxis]
        thresholds = _above(at, starts + below, ends + below, sizes, np.asarray(edges))
        own = thresholds[np.searchsorted(found, owners)]
        codes[owners, places] = (values[:, np.newaxis] >= own).sum(axis=1)
    return spread


@dataclass(frozen=True, eq=False)
class _Candidates:
    """The values that share a step with an edge, in order within their row and step.

    Attributes
    ----------
    groups
        The row and the step of each.
    runs
        Which run of equal values each is of.
    bounds
        Where each run begins, and the end of the last.
    """

    values: Floats
    groups: NDArray[np.int64]
    runs: NDArray[np.int64]
    bounds: NDArray[np.int64]

    @classmethod
    def of(cls, owners: NDArray[np.int64], steps: NDArray[np.uint16], values: Floats) -> "_Candidates":
        order = np.lexsort((values, steps, owners))
        groups, values = owners[order] << 16 | steps[order], values[order]
        fresh = np.concatenate([[True], (np.diff(groups) != 0) | (values[1:] != values[:-1])])
        bounds = np.append(np.flatnonzero(fresh), len(values))
        return cls(values, groups, np.cumsum(fresh) - 1, bounds)

    def at(
        self, rows: NDArray[np.int64], steps: NDArray[np.uint16], ranks: NDArray[np.int64]
    ) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
        """Return the values of these ranks within a step, and the ranks where their equals begin and end."""
        begin = np.searchsorted(self.groups, rows[:, np.newaxis] << 16 | steps)
        run = self.runs[begin + ranks]
        return self.values[begin + ranks], self.bounds[run] - begin, self.bounds[run + 1] - begin


def _steps(
    rows: Floats, counts: NDArray[np.int64], outside: float
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """Return each value's step, and for which rows there is a grid.

    Subtraction and multiplication round in order, so that a greater value never has a lesser step.

    Parameters
    ----------
    counts
        How many values of each row are not missing.
    outside
        The share of the names below the grid, and that above it: no edge lies there.
    """
    sample = np.sort(rows[:, :: max(rows.shape[1] // SAMPLE, 1)], axis=1)
    finite = np.isfinite(sample).sum(axis=1)
    tail = (finite * outside).astype(np.int64)
    each = np.arange(len(rows))
    low, high = sample[each, tail], sample[each, np.maximum(finite - 1 - tail, 0)]
    with np.errstate(all="ignore"):
        scale = LAST_STEP / (high - low)
        spread = np.isfinite(scale) & (scale > 0)
        low[~spread], scale[~spread] = 0.0, 0.0
        scaled = np.subtract(rows, low[:, np.newaxis])
        scaled *= scale[:, np.newaxis]
        np.clip(scaled, 0, LAST_STEP, out=scaled)
        # Only a missing value has no step; a row without a grid has none that is used.
        for row in np.flatnonzero(counts < rows.shape[1]).tolist():
            scaled[row, np.isnan(scaled[row])] = LAST_STEP
        return scaled.astype(np.uint16), spread
