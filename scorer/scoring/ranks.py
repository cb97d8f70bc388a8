"""Tie-kept ranks of many submissions at once, by sorting packed keys.

A float64 that is not negative compares like its own bits read as an integer. The key of an entry is that
integer with its lowest bits replaced by the id's row number: one plain sort of integers then yields values
and order together, at half the cost of an argsort. Entries that agree in all remaining bits but are not
equal come out in the wrong order at worst; such rows are found by a look at the values and sorted again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.exact import Floats

Keys = NDArray[np.uint64]
Indices = NDArray[np.int64]

SIGN_BIT = np.uint64(1 << 63)
"""The bits of -0.0; those of every other negative number are larger, of every positive one smaller."""


@dataclass(frozen=True)
class RankedBlock:
    """The order of each submission of a block.

    Attributes
    ----------
    order
        (models, ids) Row numbers of the ids from the lowest to the highest prediction.
    tied
        For each submission with ties, by its row: (ids,) the doubled rank less one, ``2 * r - 1``, of
        the entries in that order. Submissions that are not listed have 1, 3, 5 and so on.
    missing
        (models,) True where a submission has a NaN. It is treated as constant.
    """

    order: Indices
    tied: dict[int, Indices]
    missing: NDArray[np.bool_]


class Sorter:
    """Sorts blocks of submissions; owns the memory that this needs.

    Parameters
    ----------
    models, ids
        The largest block it can take. One sorter serves one thread.
    """

    def __init__(self, models: int, ids: int) -> None:
        self._keys: Keys = np.empty((models, ids), dtype=np.uint64)
        self._scratch: Keys = np.empty((models, ids), dtype=np.uint64)
        self._row_mask = np.uint64((1 << (ids - 1).bit_length()) - 1)
        self._rows = np.arange(ids, dtype=np.uint64)

    def rank(self, block: Floats) -> RankedBlock:
        """Order every row of a C-ordered float64 block. The result is valid until the next call."""
        keys = self._keys[: len(block)]
        scratch = self._scratch[: len(block)]
        block, missing = self._fill_keys(block, keys)
        keys.sort(axis=1)
        if missing is None and (keys[:, -1] >= SIGN_BIT).any():  # there is a -0.0
            block, missing = self._fill_awkward_keys(block, keys)
            keys.sort(axis=1)
        suspects = self._suspects(keys, scratch)
        np.bitwise_and(keys, self._row_mask, out=scratch)
        order = scratch.view(np.int64)
        tied = _ties(block, order, suspects)
        return RankedBlock(order, tied, np.zeros(len(block), np.bool_) if missing is None else missing)

    def _fill_keys(self, block: Floats, keys: Keys) -> tuple[Floats, NDArray[np.bool_] | None]:
        """Pack a block into keys; for one without negative numbers and NaN no row is missing."""
        if not block.min(initial=np.inf) >= 0:
            return self._fill_awkward_keys(block, keys)
        np.bitwise_and(block.view(np.uint64), ~self._row_mask, out=keys)
        np.bitwise_or(keys, self._rows, out=keys)
        return block, None

    def _fill_awkward_keys(self, block: Floats, keys: Keys) -> tuple[Floats, NDArray[np.bool_]]:
        """Keys of a block with negative numbers, infinities or NaN: flip what sorts the wrong way round."""
        block = block + 0.0  # the only change this makes is from -0.0 to 0.0
        missing = np.asarray(np.isnan(block).any(axis=1))
        block[missing] = 0.0
        bits = block.view(np.uint64)
        flips = (block.view(np.int64) >> 63).view(np.uint64) | SIGN_BIT
        np.bitwise_xor(bits, flips, out=keys)
        np.bitwise_and(keys, ~self._row_mask, out=keys)
        np.bitwise_or(keys, self._rows, out=keys)
        return block, missing

    def _suspects(self, keys: Keys, scratch: Keys) -> list[int]:
        """Rows with neighbours that agree in all value bits of the key."""
        if keys.shape[1] < 2:
            return list(range(len(keys)))
        differences = scratch[:, :-1]
        np.bitwise_xor(keys[:, 1:], keys[:, :-1], out=differences)
        return np.flatnonzero(differences.min(axis=1) <= self._row_mask).tolist()


def _ties(block: Floats, order: Indices, suspects: list[int]) -> dict[int, Indices]:
    """Repair the order of suspect rows and rank those that have ties."""
    tied = {}
    values = np.empty(block.shape[1])
    for row in suspects:
        np.take(block[row], order[row], out=values, mode="clip")
        if (values[1:] < values[:-1]).any():
            order[row] = np.argsort(block[row], kind="stable")
            np.take(block[row], order[row], out=values, mode="clip")
        starts = np.flatnonzero(values[1:] != values[:-1]) + 1
        if len(starts) < len(values) - 1 or len(values) == 1:
            tied[row] = shared_doubled_ranks(starts, len(values))
    return tied


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
