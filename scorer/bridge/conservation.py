"""Checks that no token is created from nothing: locked on Ethereum = supply on Polygon + in flight. Pure.

Counted from messages, and held against what the two contracts say of themselves. A message that arrived and
was never sent, one that arrived twice, and a sum that differs each break it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scorer.bridge.views import BridgeView, PostedMessage


@dataclass(frozen=True)
class Conservation:
    """The balance of a bridge at two finalised blocks; amounts in wei.

    Attributes
    ----------
    down, up
        On the way to Polygon, and to Ethereum.
    expected_locked, expected_supply
        What the messages add up to.
    unknown
        Ids of messages that were delivered and that the other end never sent.
    twice
        Ids of messages that were delivered more than once.
    """

    root_block: int
    child_block: int
    locked: int
    supply: int
    down: int
    up: int
    expected_locked: int
    expected_supply: int
    unknown: tuple[bytes, ...] = ()
    twice: tuple[bytes, ...] = ()

    @property
    def holds(self) -> bool:
        """Return whether nothing is missing and nothing was created."""
        return not list(self.breaches())

    def breaches(self) -> Iterable[str]:
        """Yield each way in which it does not hold, in words."""
        for message in self.unknown:
            yield f"message 0x{message.hex()} was delivered and never sent"
        for message in self.twice:
            yield f"message 0x{message.hex()} was delivered more than once"
        if self.locked != self.expected_locked:
            yield f"locked on Ethereum: expected {self.expected_locked} wei by messages, found {self.locked}"
        if self.supply != self.expected_supply:
            yield f"supply on Polygon: expected {self.expected_supply} wei by messages, found {self.supply}"
        if self.locked != self.supply + self.down + self.up:
            yield (
                f"expected locked {self.locked} = supply {self.supply} + down {self.down} + up {self.up} "
                f"wei, found {self.locked - self.supply - self.down - self.up} left over"
            )


def conservation(view: BridgeView) -> Conservation:
    """Compute the balance of a bridge."""
    root, child = view.root, view.child
    from_root, from_child = _by_id(root.posted), _by_id(view.child_posted)
    sent_down, sent_up = _sum(root.posted), _sum(child.posted)
    came_down, came_up = _arrived(child.delivered, from_root), _arrived(root.delivered, from_child)
    return Conservation(
        root.block,
        child.block,
        locked=root.tokens,
        supply=child.tokens,
        down=sent_down - came_down,
        up=sent_up - came_up,
        expected_locked=sent_down - came_up,
        expected_supply=came_down - sent_up,
        unknown=(*_unknown(child.delivered, from_root), *_unknown(root.delivered, from_child)),
        twice=tuple(id_ for side in (child, root) for id_, count in side.delivered.items() if count > 1),
    )


def _by_id(posted: Iterable[PostedMessage]) -> dict[bytes, PostedMessage]:
    return {message.id: message for message in posted}


def _sum(posted: Iterable[PostedMessage]) -> int:
    return sum(message.amount for message in posted)


def _arrived(delivered: Mapping[bytes, int], sent: Mapping[bytes, PostedMessage]) -> int:
    return sum(count * sent[id_].amount for id_, count in delivered.items() if id_ in sent)


def _unknown(delivered: Mapping[bytes, int], sent: Mapping[bytes, PostedMessage]) -> Iterable[bytes]:
    return (id_ for id_ in delivered if id_ not in sent)
