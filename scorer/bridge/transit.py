"""Measures the way of each message: from its block to a checkpoint, and to the other side. Pure.

Block times say all of it but finality, of which a chain keeps no record: the relayer notes when a message was
final for the first time, and the journal of whoever sent it says how long its transaction took.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from scorer.bridge.checkpoints import Checkpoint
from scorer.bridge.decide import ALL_OF_IT, RelayPolicy
from scorer.bridge.views import BridgeView, PostedMessage
from scorer.transactions.latency import Spread, spread

UP: Final = "up"
DOWN: Final = "down"
DIRECTIONS: Final = (DOWN, UP)
"""To Polygon, and to Ethereum."""
CHECKPOINT: Final = "checkpoint"
ARRIVAL: Final = "arrival"
TimeOf = Callable[[int], int]
"""Returns the time of a block of one chain, seconds since the epoch."""


@dataclass(frozen=True)
class MessageWay:
    """The way of one message, seconds since the epoch.

    Attributes
    ----------
    sent_at
        The time of the block that sent it.
    covered_at
        When the checkpoint was posted that has this block; None: not yet, or the message goes to Polygon.
    arrived_at
        The time of the block in which the other side took it; None: not yet.
    """

    direction: str
    sent_at: int
    covered_at: int | None = None
    arrived_at: int | None = None

    @property
    def to_checkpoint(self) -> int | None:
        """Return the seconds from its block to its checkpoint, by the clocks of both chains."""
        return _apart(self.sent_at, self.covered_at)

    @property
    def to_arrival(self) -> int | None:
        """Return the seconds from its block to the other side, by the clocks of both chains."""
        return _apart(self.sent_at, self.arrived_at)


@dataclass(frozen=True)
class TransitLatency:
    """The latency of all messages of one direction, and how many of them are not there yet."""

    direction: str
    sent: int
    under_way: int
    oldest: int
    """Age of the oldest that is under way, seconds; 0 where none is."""
    checkpoint: Spread | None
    arrival: Spread | None


@dataclass(frozen=True)
class BlockClocks:
    """Reads the times of blocks of Ethereum and Polygon, and the checkpoint that has a block of Polygon."""

    root: TimeOf
    child: TimeOf
    checkpoint_of: Callable[[int], Checkpoint | None]


def ways(view: BridgeView, clocks: BlockClocks, since: int = 0) -> Iterator[MessageWay]:
    """Yield the way of each message that was sent at `since` or later, oldest first in each direction."""
    for posted in _from(view.root.posted, clocks.root, since):
        arrived = view.child.arrived.get(posted.id)
        at = None if arrived is None else clocks.child(arrived)
        yield MessageWay(DOWN, clocks.root(posted.block), None, at)
    for posted in _from(view.child.posted, clocks.child, since):
        arrived = view.root.arrived.get(posted.id)
        at = None if arrived is None else clocks.root(arrived)
        covering = clocks.checkpoint_of(posted.block)
        covered_at = None if covering is None else covering.created_at
        yield MessageWay(UP, clocks.child(posted.block), covered_at, at)


def transit(found: Iterable[MessageWay], now: int) -> list[TransitLatency]:
    """Sum up ways by direction; `now` in seconds since the epoch."""
    by_direction: dict[str, list[MessageWay]] = {direction: [] for direction in DIRECTIONS}
    for way in found:
        by_direction[way.direction].append(way)
    return [_summed(direction, each, now) for direction, each in by_direction.items()]


def oldest_under_way(
    view: BridgeView, direction: str, policy: RelayPolicy = ALL_OF_IT
) -> PostedMessage | None:
    """Return the oldest transfer that has not arrived, of those that a relayer carries; None where all have.

    Only transfers: anybody can send a message that its receiver refuses for ever.
    """
    source, goal = (view.root, view.child) if direction == DOWN else (view.child, view.root)
    waiting = (posted for posted in source.posted if posted.amount and posted.id not in goal.delivered)
    return next(filter(policy.carries, waiting), None)


@dataclass
class TransitMeter:
    """Notes each leg of each message's way once, when it is seen to be over.

    Attributes
    ----------
    seen
        Legs that are over, by message. What was over at the first look is not measured.
    """

    seen: set[tuple[bytes, str]] = field(default_factory=set)
    has_looked: bool = False

    def look(
        self, view: BridgeView, clocks: BlockClocks, policy: RelayPolicy = ALL_OF_IT
    ) -> list[tuple[str, str, int]]:
        """Return the direction, the leg and the seconds of each leg that is over since the last look."""
        over = [leg for leg in _legs(view, policy) if (leg.posted.id, leg.name) not in self.seen]
        self.seen |= {(leg.posted.id, leg.name) for leg in over}
        measured = [leg.measured(view, clocks) for leg in over] if self.has_looked else []
        self.has_looked = True
        return measured


@dataclass(frozen=True)
class _Leg:
    """A leg that is over."""

    posted: PostedMessage
    direction: str
    name: str

    def measured(self, view: BridgeView, clocks: BlockClocks) -> tuple[str, str, int]:
        """Return its direction, its name and its seconds."""
        down = self.direction == DOWN
        sent = (clocks.root if down else clocks.child)(self.posted.block)
        if self.name == CHECKPOINT:
            covering = clocks.checkpoint_of(self.posted.block) or view.checkpoint
            ended = sent if covering is None else covering.created_at
        elif down:
            ended = clocks.child(view.child.arrived[self.posted.id])
        else:
            ended = clocks.root(view.root.arrived[self.posted.id])
        return self.direction, self.name, max(ended - sent, 0)


def _legs(view: BridgeView, policy: RelayPolicy) -> Iterator[_Leg]:
    covered = -1 if view.checkpoint is None else view.checkpoint.end
    for posted in filter(policy.carries, view.root.posted):
        if posted.id in view.child.arrived:
            yield _Leg(posted, DOWN, ARRIVAL)
    for posted in filter(policy.carries, view.child.posted):
        if posted.block <= covered:
            yield _Leg(posted, UP, CHECKPOINT)
        if posted.id in view.root.arrived:
            yield _Leg(posted, UP, ARRIVAL)


def _from(posted: Sequence[PostedMessage], time_of: TimeOf, since: int) -> Sequence[PostedMessage]:
    """Return the messages from a time on: times are read for as many as bisection needs."""
    low, high = 0, len(posted) if since > 0 else 0
    while low < high:
        middle = (low + high) // 2
        if time_of(posted[middle].block) < since:
            low = middle + 1
        else:
            high = middle
    return posted[low:]


def _summed(direction: str, found: Sequence[MessageWay], now: int) -> TransitLatency:
    waiting = [max(now - way.sent_at, 0) for way in found if way.arrived_at is None]
    return TransitLatency(
        direction,
        len(found),
        len(waiting),
        max(waiting, default=0),
        spread(way.to_checkpoint for way in found if way.to_checkpoint is not None),
        spread(way.to_arrival for way in found if way.to_arrival is not None),
    )


def _apart(begin: int, end: int | None) -> int | None:
    # The clocks of two chains differ by seconds.
    return None if end is None else max(end - begin, 0)
