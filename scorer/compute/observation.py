"""The chain as a node last saw it, and its time, which goes on while no endpoint answers."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scorer.chain.contracts import Suite
from scorer.chain.endpoints import Pinned
from scorer.chain.records import RoundRecord
from scorer.compute.rounds import is_open, recent_rounds


@dataclass(frozen=True)
class ChainSnapshot:
    """The rounds of a finalised block.

    Attributes
    ----------
    rounds
        The newest rounds, by number.
    latest
        The time of the latest block, seconds since the epoch.
    seen_at
        When it was read, by this machine's monotonic clock.
    """

    suite: Suite
    block: int
    rounds: Mapping[int, RoundRecord]
    latest: int
    seen_at: float

    def now(self, monotonic: Callable[[], float] = time.monotonic) -> int:
        """Return the chain's time: that of the latest block, and what has passed since it was read."""
        return self.latest + int(max(0.0, monotonic() - self.seen_at))

    def open(self) -> Sequence[RoundRecord]:
        """Return the rounds that were open."""
        return [each for each in self.rounds.values() if is_open(each)]


def observed(pinned: Pinned, suite: Suite) -> ChainSnapshot:
    """Read the newest rounds at the pinned, finalised block."""
    seen_at, block = time.monotonic(), pinned.block.number
    records = {each.round_id: each for each in recent_rounds(suite, block)}
    return ChainSnapshot(suite, block, records, pinned.latest.timestamp, seen_at)
