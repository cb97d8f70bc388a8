"""Tie-kept ranks of many submissions at once, by sorting packed keys.

The key of an entry is its float64 with the lowest bits of the mantissa replaced by the id's row number:
one plain sort of floats then yields values and order together, at half the cost of an argsort. Entries
that agree in all remaining bits but are not equal come out in the wrong order at worst; such rows are
found by comparing neighbours and sorted again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.exact import Floats
from scorer.scoring.memory import aligned, aligned_copy

Keys = NDArray[np.uint64]
Indices = NDArray[np.int64]

ZERO = 2.0**-960
"""Added to every value before it becomes a key, which moves no two past each other. It makes one key of 0.0
and -0.0 that is a normal number: numbers below those compare equal on a processor set to flush them."""

LARGEST = np.finfo(np.float64).max


@dataclass(frozen=True)
class RankedBlock:
    """The order of each submission of a block.

    Attributes
    ----------
    order
        (models, ids) Row numbers of the ids from the lowest to the highest prediction.
    tied_rows
        The submissions with ties, in ascending order.
    tied_ranks
        (tied rows, ids) The doubled rank less one, ``2 * r - 1``, of their entries in that order. All other
        submissions have 1, 3, 5 and so on.
    missing
        (models,) True where a submission has a NaN. It is treated as constant.
    """

    order: Indices
    tied_rows: list[int]
    tied_ranks: Indices
    missing: NDArray[np.bool_]

    @property
    def tied(self) -> dict[int, Indices]:
        """The ranks of each submission with ties, by its row."""
        return dict(zip(self.tied_rows, self.tied_ranks, strict=True))


class Sorter:
    """Sorts blocks of submissions; owns the memory that this needs.

    Parameters
    ----------
    models, ids
        The largest block it can take. One sorter serves one thread.

    Attributes
    ----------
    scratch
        (models, ids) float64 that holds nothing between two calls: memory that its owner may use, as it is in
        the core's cache already.
    """

    def __init__(self, models: int, ids: int) -> None:
        self._keys: Floats = aligned((models, ids))
        self.scratch: Floats = aligned((models, ids))
        self._rows = aligned_copy(np.arange(ids, dtype=np.uint64))
        # The fewest low bits that hold a row number: 13 for 6,000 ids, which leaves 51 bits to the value.
        self._row_mask = np.uint64((1 << (ids - 1).bit_length()) - 1)

    def rank(self, block: Floats) -> RankedBlock:
        """Order every row of a C-ordered float64 block. The result is valid until the next call."""
        values, missing = block, np.zeros(len(block), dtype=np.bool_)
        keys = self._sorted_keys(block)
        if not np.isfinite(keys[:, -1]).all():  # the keys of infinities and NaN are NaN, which come last
            missing = np.asarray(np.isnan(block).any(axis=1))
            values = np.where(missing[:, np.newaxis], 0.0, block)
            # Only the keys are clipped. `_ties` compares the values, so that an infinity still ranks beyond
            # the largest number.
            keys = self._sorted_keys(np.clip(values, -LARGEST, LARGEST))
        bits = keys.view(np.uint64)
        suspects = self._suspects(bits)
        order = np.bitwise_and(bits, self._row_mask, out=bits).view(np.int64)
        return RankedBlock(order, *_ties(values, order, suspects), missing)

    def _sorted_keys(self, block: Floats) -> Floats:
        keys = np.add(block, ZERO, out=self._keys[: len(block)])
        bits = keys.view(np.uint64)
        np.bitwise_and(bits, ~self._row_mask, out=bits)
        np.bitwise_or(bits, self._rows, out=bits)
        # As floats, not as integers: by their bits, negative numbers would come in the reverse order.
        keys.sort(axis=1)
        return keys

    def _suspects(self, bits: Keys) -> list[int]:
        """Find rows with neighbours that agree in all value bits of the key."""
        if bits.shape[1] < 2:
            return list(range(len(bits)))
        differences = self.scratch.view(np.uint64)[: len(bits), :-1]
        np.bitwise_xor(bits[:, 1:], bits[:, :-1], out=differences)
        if differences.min() > self._row_mask:
            return []
        return np.flatnonzero(differences.min(axis=1) <= self._row_mask).tolist()


def _ties(block: Floats, order: Indices, suspects: list[int]) -> tuple[list[int], Indices]:
    """Repair the order of suspect rows; return those that have ties, and their ranks."""
    ids = block.shape[1]
    if not suspects:
        return [], np.empty((0, ids), dtype=np.int64)
    # By positions in the whole block, so that one operation serves all rows.
    positions = order[suspects]
    positions += ids * np.array(suspects)[:, np.newaxis]
    values = block.take(positions)
    # Only the bits that the row number replaced differ: rare, and worth a slow sort of this row alone.
    for place in np.flatnonzero((values[:, 1:] < values[:, :-1]).any(axis=1)).tolist():
        row = suspects[place]
        order[row] = np.argsort(block[row], kind="stable")
        values[place] = block[row].take(order[row])
    begins = np.ones(values.shape, dtype=np.bool_)
    np.not_equal(values[:, 1:], values[:, :-1], out=begins[:, 1:])
    # A single id is listed too, so that such a submission counts as constant.
    tied = np.flatnonzero(~begins.all(axis=1)) if ids > 1 else np.arange(len(suspects))
    return [suspects[place] for place in tied.tolist()], _shared_ranks(begins[tied])


def _shared_ranks(begins: NDArray[np.bool_]) -> Indices:
    """Return the doubled average ranks less one of rows of sorted entries, from where each value begins."""
    rows, ids = begins.shape
    # Of all rows as one: a row begins with a value of its own, and what came before it is taken off again.
    ranks = shared_doubled_ranks(np.flatnonzero(begins)[1:], begins.size).reshape(begins.shape)
    ranks -= 2 * ids * np.arange(rows)[:, np.newaxis]
    return ranks


def shared_doubled_ranks(starts: Indices, count: int) -> Indices:
    """Doubled average ranks less one of sorted entries, from where each new value starts (0 left out).

    A group of equal values at positions a to b - 1 has the average rank (a + 1 + b) / 2.
    """
    bounds = np.concatenate(([0], starts, [count]))
    return np.repeat(bounds[:-1] + bounds[1:], np.diff(bounds))


def doubled_ranks(submissions: Floats) -> Indices:
    """Tie-kept average ranks, doubled and less one: ``2 * r - 1``, in the order of the ids.

    Parameters
    ----------
    submissions
        (models, ids) float64, without NaN.

    Returns
    -------
    (models, ids) integers from 1 to ``2 * ids - 1``. A row without ties has every odd one once.
    """
    count = submissions.shape[1]
    ranked = Sorter(*submissions.shape).rank(np.ascontiguousarray(submissions))
    untied = np.arange(1, 2 * count, 2)
    ranks = np.empty(submissions.shape, dtype=np.int64)
    for row, order in enumerate(ranked.order):
        ranks[row, order] = ranked.tied.get(row, untied)
    return ranks
