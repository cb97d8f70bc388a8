"""Exact sums over the ids of each submission, by numpy: what scores are made of."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.exact import Floats
from scorer.scoring.plan import ScoringPlan
from scorer.scoring.quantiles import POWERED, QUANTILE
from scorer.scoring.ranks import RankedBlock, Sorter
from scorer.scoring.rows import row_blocks

Turn = AbstractContextManager[Any]

PIECE_BYTES = 1 << 19
"""Bytes of the rows that are multiplied out at once: with keys and gathered parts they fit a core's cache."""


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


class BlockSummer:
    """Ranks blocks of submissions and multiplies them out; owns the memory that this needs.

    Parameters
    ----------
    plan
        The right-hand sides, which all submissions share.
    sums
        The sums of all submissions, which this fills in.
    block_size
        The most submissions in a block. One summer serves one thread.
    turn
        Held, by all summers of a round, for everything but the sort. All else is many short operations of
        numpy, between which Python lets one thread go on: without turns, two threads wake each other in vain
        before every one of them. So one multiplies out while the other sorts.
    """

    def __init__(self, plan: ScoringPlan, sums: Sums, block_size: int, turn: Turn) -> None:
        self._plan = plan
        self._sums = sums
        self._turn = turn
        self._piece = min(block_size, rows_in(PIECE_BYTES, plan.ids))
        self._sorter = Sorter(block_size, plan.ids, self._piece)
        self._gathered = self._sorter.scratch
        self._ranks = np.empty((self._piece, 4, plan.ids))
        self._ones = np.ones(plan.ids)

    def add(self, start: int, block: Floats) -> None:
        """Sum up (models, ids) C-ordered float64; ``start`` is the number of the first model."""
        self._sorter.sort(block, self._turn)
        with self._turn:
            for rows in row_blocks(len(block), self._piece):
                self._add_ranked(start + rows.start, self._sorter.ranked(block, rows))

    def _add_ranked(self, start: int, ranked: RankedBlock) -> None:
        models = slice(start, start + len(ranked.order))
        self._sums.missing[models] = ranked.missing
        for row, tied in ranked.tied.items():
            np.take(self._plan.table.parts, tied, axis=1, out=self._ranks[row], mode="wrap")
            self._add_tied(start + row, self._ranks[row])
            self._sums.constant[start + row] = tied[0] == tied[-1]
        for name, side in self._plan.sides.items():
            for part, products in zip(side.parts, self._sums.products[name], strict=True):
                self._multiply(part, side.ranks, ranked, products[models])

    def _multiply(self, part: Floats, ranks: slice, ranked: RankedBlock, products: Floats) -> None:
        """(models, 2) products of a part of a right-hand side with both parts of the ranks."""
        # No index is out of bounds. "wrap" is the fastest mode of those that do not check that.
        gathered = np.take(part, ranked.order, out=self._gathered[: len(products)], mode="wrap")
        np.matmul(gathered, self._plan.table.untied[ranks].T, out=products)
        # Its ranks are not those of the others: the product above does not hold for it.
        for row in ranked.tied:
            products[row] = self._ranks[row, ranks] @ gathered[row]

    def _add_tied(self, model: int, ranks: Floats) -> None:
        """Replace the sums that only submissions with ties have to themselves."""
        self._sums.totals[:, model] = ranks @ self._ones
        self._sums.squares[:, model] = _squares(ranks[QUANTILE])
        self._sums.powered_squares[:, model] = _squares(ranks[POWERED])


def rows_in(size: int, ids: int) -> int:
    """Count the submissions that take this many bytes as float64: at least one."""
    return max(1, size // (8 * ids))


def _squares(ranks: Floats) -> Floats:
    high, low = ranks
    return np.array([high @ high, 2 * (high @ low), low @ low])
