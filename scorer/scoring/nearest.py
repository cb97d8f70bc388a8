"""The highest correlation of each submission with another: MCWNM, by candidates and exact integers.

Half of the pairs' products in float64 would decide; float32 takes half the time of those, but rounds. So
float32 only says which others can be the nearest: all that are within twice the largest possible error of
the best one found. Their products are then multiplied out exactly, so that float32 changes no bit. The
argument for the bound is in docs/scoring.md.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.exact import Floats

Ranks = NDArray[np.int16]
Singles = NDArray[np.float32]
Positions = NDArray[np.intp]

MODELS_AT_ONCE = 2048
"""Models in a block: the more, the less often their ranks are converted. 100 MB a block at 6,000 ids."""

PAIRS_AT_ONCE = 64
"""Candidates multiplied out at once: their ranks as float64 fit a core's cache."""

MOST_CANDIDATES = 8
"""Candidates a model in a pair of blocks. Beyond that, in a crowd of near copies, one exact product of the
blocks takes less time than one product a candidate."""

UNIT_ROUNDOFF = 2.0**-24
"""The relative error of one operation in float32."""


def error_bound(ids: int) -> float:
    """Return what a correlation of unit rows in float32 can be off by, whatever the order of its sum.

    Standard: ``n u / (1 - n u)`` for a sum of n products whose magnitudes sum to at most one, and eight
    roundings more for the rows' scale, the exact quotient, and the threshold that it is compared with.
    """
    operations = (ids + 8) * UNIT_ROUNDOFF
    return operations / (1 - operations)


def highest_correlations(ranks: Ranks, lengths: Floats) -> Floats:
    """Find the largest correlation of each row with another.

    Parameters
    ----------
    ranks
        (models, ids) doubled ranks about their mean, at least two rows.
    lengths
        (models,) The roots of the rows' squares, above 0.

    Returns
    -------
    (models,) float64, at most one: products of integers over products of lengths, rounded once each.
    """
    search = _Search(ranks, lengths)
    for rows in _blocks(len(ranks)):
        left = search.unit_rows(rows)
        search.compare(rows, left, rows, left)
        for columns in _blocks(len(ranks), rows.stop):
            search.compare(rows, left, columns, search.unit_rows(columns))
    search.decide()
    # Rounding of the lengths may take equal submissions past one.
    return np.asarray(np.minimum(search.highest, 1.0))


class _Search:
    """Collects who can be the nearest to whom, and decides it exactly."""

    def __init__(self, ranks: Ranks, lengths: Floats) -> None:
        self._ranks = ranks
        self._lengths = lengths
        self._slack = np.float32(2 * error_bound(ranks.shape[1]))
        self._best = np.full(len(ranks), -2, dtype=np.float32)
        self._candidates: list[tuple[Positions, Positions, Singles]] = []
        self.highest = np.full(len(ranks), -np.inf)

    def unit_rows(self, rows: slice) -> Singles:
        """(models, ids) ranks of a block over their lengths."""
        shares = (1 / self._lengths[rows]).astype(np.float32)
        return np.multiply(self._ranks[rows], shares[:, np.newaxis], dtype=np.float32)

    def compare(self, rows: slice, left: Singles, columns: slice, right: Singles) -> None:
        """Note the candidates of two blocks of models, for both; or decide them if there are too many."""
        products = approximate_products(left, right)
        if rows == columns:
            np.fill_diagonal(products, -2)
            found = [self._near(products, rows)]
        else:
            found = [self._near(products, rows), self._near(products.T, columns)]
        if sum(np.count_nonzero(hits) for _, hits in found) > MOST_CANDIDATES * sum(products.shape):
            self._decide_block(rows, columns)
            return
        self._note(products, rows, columns, *found[0])
        if rows != columns:
            self._note(products.T, columns, rows, *found[1])

    def _near(self, products: Singles, owners: slice) -> tuple[Positions, NDArray[np.bool_]]:
        """Find rows with candidates by the best products so far; and which of a row's others are some."""
        best = self._best[owners]
        largest = products.max(axis=1)
        np.maximum(best, largest, out=best)
        threshold = best - self._slack
        # Later blocks hold a candidate for few models: only their rows are looked through.
        near = np.flatnonzero(largest >= threshold)
        return near, products[near] >= threshold[near, np.newaxis]

    def _note(
        self, products: Singles, owners: slice, others: slice, near: Positions, hits: NDArray[np.bool_]
    ) -> None:
        row, column = np.nonzero(hits)
        self._candidates.append(
            (near[row] + owners.start, column + others.start, products[near[row], column])
        )

    def _decide_block(self, rows: slice, columns: slice) -> None:
        """Take the exact correlations of all pairs of two blocks into account."""
        left = self._ranks[rows].astype(np.float64)
        # One array on both sides of a block with itself: BLAS then computes half of it.
        right = left if rows == columns else self._ranks[columns].astype(np.float64)
        exact = left @ right.T
        exact /= np.outer(self._lengths[rows], self._lengths[columns])
        if rows == columns:
            np.fill_diagonal(exact, -np.inf)
        self.highest[rows] = np.maximum(self.highest[rows], exact.max(axis=1))
        self.highest[columns] = np.maximum(self.highest[columns], exact.max(axis=0))

    def decide(self) -> None:
        """Take the exact correlations of all candidates into account that are still within the bound."""
        if not self._candidates:
            return  # every pair of blocks was a crowd
        owners, others, products = (np.concatenate(each) for each in zip(*self._candidates, strict=True))
        kept = np.flatnonzero(products >= (self._best - self._slack)[owners])
        for start in range(0, len(kept), PAIRS_AT_ONCE):
            chosen = kept[start : start + PAIRS_AT_ONCE]
            left, right = owners[chosen], others[chosen]
            rows = self._ranks[left].astype(np.float64), self._ranks[right].astype(np.float64)
            exact = np.einsum("ij,ij->i", *rows) / (self._lengths[left] * self._lengths[right])
            np.maximum.at(self.highest, left, exact)


def approximate_products(left: Singles, right: Singles) -> Singles:
    """(left, right) products of two blocks of unit rows in float32, in BLAS's order."""
    return left @ right.T  # BLAS knows when it is symmetric, and takes half the time


def _blocks(models: int, start: int = 0) -> Iterator[slice]:
    """Yield the rows of each block of models, from a first one on."""
    starts = range(start, models, MODELS_AT_ONCE)
    return (slice(begin, min(begin + MODELS_AT_ONCE, models)) for begin in starts)
