"""Exact sums over the ids of each submission, by numpy: what scores are made of."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.exact import Floats
from scorer.scoring.plan import ScoringPlan
from scorer.scoring.quantiles import POWERED, QUANTILE
from scorer.scoring.ranks import Sorter

BLOCK_BYTES = 1 << 20
"""Bytes of a block of submissions by default: few enough for a core's cache, and enough that numpy takes
longer for each step than Python does to let another thread go on."""


@dataclass(frozen=True)
class Sums:
    """Exact sums over the ids of each submission.

    Attributes
    ----------
    products
        For each of the plan's sides (parts, models, 2): its parts times high and low part of the ranks.
    totals
        (4, models) Sums of the parts of the ranks.
    squares, powered_squares
        (3, models) Sums over the ranks, and over the powered ranks: high times high, twice high times low,
        low times low.
    missing, constant
        (models,) Whether the submission has a NaN, or one value only.
    """

    products: dict[str, Floats]
    totals: Floats
    squares: Floats
    powered_squares: Floats
    missing: NDArray[np.bool_]
    constant: NDArray[np.bool_]


def empty_sums(models: int, plan: ScoringPlan) -> Sums:
    """Allocate the sums of all submissions, filled with those of a submission without ties."""
    untied = plan.table.untied
    return Sums(
        products={key: np.empty((len(side.parts), models, 2)) for key, side in plan.sides.items()},
        totals=np.tile(untied.sum(axis=1)[:, np.newaxis], models),
        squares=np.tile(_squares(untied[QUANTILE])[:, np.newaxis], models),
        powered_squares=np.tile(_squares(untied[POWERED])[:, np.newaxis], models),
        missing=np.zeros(models, dtype=np.bool_),
        constant=np.zeros(models, dtype=np.bool_),
    )


class Summer(Protocol):
    """Adds up blocks of submissions. One serves one thread."""

    def add(self, start: int, block: Floats) -> None:
        """Sum up (models, ids) C-ordered float64; ``start`` is the number of the first model."""
        ...


@dataclass(frozen=True)
class _Operand:
    """A part of a right-hand side, with what it is multiplied by and where the products go.

    Attributes
    ----------
    part
        (ids,) by id.
    ranks
        The rows of the table of ranks that it is multiplied by, high and low part.
    untied
        (ids, 2) those of a submission without ties, from the lowest prediction to the highest.
    products
        (models, 2) of all submissions.
    """

    part: Floats
    ranks: slice
    untied: Floats
    products: Floats


class BlockSummer:
    """Ranks blocks of submissions and multiplies them out; owns the memory that this needs.

    Two threads that do so meet wherever Python is between two operations of numpy, and one of them then
    sleeps: the fewer and the shorter these places are, the better.

    Parameters
    ----------
    plan
        The right-hand sides, which all submissions share.
    sums
        The sums of all submissions, which this fills in.
    block_size
        The most submissions in a block. One summer serves one thread.
    """

    def __init__(self, plan: ScoringPlan, sums: Sums, block_size: int) -> None:
        self._table = plan.table
        self._sums = sums
        self._sorter = Sorter(block_size, plan.ids)
        self._gathered = self._sorter.scratch
        self._ranks = np.empty((4, block_size, plan.ids))
        self._operands = [
            _Operand(part, side.ranks, plan.table.untied[side.ranks].T, products)
            for name, side in plan.sides.items()
            for part, products in zip(side.parts, sums.products[name], strict=True)
        ]

    def add(self, start: int, block: Floats) -> None:
        """Sum up (models, ids) C-ordered float64; ``start`` is the number of the first model."""
        ranked = self._sorter.rank(block)
        models, rows = slice(start, start + len(block)), ranked.tied_rows
        self._sums.missing[models] = ranked.missing
        if rows:
            self._add_tied(start + np.array(rows), ranked.tied_ranks)
        gathered = self._gathered[: len(block)]
        for operand in self._operands:
            # No index is out of bounds. "wrap" is the fastest mode of those that do not check that.
            operand.part.take(ranked.order, out=gathered, mode="wrap")
            products = operand.products[models]
            # Not matmul: where the result is small, that lets no other thread of Python go on meanwhile.
            np.dot(gathered, operand.untied, out=products)
            if rows:
                # Their ranks are not those of the others: the product above does not hold for them.
                values = gathered if len(rows) == len(block) else gathered[rows]
                products[rows] = _dot(values, self._ranks[operand.ranks, : len(rows)]).T

    def _add_tied(self, models: NDArray[np.int64], tied: NDArray[np.int64]) -> None:
        """Look up the ranks of submissions with ties, and replace the sums that they have to themselves."""
        ranks = self._ranks[:, : len(models)]
        for part, found in zip(self._table.parts, ranks, strict=True):
            part.take(tied, out=found, mode="wrap")
        self._sums.constant[models] = tied[:, 0] == tied[:, -1]
        self._sums.totals[:, models] = ranks.sum(axis=2)
        self._sums.squares[:, models] = _squares(ranks[QUANTILE])
        self._sums.powered_squares[:, models] = _squares(ranks[POWERED])


def block_rows(ids: int) -> int:
    """Count the submissions of a block by default: at least one."""
    return max(1, BLOCK_BYTES // (8 * ids))


def _squares(ranks: Floats) -> Floats:
    """Return sums over the ids of high times high, twice high times low, and low times low part."""
    high, low = ranks
    return np.array([_dot(high, high), 2 * _dot(high, low), _dot(low, low)])


def _dot(left: Floats, right: Floats) -> Floats:
    """Return products summed over the last axis, in one pass where BLAS would be called for each row."""
    return np.asarray(np.einsum("...i,...i->...", left, right))
