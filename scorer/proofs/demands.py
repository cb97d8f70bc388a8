"""The models of a round that are drawn to show their predictions (contracts/Demands.sol).

A place is a nano-NMR of the report's total payout, drawn by a seed that nobody chooses. Whose payout it falls
in is drawn: as often as that payout is large, and never a model that burns.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from eth_abi.abi import encode
from eth_hash.auto import keccak
from numpy.typing import NDArray

from scorer.proofs.calls import ScoredLanes
from scorer.rewards import settle


@dataclass(frozen=True)
class LanePayouts:
    """The payouts of a report, lane by lane, in the order in which its chunks were locked.

    Attributes
    ----------
    lanes
        Counted over the whole tournament, shape (lanes,).
    payouts
        nano-NMR out of a full pool, shape (lanes,).
    """

    lanes: NDArray[np.int64]
    payouts: NDArray[np.uint64]

    @classmethod
    def of(cls, scored: ScoredLanes, factor: int, cap: int) -> "LanePayouts":
        """Return the payouts of a report's scores.

        Parameters
        ----------
        factor, cap
            The round's payout factor and cap, ppm.
        """
        if not scored.chunks:
            return cls(np.empty(0, np.int64), np.empty(0, np.uint64))
        lanes = np.concatenate([chunk.lanes for chunk in scored.chunks])
        positions = np.concatenate([chunk.positions for chunk in scored.chunks])
        settled = settle(positions, np.concatenate(list(scored.scores)), factor=factor, cap=cap)
        return cls(lanes, settled.payouts)

    @cached_property
    def _reached(self) -> NDArray[np.uint64]:
        # Positions, and so payouts, are part of the tournament's liabilities: their sum has 64 bits.
        return np.cumsum(self.payouts, dtype=np.uint64)

    @property
    def total(self) -> int:
        """The sum of all payouts, nano-NMR: the report's total, where that is honest."""
        return int(self._reached[-1]) if len(self._reached) else 0

    def lane_at(self, place: int) -> int:
        """Return the lane in whose payout a place falls.

        Parameters
        ----------
        place
            From 0, below the total.

        Raises
        ------
        ValueError
            When it is beyond the total.
        """
        if not 0 <= place < self.total:
            raise ValueError(f"expected a place from 0 and below {self.total}, found {place}")
        return int(self.lanes[np.searchsorted(self._reached, np.uint64(place), side="right")])


def place_of(seed: bytes, number: int, total: int) -> int:
    """Return one of the places that a seed draws: keccak(abi.encode(seed, number)) mod total, nano-NMR.

    Parameters
    ----------
    seed
        32 bytes.
    number
        From 0, below the demands of the rules.
    total
        The report's total payout, nano-NMR, above 0.
    """
    return int.from_bytes(keccak(encode(["bytes32", "uint256"], [seed, number]))) % total


def drawn_lanes(seed: bytes, demands: int, payouts: LanePayouts) -> tuple[int, ...]:
    """Return the lane of each place that is drawn; none where nothing is paid.

    One lane may be drawn more than once.
    """
    total = payouts.total
    if not total:
        return ()
    return tuple(payouts.lane_at(place_of(seed, number, total)) for number in range(demands))
