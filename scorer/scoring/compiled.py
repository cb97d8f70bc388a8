"""Sums of CORR and MMC by one compiled pass over each submission, where numba is installed: the same bits.

`scorer.scoring.engine` chooses between this and numpy's way, which stays the reference. All sums are of whole
numbers below 2**53 (`scorer.scoring.exact`), so that the compiler may add in any order and fuse products.
What this pass does not take (a NaN, an infinity, one value throughout, values so crowded that
their order takes long) it leaves to numpy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from scorer.scoring.exact import Floats
from scorer.scoring.memory import aligned, aligned_copy
from scorer.scoring.plan import ScoringPlan
from scorer.scoring.quantiles import POWERED
from scorer.scoring.rows import row_blocks

Function = TypeVar("Function", bound=Callable[..., Any])

COLUMNS: Final = 8
"""Right-hand sides that are multiplied at once, a cache line for each id: four by the powered ranks, of CORR
and CWMM, and four by the ranks themselves, of MMC's target and meta model; a high and a low part of each."""
OWN_SUMS: Final = 10
"""Sums that only submissions with ties have to themselves: four of the ranks' parts, then three of squares
of the powered ranks and three of the ranks, as `scorer.scoring.engine.Sums` has them."""
MODELS_AT_ONCE: Final = 8
"""Submissions that stay in a core's cache from the search for their bounds, which numpy does faster, on."""
MOST_STEPS: Final = 8
"""Places that an id moves on average at most, within its bucket: numpy's sort takes what is more crowded."""
UNTIED, TIED, LEFT = 0, 1, 2
"""A submission is added up, added up with ranks of its own, left to numpy."""

if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
    raise ImportError(
        "expected numba to compile, found NUMBA_DISABLE_JIT; the loops here are too slow in Python"
    )

compiled = cast("Callable[[Function], Function]", numba.njit(nogil=True, cache=True))
"""Compile a function; it holds no lock of Python while it runs."""
reordered = cast(
    "Callable[[Function], Function]",
    numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract"}),
)
"""Compile a function whose sums are exact in every order."""


@dataclass(frozen=True)
class PassOperands:
    """Right-hand sides and ranks that all submissions of a round share.

    Attributes
    ----------
    columns
        (ids, `COLUMNS`) Right-hand sides; zero where a score is not wanted.
    places
        The first column of each side, by its name.
    untied
        (ids, 4) `RankTable.untied`, an id a row.
    table
        (2 * ids, 4) `RankTable.parts`, a rank a row.
    """

    columns: Floats
    places: dict[str, int]
    untied: Floats
    table: Floats


class Scratch:
    """Memory of one thread for submissions of so many ids."""

    def __init__(self, ids: int) -> None:
        self.order = np.empty(ids, dtype=np.int32)
        self.buckets = np.empty(ids, dtype=np.int32)
        # More than twice as many buckets as ids: most hold one value or none.
        self.counts = np.empty((2 << (ids - 1).bit_length()) + 1, dtype=np.int32)
        self.ranks: Floats = aligned((ids, 4))


@dataclass(frozen=True)
class BlockSums:
    """Sums of a block of submissions.

    Attributes
    ----------
    products
        (models, `COLUMNS`, 2) Each column times high and low part of its ranks.
    own
        (models, `OWN_SUMS`) Of those with ties.
    found
        (models,) `UNTIED`, `TIED` or `LEFT`.
    """

    products: Floats
    own: Floats
    found: NDArray[np.int8]


