"""A bridge as both chains show it at finalised blocks: plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scorer.bridge.checkpoints import Checkpoint
from scorer.bridge.messages import Message, Transfer


@dataclass(frozen=True)
class PostedMessage:
    """A message that a gateway sent.

    Attributes
    ----------
    transaction, log_index
        The hash of its transaction, and the number of its log in the block.
    transfer
        The transfer of the token that it carries; None where it carries something else.
    """

    id: bytes
    block: int
    transaction: bytes
    log_index: int
    message: Message
    transfer: Transfer | None = None

    @property
    def amount(self) -> int:
        """The tokens that it carries, wei."""
        return 0 if self.transfer is None else self.transfer.amount


@dataclass(frozen=True)
class SideView:
    """One end of a bridge at a finalised block.

    Attributes
    ----------
    block, time
        The block and its time, seconds since the epoch.
    posted
        All messages that its gateway sent up to here, oldest first.
    delivered
        The ids of messages from the other end that were delivered here, with how often.
    arrived
        The block in which each of them was delivered first.
    pending
        The ids of messages that arrived here and were refused.
    tokens
        What the lockbox counts as locked, or the token's supply, wei.
    paused_until
        Until when the gateway takes no message, seconds since the epoch.
    sink
        Tokens that wait in the burn sink, wei.
    """

    block: int
    time: int
    posted: tuple[PostedMessage, ...] = ()
    delivered: Mapping[bytes, int] = field(default_factory=dict)
    arrived: Mapping[bytes, int] = field(default_factory=dict)
    pending: frozenset[bytes] = frozenset()
    tokens: int = 0
    paused_until: int = 0
    sink: int = 0

    @property
    def is_paused(self) -> bool:
        """Return whether the gateway takes no message now."""
        return self.time < self.paused_until


@dataclass(frozen=True)
class ResultLog:
    """A log of a tournament that says how a round ended, and that Ethereum does not know yet.

    Attributes
    ----------
    kind
        ``report`` or ``end``.
    """

    tournament: str
    round_id: int
    kind: str
    block: int
    transaction: bytes
    log_index: int


@dataclass(frozen=True)
class BridgeView:
    """Both ends.

    Attributes
    ----------
    child_posted
        What the gateway on Polygon sent, read last: it has everything that Ethereum can have been shown.
    checkpoint
        The newest one in a finalised block of Ethereum; None: there is none yet.
    available
        What may leave the lockbox now, wei.
    results
        What Ethereum could be shown of rounds.
    """

    root: SideView
    child: SideView
    child_posted: tuple[PostedMessage, ...]
    checkpoint: Checkpoint | None = None
    available: int = 0
    results: tuple[ResultLog, ...] = ()
