"""Decides what is left to do on a bridge, from what both chains show. Pure, and it remembers nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scorer.bridge.views import BridgeView, PostedMessage, ResultLog
from scorer.units import NANO_PER_NMR, WEI_PER_NANO


@dataclass(frozen=True)
class DeliverMessage:
    """Prove a message of Polygon's gateway to Ethereum's."""

    posted: PostedMessage


@dataclass(frozen=True)
class RetryMessage:
    """Deliver a message that arrived on Polygon and was refused there."""

    posted: PostedMessage


@dataclass(frozen=True)
class ProveResult:
    """Prove to Ethereum how a round ended."""

    log: ResultLog


@dataclass(frozen=True)
class FlushSink:
    """Send home, or destroy, what a burn sink holds.

    Attributes
    ----------
    on_root
        Whether it is the one on Ethereum.
    """

    on_root: bool
    amount: int


@dataclass(frozen=True)
class WaitFor:
    """Do nothing about a message now, for a reason."""

    posted: PostedMessage
    reason: str


RelayAction = DeliverMessage | RetryMessage | ProveResult | FlushSink | WaitFor


@dataclass(frozen=True)
class RelayPolicy:
    """The tasks of a relayer beside carrying messages.

    Attributes
    ----------
    least_flush
        Tokens in a burn sink from which it is worth a flush, wei.
    least_transfer
        Tokens from which a transfer is carried, wei: anybody can send a wei home, and each delivery costs the
        relayer gas. Whoever sends less delivers it themselves.
    recipients
        Contracts whose messages are carried too, besides those of the token: a receiver can use up all the
        gas that it is given.
    """

    least_flush: int = NANO_PER_NMR * WEI_PER_NANO
    proves_results: bool = True
    least_transfer: int = 0
    recipients: frozenset[str] = frozenset()

    def carries(self, posted: PostedMessage) -> bool:
        """Return whether a message is delivered at the relayer's cost."""
        if posted.transfer is None:
            return posted.message.recipient in self.recipients
        return posted.amount >= self.least_transfer


ALL_OF_IT: Final = RelayPolicy()


def decide(view: BridgeView, policy: RelayPolicy = ALL_OF_IT) -> tuple[RelayAction, ...]:
    """List what is left to do, oldest message first."""
    return (*_upward(view, policy), *_retries(view, policy), *_results(view, policy), *_flushes(view, policy))


def _upward(view: BridgeView, policy: RelayPolicy) -> Iterator[RelayAction]:
    """Yield what is to be done about each message that Ethereum has not seen.

    One after another by age: where the day's bound of the lockbox is used up, later and smaller ones wait
    too, so that nobody's large transfer waits for ever.
    """
    available = view.available
    checkpointed = -1 if view.checkpoint is None else view.checkpoint.end
    for posted in view.child.posted:
        if posted.id in view.root.delivered or not policy.carries(posted):
            continue
        if posted.block > checkpointed:
            yield WaitFor(posted, "its block is in no checkpoint yet")
        elif view.root.is_paused:
            yield WaitFor(posted, f"the gateway on Ethereum is paused until {view.root.paused_until}")
        elif posted.amount > available:
            yield WaitFor(posted, f"{available} wei may leave the lockbox now, and it takes {posted.amount}")
            available = 0
        else:
            available -= posted.amount
            yield DeliverMessage(posted)


def _retries(view: BridgeView, policy: RelayPolicy) -> Iterator[RelayAction]:
    for posted in view.root.posted:
        if posted.id not in view.child.pending or not policy.carries(posted):
            continue
        if view.child.is_paused:
            yield WaitFor(posted, f"the gateway on Polygon is paused until {view.child.paused_until}")
        else:
            yield RetryMessage(posted)


def _results(view: BridgeView, policy: RelayPolicy) -> Iterator[RelayAction]:
    checkpointed = -1 if view.checkpoint is None else view.checkpoint.end
    if policy.proves_results:
        yield from (ProveResult(log) for log in view.results if log.block <= checkpointed)


def _flushes(view: BridgeView, policy: RelayPolicy) -> Iterator[RelayAction]:
    for side, on_root in ((view.child, False), (view.root, True)):
        if side.sink >= max(policy.least_flush, 1):
            yield FlushSink(on_root, side.sink)
