"""Decides the next step of a transaction: a pure state machine, without chain, database or clock."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from scorer.chain.fees import Bid, FeePolicy, GasMarket, raised
from scorer.chain.rpc_errors import Answer
from scorer.transactions.intents import OPEN, Attempt, Intent, IntentState, Mined

CANCEL_GAS: Final = 21_000
"""Gas of an empty transaction."""


@dataclass(frozen=True)
class ChainView:
    """The state of the chain, as far as it concerns an account and an intent.

    Attributes
    ----------
    now
        The latest block's timestamp, seconds since the epoch.
    used, used_finally
        Number of nonces that the account used at the latest and at the finalised block, as far as enough
        endpoints confirm it.
    free_nonce
        The next nonce that neither the latest block nor any attempt of ours uses.
    finalised
        Number of the finalised block.
    mined
        Receipts of the intent's attempts.
    is_first
        True where no earlier nonce of the account waits.
    """

    now: int
    market: GasMarket
    used: int
    used_finally: int
    free_nonce: int
    finalised: int
    mined: tuple[Mined, ...] = ()
    is_first: bool = True


@dataclass(frozen=True)
class BumpSchedule:
    """Seconds of chain time that a bid waits before it is raised, twice as many after each raise."""

    first: int = 20
    doublings: int = 6

    def after(self, attempts: int) -> int:
        """Return the seconds that the last of so many attempts waits."""
        return int(self.first * 2 ** min(attempts - 1, self.doublings))


class StopReason(StrEnum):
    """The reason why nothing more can be done for an intent now."""

    WAITING = "waiting to be mined"
    NOT_FINAL = "mined, waiting for finality"
    REVERTED = "reverted, waiting for finality"
    FOREIGN_NONCE = "a transaction that is not ours took the nonce, waiting for its finality"
    ENDPOINTS_DISAGREE = "in a block that is final, whose state does not count its nonce"
    CEILING = "a higher bid would be above the fee ceiling"
    FEE_CAP = "gas times fee cap is above what the endpoint takes"
    NO_FUNDS = "the account cannot pay for the gas"
    REFUSED = "the endpoint refuses it"
    FINISHED = "finished"


ALARMING: Final = frozenset(
    {
        StopReason.FOREIGN_NONCE,
        StopReason.ENDPOINTS_DISAGREE,
        StopReason.CEILING,
        StopReason.FEE_CAP,
        StopReason.NO_FUNDS,
        StopReason.REFUSED,
    }
)
"""Reasons for which a human is called."""


@dataclass(frozen=True)
class Sign:
    """Sign an attempt.

    Attributes
    ----------
    cancels
        Sign an empty transaction, which only uses up the nonce.
    estimates
        Estimate its gas anew: the limit is too low.
    """

    nonce: int
    bid: Bid
    cancels: bool = False
    estimates: bool = False


@dataclass(frozen=True)
class Broadcast:
    """Send these bytes, once more or for the first time."""

    attempt: Attempt


@dataclass(frozen=True)
class SetState:
    """Record a new state."""

    state: IntentState
    mined: Mined | None = None


@dataclass(frozen=True)
class Hold:
    """Do nothing now."""

    why: StopReason


Step = Sign | Broadcast | SetState | Hold
_MAYBE_TAKEN: Final = frozenset({Answer.ACCEPTED, Answer.KNOWN, Answer.NONCE_TOO_LOW, Answer.UNREACHABLE})
"""Answers after which a node may have the transaction: a time-out can come after it took it."""
_JUDGING: Final = frozenset(
    {
        Answer.REPLACEMENT_UNDERPRICED,
        Answer.TIP_TOO_LOW,
        Answer.CAP_BELOW_BASE_FEE,
        Answer.FEE_CAP_EXCEEDED,
        Answer.INSUFFICIENT_FUNDS,
        Answer.GAS_TOO_HIGH,
        Answer.GAS_TOO_LOW,
    }
)
"""Answers of a node that judged the transaction; after any other it may still have it from before."""
_TOO_LOW: Final = frozenset({Answer.REPLACEMENT_UNDERPRICED, Answer.TIP_TOO_LOW, Answer.CAP_BELOW_BASE_FEE})
_TOO_EXPENSIVE: Final = frozenset({Answer.FEE_CAP_EXCEEDED, Answer.INSUFFICIENT_FUNDS})
_HOLD_REASONS: Final = {
    Answer.FEE_CAP_EXCEEDED: StopReason.FEE_CAP,
    Answer.INSUFFICIENT_FUNDS: StopReason.NO_FUNDS,
    Answer.GAS_TOO_HIGH: StopReason.REFUSED,
    Answer.GAS_TOO_LOW: StopReason.REFUSED,
}


def refusal_after(attempt: Attempt, answer: Answer) -> Answer | None:
    """Return the refusal to record of an attempt that was sent; None where a node may have it."""
    if answer in _MAYBE_TAKEN or (attempt.refusal is None and answer not in _JUDGING):
        return None
    return answer


def next_step(
    intent: Intent,
    attempts: Sequence[Attempt],
    view: ChainView,
    fees: FeePolicy,
    sent: Set[bytes] = frozenset(),
    bumps: BumpSchedule = BumpSchedule(),
) -> Step:
    """Decide the next step of an intent.

    Parameters
    ----------
    attempts
        All that were ever signed for it, oldest first.
    sent
        Hashes of the attempts that were broadcast in this pass.
    """
    if intent.state not in OPEN and attempts:
        return Hold(StopReason.FINISHED)
    if not attempts:
        return _first(intent, view, fees)
    # A receipt goes first: where one of ours is mined, no foreign transaction has the nonce.
    if view.mined:
        return _mined(intent, attempts, view)
    if intent.nonce is not None and view.used > intent.nonce:
        return _taken(intent.nonce, view)
    # It was in a block and is in none any more: a reorganisation.
    if intent.state == IntentState.MINED:
        return SetState(IntentState.SENT)
    return _unmined(intent, attempts, view, fees, sent, bumps)


def _first(intent: Intent, view: ChainView, fees: FeePolicy) -> Step:
    bid = fees.bid(view.market)
    if bid is None:
        return Hold(StopReason.CEILING)
    if not fees.allows(intent.call.gas, bid):
        return Hold(StopReason.FEE_CAP)
    return Sign(view.free_nonce, bid)


def _mined(intent: Intent, attempts: Sequence[Attempt], view: ChainView) -> Step:
    receipt = view.mined[0]
    # The nonce is counted by several endpoints, the receipt comes from one: an end needs both.
    if receipt.block <= view.finalised and view.used_finally > (intent.nonce or 0):
        return SetState(_end(receipt, attempts), receipt)
    if (intent.state, intent.block, intent.ok) != (IntentState.MINED, receipt.block, receipt.ok):
        return SetState(IntentState.MINED, receipt)
    if receipt.block <= view.finalised:
        return Hold(StopReason.ENDPOINTS_DISAGREE)
    return Hold(StopReason.NOT_FINAL if receipt.ok else StopReason.REVERTED)


def _end(receipt: Mined, attempts: Sequence[Attempt]) -> IntentState:
    if any(attempt.cancels for attempt in attempts if attempt.hash == receipt.hash):
        return IntentState.CANCELLED
    return IntentState.FINAL if receipt.ok else IntentState.FAILED


def _taken(nonce: int, view: ChainView) -> Step:
    # Until the foreign transaction is final, a reorganisation can bring ours back. A new intent for the same
    # key would then be executed beside it.
    if view.used_finally > nonce:
        return SetState(IntentState.DISPLACED)
    return Hold(StopReason.FOREIGN_NONCE)


def _unmined(
    intent: Intent,
    attempts: Sequence[Attempt],
    view: ChainView,
    fees: FeePolicy,
    sent: Set[bytes],
    bumps: BumpSchedule,
) -> Step:
    """Send the last attempt, then judge by the newest answer whether another one must be signed.

    Only what a node took must be outbid. What none took is sent again as it is: a bid that grew without being
    taken would in the end exceed the account's balance, or pay far more than the market asks.
    """
    last = attempts[-1]
    expired = intent.not_after is not None and view.now >= intent.not_after
    # What is too late is not sent again: an empty transaction outbids it and takes its nonce.
    cancelling = expired and not last.cancels
    if last.hash not in sent and not cancelling:
        return Broadcast(last)
    if cancelling or _must_be_raised(attempts, view, sent, bumps):
        bid = _outbid(attempts, view, fees)
        gas = CANCEL_GAS if expired else intent.call.gas
        if bid is not None and fees.allows(gas, bid):
            estimates = last.refusal == Answer.GAS_TOO_LOW and not cancelling
            return Sign(intent.nonce or 0, bid, expired or last.cancels, estimates)
        if last.hash in sent:
            return Hold(StopReason.CEILING if bid is None else StopReason.FEE_CAP)
    return _send_again(intent, attempts, view, fees, sent)


def _must_be_raised(
    attempts: Sequence[Attempt], view: ChainView, sent: Set[bytes], bumps: BumpSchedule
) -> bool:
    """Check whether the bid is refused as too low, or was taken and has waited long enough.

    A refused bid is raised at once, but only once a pass: a node that refuses everything would otherwise
    drive it to the ceiling.
    """
    last = attempts[-1]
    if last.refusal is None:
        # abs: an attempt that a wrong clock dated to the future must not wait until then.
        waited = abs(view.now - last.signed_at)
        return view.is_first and waited >= bumps.after(len(attempts))
    is_raised = any(attempt.hash in sent for attempt in attempts[:-1])
    lacks_gas = last.refusal == Answer.GAS_TOO_LOW and not last.cancels
    return not is_raised and (last.refusal in _TOO_LOW or lacks_gas)


def _outbid(attempts: Sequence[Attempt], view: ChainView, fees: FeePolicy) -> Bid | None:
    """Return a bid above all that a pool may hold, or a first bid where none holds any."""
    last = attempts[-1]
    rivals = [attempt.bid for attempt in attempts if attempt.refusal is None]
    # A bid that was too low must be exceeded, though no pool holds it.
    rivals += [last.bid] if last.refusal in _TOO_LOW else []
    if not rivals:
        return _unused(_fresh(attempts, view, fees), attempts)
    highest = Bid(max(bid.tip for bid in rivals), max(bid.cap for bid in rivals))
    return _unused(fees.replacement(highest, view.market, last.least_tip), attempts)


def _least_tip(attempts: Sequence[Attempt]) -> int:
    return max(attempt.least_tip for attempt in attempts)


def _fresh(attempts: Sequence[Attempt], view: ChainView, fees: FeePolicy) -> Bid | None:
    """Return a bid as for a first attempt, but with at least the tip that nodes asked for."""
    tip = max(view.market.tip, _least_tip(attempts))
    return fees.bid(replace(view.market, tip=tip))


def _unused(bid: Bid | None, attempts: Sequence[Attempt]) -> Bid | None:
    """Raise the fee cap by single wei until no attempt has this bid."""
    # Equal bids could sign to equal bytes, and the journal holds each hash once.
    while bid in {attempt.bid for attempt in attempts} and bid is not None:
        bid = Bid(bid.tip, bid.cap + 1)
    return bid


def _send_again(
    intent: Intent, attempts: Sequence[Attempt], view: ChainView, fees: FeePolicy, sent: Set[bytes]
) -> Step:
    """Send earlier attempts too while the last is refused: a pool may have lost them, and any will do."""
    last = attempts[-1]
    alike = [attempt for attempt in reversed(attempts) if attempt.cancels == last.cancels]
    for attempt in alike:
        if attempt.hash not in sent:
            return Broadcast(attempt)
        if attempt.refusal is None:
            break
    # No pool holds what was too expensive, so that a lower bid need not replace it: the market may have
    # fallen.
    bid = _fresh(attempts, view, fees)
    if last.refusal in _TOO_EXPENSIVE and bid is not None and _is_cheapest(bid, attempts):
        return Sign(intent.nonce or 0, bid, last.cancels)
    return Hold(_HOLD_REASONS.get(last.refusal, StopReason.WAITING) if last.refusal else StopReason.WAITING)


def _is_cheapest(bid: Bid, attempts: Sequence[Attempt]) -> bool:
    """Check that no pool holds an attempt, and that `bid` is an eighth below all with a sufficient tip."""
    none_is_held = all(attempt.refusal is not None for attempt in attempts)
    useful = [attempt.bid for attempt in attempts if attempt.bid.tip >= _least_tip(attempts)]
    return none_is_held and all(other.cap >= raised(bid.cap) for other in useful)
