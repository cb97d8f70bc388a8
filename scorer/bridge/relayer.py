"""Carries a bridge's messages: observes both chains, decides, sends each proof exactly once. Anybody may."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from web3.contract.contract import ContractFunction

from scorer.bridge.checkpoints import Checkpoint, CheckpointDiffers
from scorer.bridge.conservation import Conservation, conservation
from scorer.bridge.contracts import RootEnd, WrongGateway
from scorer.bridge.decide import (
    ALL_OF_IT,
    DeliverMessage,
    FlushSink,
    ProveResult,
    RelayAction,
    RelayPolicy,
    RetryMessage,
    WaitFor,
    decide,
)
from scorer.bridge.observe import Observer, Pin
from scorer.bridge.proving import NotCheckpointed, Prover
from scorer.bridge.receipts import ReceiptsDisagree
from scorer.bridge.transit import DIRECTIONS, DOWN, UP, BlockClocks, TransitMeter, oldest_under_way
from scorer.bridge.views import BridgeView
from scorer.chain.endpoints import Pinned
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm, ignore_alarm
from scorer.oracle.sending import DRY_RUN, Outcome
from scorer.transactions.request import (
    RequestKey,
    Reverted,
    TransactionRequest,
    TransactionSender,
    scope_of,
)

DONE_BY_ANOTHER: Final = frozenset({"AlreadyDelivered", "KnownAlready", "NotPending", "NothingToBurn"})
"""Reverts that mean that somebody else was faster."""
WRONG_ENDPOINT: Final = (CheckpointDiffers, ReceiptsDisagree, WrongGateway)


@dataclass(frozen=True)
class RelayLimits:
    """Times after which a human looks, seconds.

    Attributes
    ----------
    slow
        From the checkpoint of a message to its delivery.
    checkpoint_age
        Since the newest checkpoint. They come every half hour or so.
    under_way
        From the block of a transfer to its delivery, whatever it waits for.
    """

    slow: int = 6 * 3600
    checkpoint_age: int = 2 * 3600
    under_way: int = 24 * 3600


USUAL: Final = RelayLimits()


@dataclass(frozen=True)
class RelayResult:
    """An action with its outcome."""

    action: RelayAction
    outcome: Outcome

    def __str__(self) -> str:
        return f"{title(self.action)}: {self.outcome.text}"


@dataclass(frozen=True)
class RelayCycle:
    """The view, the balance and the actions of one cycle.

    Attributes
    ----------
    oldest
        Age of the oldest transfer that has not arrived, seconds, by direction; 0 where all have.
    legs
        Direction, leg and seconds of what messages have behind them since the cycle before.
    """

    view: BridgeView
    balance: Conservation
    results: tuple[RelayResult, ...]
    oldest: Mapping[str, int]
    legs: tuple[tuple[str, str, int], ...] = ()


def title(action: RelayAction) -> str:
    """Return an action in a few words."""
    match action:
        case DeliverMessage(posted):
            return f"deliver message {posted.message.number} of Polygon"
        case RetryMessage(posted):
            return f"retry message {posted.message.number} of Ethereum"
        case WaitFor(posted, _):
            return f"message {posted.message.number}"
        case ProveResult(log):
            return f"prove the {log.kind} of round {log.round_id}"
        case FlushSink(on_root, _):
            return f"flush the burn sink on {'Ethereum' if on_root else 'Polygon'}"


@dataclass
class Relayer:
    """A relayer with its memory of what was final.

    Attributes
    ----------
    root_sender, child_sender
        Accounts that send on each chain, each with a journal of its own; None: a dry run.
    """

    observer: Observer
    policy: RelayPolicy = ALL_OF_IT
    limits: RelayLimits = USUAL
    raise_alarm: RaiseAlarm = ignore_alarm
    root_sender: TransactionSender | None = None
    child_sender: TransactionSender | None = None
    meter: TransitMeter = field(default_factory=TransitMeter)

    def cycle(self, pin_root: Pin, pin_child: Pin) -> RelayCycle:
        """Observe, check conservation, and do what is left to do."""
        view, root, child = self.observer.observe(pin_root, pin_child)
        balance = conservation(view)
        for breach in balance.breaches():
            self.raise_alarm(AlarmReason.BRIDGE_BROKEN, breach)
        clocks = self.observer.clocks(root, child, view.root.block)
        if slow := slow_message(view, self.limits, clocks.checkpoint_of, self.policy):
            self.raise_alarm(AlarmReason.BRIDGE_SLOW, slow)
        if late := checkpoint_delay(view, self.limits):
            self.raise_alarm(AlarmReason.CHECKPOINT_LATE, late)
        oldest = self._oldest(view, clocks)
        legs = tuple(self.meter.look(view, clocks, self.policy))
        acting = _Acting(self, view, root, child)
        results = tuple(RelayResult(action, acting.do(action)) for action in decide(view, self.policy))
        return RelayCycle(view, balance, results, oldest, legs)

    def _oldest(self, view: BridgeView, clocks: BlockClocks) -> Mapping[str, int]:
        """Return the age of the oldest transfer under way in each direction; one that is too old is named."""
        ages = dict.fromkeys(DIRECTIONS, 0)
        for direction in DIRECTIONS:
            posted = oldest_under_way(view, direction, self.policy)
            if posted is None:
                continue
            is_down = direction == DOWN
            sent = (clocks.root if is_down else clocks.child)(posted.block)
            ages[direction] = age = max((view.child if is_down else view.root).time - sent, 0)
            if age > self.limits.under_way:
                chain = "Ethereum" if is_down else "Polygon"
                text = f"transfer {posted.message.number} of {chain} was sent {age} s ago and has not arrived"
                self.raise_alarm(AlarmReason.TRANSFER_OVERDUE, text)
        return ages


def slow_message(
    view: BridgeView,
    limits: RelayLimits,
    checkpoint_of: Callable[[int], Checkpoint | None],
    policy: RelayPolicy = ALL_OF_IT,
) -> str | None:
    """Say which transfer to Ethereum waits for longest since its checkpoint, where that is too long.

    Only of those that a relayer carries: anybody can send a message that its receiver refuses for ever, and
    a wei that nobody delivers.
    """
    posted = oldest_under_way(view, UP, policy)
    # The checkpoint of its own block: the newest one is always young.
    checkpoint = None if posted is None else checkpoint_of(posted.block)
    if posted is None or checkpoint is None:
        return None
    waited = view.root.time - checkpoint.created_at
    text = f"transfer {posted.message.number} of Polygon waits for {waited} s since its checkpoint"
    return text if waited > limits.slow else None


def checkpoint_delay(view: BridgeView, limits: RelayLimits) -> str | None:
    """Say for how long there was no checkpoint, where that is too long."""
    if view.checkpoint is None:
        return None
    age = view.root.time - view.checkpoint.created_at
    return f"the newest checkpoint is {age} s old" if age > limits.checkpoint_age else None


@dataclass(frozen=True)
class _Acting:
    """Does what was decided in one cycle."""

    relayer: Relayer
    view: BridgeView
    root: Pinned
    child: Pinned

    def do(self, action: RelayAction) -> Outcome:
        try:
            return self._do(action)
        except NotCheckpointed as early:
            return Outcome(str(early), goes_on=False)
        except WRONG_ENDPOINT as error:
            self.relayer.raise_alarm(AlarmReason.ENDPOINTS_DISAGREE, str(error))
            return Outcome(str(error), goes_on=False)

    def _do(self, action: RelayAction) -> Outcome:
        if isinstance(action, WaitFor):
            return Outcome(action.reason, goes_on=True)
        if self._sender(action) is None:
            # Before anything is proved: who only looks need not read whole checkpoints.
            return Outcome(DRY_RUN, goes_on=True)
        root, child = self._root_end, self.relayer.observer.child_end(self.child)
        match action:
            case DeliverMessage(posted):
                proof = self._prover.prove(posted.block, posted.transaction, posted.log_index)
                call = root.gateway.functions.deliver(proof.argument)
                return self._send(call, f"deliver:{posted.id.hex()}", action)
            case ProveResult(log):
                proof = self._prover.prove(log.block, log.transaction, log.log_index)
                call = root.results.functions.prove(proof.argument)
                meaning = f"prove:{log.tournament}:{log.round_id}:{log.kind}"
                return self._send(call, meaning, action)
            case RetryMessage(posted):
                call = child.gateway.functions.retry(posted.message.encoded)
                return self._send(call, f"retry:{posted.id.hex()}", action)
            case FlushSink(on_root, _):
                sink = root.burn_sink if on_root else child.burn_sink
                return self._send(sink.functions.flush(), f"flush:{sink.address}", action)

    @property
    def _root_end(self) -> RootEnd:
        return self.relayer.observer.root_end(self.root)

    @property
    def _prover(self) -> Prover:
        observer = self.relayer.observer
        return Prover(
            self._root_end,
            self.child.w3,
            self.view.checkpoint,
            self.view.root.block,
            observer.addresses.step,
            observer.leaves,
        )

    def _sender(self, action: RelayAction) -> TransactionSender | None:
        return self.relayer.root_sender if _is_on_root(action) else self.relayer.child_sender

    def _send(self, call: ContractFunction, meaning: str, action: RelayAction) -> Outcome:
        sender, on_root = self._sender(action), _is_on_root(action)
        if sender is None:
            return Outcome(DRY_RUN, goes_on=True)
        addresses = self.relayer.observer.addresses
        end, side = (addresses.root, self.view.root) if on_root else (addresses.child, self.view.child)
        key = RequestKey.of(scope_of(end.chain_id, end.gateway), meaning)
        request = TransactionRequest.of(call, key, known_at=side.block)
        try:
            delivery = sender.deliver(request)
        except Reverted as reverted:
            # No human is called: a receiver may refuse, and a used-up day and a pause end by themselves,
            # and what waits for too long is reported as slow.
            done = reverted.name in DONE_BY_ANOTHER
            text = f"already done ({reverted.name})" if done else str(reverted)
            return Outcome(text, goes_on=done)
        return Outcome(delivery.note, delivery.is_mined)


def _is_on_root(action: RelayAction) -> bool:
    """Return whether an action is a transaction on Ethereum."""
    return action.on_root if isinstance(action, FlushSink) else not isinstance(action, RetryMessage)