def operands(plan: ScoringPlan) -> PassOperands:
    """Place a plan's right-hand sides and ranks as the compiled pass reads them."""
    columns, places = aligned((plan.ids, COLUMNS)), {}
    columns[...] = 0
    free = {True: 0, False: COLUMNS // 2}
    for name, side in plan.sides.items():
        powered = side.ranks == POWERED
        places[name] = free[powered]
        free[powered] += 2
        for number, part in enumerate(side.parts):
            columns[:, places[name] + number] = part
    return PassOperands(columns, places, aligned_copy(plan.table.untied.T), aligned_copy(plan.table.parts.T))


def add_up(block: Floats, given: PassOperands, scratch: Scratch) -> BlockSums:
    """Add up each submission of a C-ordered (models, ids) block of float64."""
    models = len(block)
    sums = BlockSums(
        np.empty((models, COLUMNS, 2)), np.empty((models, OWN_SUMS)), np.empty(models, dtype=np.int8)
    )
    for rows in row_blocks(models, MODELS_AT_ONCE):
        values = block[rows]
        # Else what may be written and what may not are compiled apart, the second only once there is one.
        values.flags.writeable = False
        _add_up_block(
            values,
            values.min(axis=1),
            values.max(axis=1),
            given.columns,
            given.untied,
            given.table,
            scratch.order,
            scratch.buckets,
            scratch.counts,
            scratch.ranks,
            sums.products[rows],
            sums.own[rows],
            sums.found[rows],
        )
    return sums


@compiled
def _add_up_block(
    block: Floats,
    lowest: Floats,
    highest: Floats,
    columns: Floats,
    untied: Floats,
    table: Floats,
    order: NDArray[np.int32],
    buckets: NDArray[np.int32],
    counts: NDArray[np.int32],
    ranks: Floats,
    products: Floats,
    own: Floats,
    found: NDArray[np.int8],
) -> None:
    for model in range(len(block)):
        values = block[model]
        found[model] = _order(values, lowest[model], highest[model], order, buckets, counts)
        if found[model] == UNTIED:
            _multiply(order, columns, untied, products[model])
        elif found[model] == TIED:
            _rank(values, order, table, ranks)
            _multiply(order, columns, ranks, products[model])
            _square(ranks, own[model])


@compiled
def _order(
    values: Floats,
    lowest: float,
    highest: float,
    order: NDArray[np.int32],
    buckets: NDArray[np.int32],
    counts: NDArray[np.int32],
) -> int:
    """Order the ids by their values; `LEFT` where this takes long, or a value is not finite.

    Values go into buckets of one width from the lowest to the highest, and insertion puts those of a bucket
    in order. Subtracting, multiplying and truncating move no two values past each other.
    """
    last = len(counts) - 2
    width = highest - lowest
    # A NaN, an infinity, one value throughout, or a width so small that the quotient overflows.
    if not (width > 0 and width < np.inf and last / width < np.inf):
        return LEFT
    scale = last / width
    counts[:] = 0
    for row in range(len(values)):
        bucket = min(int((values[row] - lowest) * scale), last)
        buckets[row] = bucket
        counts[bucket + 1] += 1
    for bucket in range(1, len(counts)):
        counts[bucket] += counts[bucket - 1]
    # Now the place of a bucket's first value, and after each value that of its next.
    for row in range(len(values)):
        place = counts[buckets[row]]
        counts[buckets[row]] = place + 1
        order[place] = row
    return _insert(values, order)


@compiled
def _insert(values: Floats, order: NDArray[np.int32]) -> int:
    """Put nearly ordered ids in order; `LEFT` where it takes too many steps, else whether any are equal."""
    left = MOST_STEPS * len(order)
    tied, largest = False, values[order[0]]
    for number in range(1, len(order)):
        row = order[number]
        value = values[row]
        # Nothing is stored where nothing moves: most ids are in their place.
        if value > largest:
            largest = value
            continue
        place = number - 1
        while place >= 0 and values[order[place]] > value:
            order[place + 1] = order[place]
            place -= 1
        order[place + 1] = row
        tied |= place >= 0 and values[order[place]] == value
        left -= number - 1 - place
        if left < 0:
            return LEFT
    return TIED if tied else UNTIED


@compiled
def _rank(values: Floats, order: NDArray[np.int32], table: Floats, ranks: Floats) -> None:
    """Look up the ranks of ordered ids; equal values at places a to b - 1 have the doubled rank a + b."""
    begin = 0
    while begin < len(order):
        end = begin + 1
        while end < len(order) and values[order[end]] == values[order[begin]]:
            end += 1
        for place in range(begin, end):
            ranks[place] = table[begin + end]
        begin = end


@reordered
def _multiply(order: NDArray[np.int32], columns: Floats, ranks: Floats, products: Floats) -> None:
    """Multiply each column, in the order of the ids, with both parts of its ranks."""
    # Sixteen names and no array: only so does the compiler keep the sums in registers.
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = 0.0
    c0 = c1 = c2 = c3 = d0 = d1 = d2 = d3 = 0.0
    for place in range(len(order)):
        row = order[place]
        powered_high, powered_low = ranks[place, 0], ranks[place, 1]
        high, low = ranks[place, 2], ranks[place, 3]
        a0 += columns[row, 0] * powered_high
        b0 += columns[row, 0] * powered_low
        a1 += columns[row, 1] * powered_high
        b1 += columns[row, 1] * powered_low
        a2 += columns[row, 2] * powered_high
        b2 += columns[row, 2] * powered_low
        a3 += columns[row, 3] * powered_high
        b3 += columns[row, 3] * powered_low
        c0 += columns[row, 4] * high
        d0 += columns[row, 4] * low
        c1 += columns[row, 5] * high
        d1 += columns[row, 5] * low
        c2 += columns[row, 6] * high
        d2 += columns[row, 6] * low
        c3 += columns[row, 7] * high
        d3 += columns[row, 7] * low
    products[:, 0] = np.array([a0, a1, a2, a3, c0, c1, c2, c3])
    products[:, 1] = np.array([b0, b1, b2, b3, d0, d1, d2, d3])


@reordered
def _square(ranks: Floats, own: Floats) -> None:
    """Add up the parts of a submission's own ranks, and their squares; see `OWN_SUMS`."""
    own[:] = 0
    for place in range(len(ranks)):
        for part in range(4):
            own[part] += ranks[place, part]
        for pair in range(2):
            high, low = ranks[place, 2 * pair], ranks[place, 2 * pair + 1]
            own[4 + 3 * pair] += high * high
            own[5 + 3 * pair] += 2 * high * low
            own[6 + 3 * pair] += low * low
