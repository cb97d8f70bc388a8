"""The models of a round that are drawn to show their predictions (contracts/Demands.sol).

A seed that nobody chooses draws some nano-NMR of the report's total payout. In whose payouts they fall, those
are drawn: as often as a payout is large, and never a model that burns.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
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

    def lane_at(self, draw: int) -> int:
        """Return the lane in whose payout a draw falls.

        Parameters
        ----------
        draw
            nano-NMR of the total, from 0.

        Raises
        ------
        ValueError
            When it is beyond the total.
        """
        if not 0 <= draw < self.total:
            raise ValueError(f"expected a draw from 0 and below {self.total}, found {draw}")
        return int(self.lanes[np.searchsorted(self._reached, np.uint64(draw), side="right")])


def draw_of(seed: int, report_hash: bytes, number: int, total: int) -> int:
    """Return where one draw falls among payouts, nano-NMR: keccak(abi.encode(seed, hash, number)) mod total.

    Parameters
    ----------
    seed
        Of 64 bits.
    report_hash
        32 bytes.
    number
        From 0, below the demands of the rules.
    total
        The report's total payout, nano-NMR, above 0.
    """
    return int.from_bytes(keccak(seed.to_bytes(32) + report_hash + number.to_bytes(32))) % total


def drawn_lanes(seed: int, report_hash: bytes, demands: int, payouts: LanePayouts) -> tuple[int, ...]:
    """Return the lanes that are drawn, each once, in the order of the payouts; none where nothing is paid."""
    total = payouts.total
    if not total:
        return ()
    drawn = {payouts.lane_at(draw_of(seed, report_hash, number, total)) for number in range(demands)}
    return tuple(lane for lane in payouts.lanes.tolist() if lane in drawn)
