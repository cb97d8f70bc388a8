"""Rank tables as the contract reads them."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray

from scorer.proofs.integers import grid_integers, six_bytes
from scorer.scoring.exact import Parts
from scorer.scoring.quantiles import POWERED, QUANTILE, RankTable, rank_table

MOST_IDS: Final = 32_767
"""Ids and doubled ranks have two bytes (ScoreProof.MAX_IDS)."""


@dataclass(frozen=True)
class TableHalves:
    """The rank table of a number of ids: 12 bytes for each doubled rank from 1 to n.

    Attributes
    ----------
    ids
        How many.
    odd, even
        The entries of odd and of even doubled ranks, ascending.
    """

    ids: int
    odd: bytes
    even: bytes

    @cached_property
    def leaf(self) -> bytes:
        """The table's leaf in the tree of tables, 32 bytes.

        It is keccak(keccak(abi.encode(n, keccak(odd), keccak(even)))).
        """
        words = self.ids.to_bytes(32, "big") + keccak(self.odd) + keccak(self.even)
        return keccak(keccak(words))


@lru_cache(maxsize=4)
def signed_table(ids: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what CORR and what MMC multiply, by doubled rank from 0 to 2 * ids, on their grids."""
    table = rank_table(ids)
    powered, quantiles = (_grid(table, rows) for rows in (POWERED, QUANTILE))
    return powered, quantiles


@lru_cache(maxsize=4)
def table_halves(ids: int) -> TableHalves:
    """Return the rank table of `ids` ids.

    Raises
    ------
    ValueError
        When there are fewer than 2 ids, or more than `MOST_IDS`.
    """
    if not 2 <= ids <= MOST_IDS:
        raise ValueError(f"expected 2 to {MOST_IDS} ids, found {ids}")
    table = rank_table(ids)
    entries = np.concatenate(
        [six_bytes(_magnitudes(table, POWERED, ids)), six_bytes(_magnitudes(table, QUANTILE, ids))], axis=1
    )
    # Entry 0 is the doubled rank 1.
    return TableHalves(ids, entries[::2].tobytes(), entries[1::2].tobytes())


def _magnitudes(table: RankTable, rows: slice, ids: int) -> NDArray[np.int64]:
    """Return the magnitudes at the doubled ranks 1 to n, of which 2n - d has the opposite number."""
    numbers = _grid(table, rows)
    # The contract has this half only, and takes the other for its mirror image.
    if (numbers[1:] != -numbers[:0:-1]).any() or (numbers[1 : ids + 1] > 0).any():
        raise ValueError(f"expected an antisymmetric, ascending rank table of {ids} ids, found another")
    return -numbers[1 : ids + 1]


def _grid(table: RankTable, rows: slice) -> NDArray[np.int64]:
    high, low = table.parts[rows]
    return grid_integers(Parts(high, low, table.bits, 0))
