"""Stakes under rules, idle and at risk, and payouts and burns, without a chain."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scorer.protocol.rules import StakeTerms
from scorer.rewards import payout_factor, settle
from scorer.rewards.allocation import limited, share_of


@dataclass(frozen=True)
class Locked:
    """A round's positions until its outcome is known."""

    positions: NDArray[np.uint64]
    reward_scores: NDArray[np.int64]


@dataclass
class Ledger:
    """The stakes of all models under one variant of the rules; amounts in nano-NMR, shape (models,).

    Attributes
    ----------
    overlap
        How many rounds are at risk at once.
    paid, burned
        Of each settled round.
    totals
        Stake of every model, idle and locked, after each round.
    """

    name: str
    stake: StakeTerms
    allocations: NDArray[np.uint64]
    idle: NDArray[np.uint64]
    overlap: int
    pending: deque[Locked] = field(default_factory=deque)
    locked: NDArray[np.uint64] = field(init=False)
    paid: list[NDArray[np.uint64]] = field(default_factory=list)
    burned: list[NDArray[np.uint64]] = field(default_factory=list)
    totals: list[NDArray[np.uint64]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.locked = np.zeros_like(self.idle)

    def next_positions(self, on_time: NDArray[np.bool_]) -> NDArray[np.uint64]:
        """Return the positions that the contract would lock now: each model's share of its idle stake."""
        wanted = share_of(self.idle, self.allocations)
        return limited(np.where(on_time, wanted, np.uint64(0)), self.idle, self.stake.minimum_position)

    def lock(self, positions: NDArray[np.uint64], reward_scores: NDArray[np.int64]) -> None:
        """Put positions at risk, and settle the round that resolves now."""
        self.idle -= positions
        self.locked += positions
        self.pending.append(Locked(positions, reward_scores))
        if len(self.pending) >= self.overlap:
            self.settle_oldest()
        self.totals.append(self.idle + self.locked)

    def settle_oldest(self) -> None:
        """Settle a round as the contract does, from a pool that is never short."""
        oldest = self.pending.popleft()
        at_risk = sum(oldest.positions.tolist())
        factor = payout_factor(at_risk, self.stake.threshold)
        settled = settle(oldest.positions, oldest.reward_scores, factor=factor, cap=self.stake.cap)
        self.locked -= oldest.positions
        self.idle += oldest.positions + settled.payouts - settled.burns
        self.paid.append(settled.payouts)
        self.burned.append(settled.burns)

    def close(self) -> None:
        """Settle all that is still at risk."""
        while self.pending:
            self.settle_oldest()
        self.totals[-1] = self.idle.copy()
