"""One transaction's way from plan to finality: a pure state machine, without chain, database or clock.

What is to be done once is an *intent*; every signed form of it is an *attempt*. All attempts of an intent
have one nonce, so the chain itself takes no more than one of them. An attempt is never forgotten.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from scorer.chain.fees import Bid, FeePolicy, GasMarket, raised
from scorer.chain.rpc_errors import Answer


class State(StrEnum):
    """How far an intent is."""

    PLANNED = "planned"
    """Nothing is signed."""
    SENT = "sent"
    """Signed and committed; from here on it may be mined at any time."""
    MINED = "mined"
    """In a block that is not finalised."""
    FINAL = "final"
    """Executed, in a finalised block."""
    FAILED = "failed"
    """Reverted, in a finalised block."""
    CANCELLED = "cancelled"
    """Its time passed: an empty transaction took its nonce, in a finalised block."""
    DISPLACED = "displaced"
    """A transaction that is not ours took its nonce, in a finalised block."""


OPEN: Final = frozenset({State.SENT, State.MINED})
"""Signed, and not finished: what must be looked after."""


@dataclass(frozen=True)
class Call:
    """What is to be executed; `gas` is its limit."""

    to: str
    data: bytes
    gas: int
    value: int = 0


@dataclass(frozen=True)
class Intent:
    """An act that must happen exactly once.

    Attributes
    ----------
    key, generation
        What it means, such as ``137:0x...:412:settle:3``; counted, as a vote may be cast, changed and cast
        again.
    not_after
        Chain time, Unix seconds, after which it must not be mined any more; None: never.
    finished_at
        The finalised block at which it was found finished.
    """

    id: int
    key: str
    generation: int
    account: str
    call: Call
    not_after: int | None
    state: State = State.PLANNED
    nonce: int | None = None
    block: int | None = None
    gas_used: int | None = None
    ok: bool | None = None
    finished_at: int | None = None


@dataclass(frozen=True)
class Attempt:
    """Signed bytes.

    Attributes
    ----------
    signed_at
        Chain time, Unix seconds.
    refusal
        Why no node took it, as they last said; None once one did, or did not answer and may have.
    least_tip
        What the refusal asked for.
    """

    hash: bytes
    raw: bytes
    bid: Bid
    cancels: bool
    signed_at: int
    refusal: Answer | None = None
    least_tip: int = 0


@dataclass(frozen=True)
class Mined:
    """A receipt whose block is canonical."""

    hash: bytes
    block: int
    ok: bool
    gas_used: int


@dataclass(frozen=True)
class ChainView:
    """What the chain says of an account and an intent.

    Attributes
    ----------
    now
        The latest block's timestamp.
    used, used_finally
        How many nonces of the account are used at the latest and at the finalised block, as far as enough
        endpoints confirm it.
    free_nonce
        The next nonce that neither the latest block nor any attempt of ours uses.
    finalised
        Number of the finalised block.
    mined
        Receipts of the intent's attempts.
    is_first
        Whether no earlier nonce of the account is waiting.
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
    """How long a bid may wait before it is raised: seconds of chain time, twice as long each time."""

    first: int = 20
    doublings: int = 6

    def after(self, attempts: int) -> int:
        """Seconds that the last of so many attempts may wait."""
        return int(self.first * 2 ** min(attempts - 1, self.doublings))


class StopReason(StrEnum):
    """Why nothing more can be done for an intent now."""

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
"""Reasons that a human must know of."""


@dataclass(frozen=True)
class Sign:
    """Sign an attempt.

    Attributes
    ----------
    cancels
        An empty one that only uses the nonce up.
    estimates
        With a new limit for its gas: the one before is too low.
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

    state: State
    mined: Mined | None = None


@dataclass(frozen=True)
class Hold:
    """Nothing to do now."""

    why: StopReason


Step = Sign | Broadcast | SetState | Hold
_TAKEN: Final = frozenset({Answer.ACCEPTED, Answer.KNOWN, Answer.NONCE_TOO_LOW, Answer.UNREACHABLE})
"""Answers after which a transaction may be on its way: a time-out can come after the node took it."""
_TELLING: Final = frozenset(
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
"""Answers of a node that judged the transaction; no other says whether it has it from before."""
_TOO_LOW: Final = frozenset({Answer.REPLACEMENT_UNDERPRICED, Answer.TIP_TOO_LOW, Answer.CAP_BELOW_BASE_FEE})
_TOO_DEAR: Final = frozenset({Answer.FEE_CAP_EXCEEDED, Answer.INSUFFICIENT_FUNDS})
_HOLDING: Final = {
    Answer.FEE_CAP_EXCEEDED: StopReason.FEE_CAP,
    Answer.INSUFFICIENT_FUNDS: StopReason.NO_FUNDS,
    Answer.GAS_TOO_HIGH: StopReason.REFUSED,
    Answer.GAS_TOO_LOW: StopReason.REFUSED,
}


def refusal_after(attempt: Attempt, said: Answer) -> Answer | None:
    """What is kept of a node's answer to an attempt that was sent."""
    if said in _TAKEN or (attempt.refusal is None and said not in _TELLING):
        return None
    return said


def next_step(
    intent: Intent,
    attempts: Sequence[Attempt],
    seen: ChainView,
    fees: FeePolicy,
    sent: Set[bytes] = frozenset(),
    patience: BumpSchedule = BumpSchedule(),
) -> Step:
    """What to do next for an intent.

    Parameters
    ----------
    attempts
        All that were ever signed for it, oldest first.
    sent
        Hashes of those that were broadcast in this pass already.
    """
    if intent.state not in OPEN and attempts:
        return Hold(StopReason.FINISHED)
    if not attempts:
        return _first(intent, seen, fees)
    if seen.mined:
        return _mined(intent, attempts, seen)
    if intent.nonce is not None and seen.used > intent.nonce:
        return _taken(intent.nonce, seen)
    if intent.state == State.MINED:
        return SetState(State.SENT)
    return _unmined(intent, attempts, seen, fees, sent, patience)


def _first(intent: Intent, seen: ChainView, fees: FeePolicy) -> Step:
    bid = fees.bid(seen.market)
    if bid is None:
        return Hold(StopReason.CEILING)
    if not fees.allows(intent.call.gas, bid):
        return Hold(StopReason.FEE_CAP)
    return Sign(seen.free_nonce, bid)


def _mined(intent: Intent, attempts: Sequence[Attempt], seen: ChainView) -> Step:
    found = seen.mined[0]
    # The nonce is counted by several endpoints, the receipt comes from one: to end an act takes both.
    if found.block <= seen.finalised and seen.used_finally > (intent.nonce or 0):
        return SetState(_end(found, attempts), found)
    if (intent.state, intent.block, intent.ok) != (State.MINED, found.block, found.ok):
        return SetState(State.MINED, found)
    if found.block <= seen.finalised:
        return Hold(StopReason.ENDPOINTS_DISAGREE)
    return Hold(StopReason.NOT_FINAL if found.ok else StopReason.REVERTED)


def _end(found: Mined, attempts: Sequence[Attempt]) -> State:
    if any(attempt.cancels for attempt in attempts if attempt.hash == found.hash):
        return State.CANCELLED
    return State.FINAL if found.ok else State.FAILED


def _taken(nonce: int, seen: ChainView) -> Step:
    """Until a foreign transaction is final, a reorganisation can bring ours back: both would be executed."""
    if seen.used_finally > nonce:
        return SetState(State.DISPLACED)
    return Hold(StopReason.FOREIGN_NONCE)


def _unmined(
    intent: Intent,
    attempts: Sequence[Attempt],
    seen: ChainView,
    fees: FeePolicy,
    sent: Set[bytes],
    patience: BumpSchedule,
) -> Step:
    """Send what was signed last, then judge by the newest answer whether something else must be signed.

    Only what a node took must be outbid. What none took is sent again as it is: a bid that grew without being
    taken would in the end be more than the account has, or pay far more than the market asks.
    """
    last = attempts[-1]
    expired = intent.not_after is not None and seen.now >= intent.not_after
    cancelling = expired and not last.cancels
    if last.hash not in sent and not cancelling:
        return Broadcast(last)
    if cancelling or _must_be_raised(attempts, seen, sent, patience):
        bid = _outbidding(attempts, seen, fees)
        gas = 21_000 if expired else intent.call.gas
        if bid is not None and fees.allows(gas, bid):
            estimates = last.refusal == Answer.GAS_TOO_LOW and not cancelling
            return Sign(intent.nonce or 0, bid, expired or last.cancels, estimates)
        if last.hash in sent:
            return Hold(StopReason.CEILING if bid is None else StopReason.FEE_CAP)
    return _again(intent, attempts, seen, fees, sent)


def _must_be_raised(
    attempts: Sequence[Attempt], seen: ChainView, sent: Set[bytes], patience: BumpSchedule
) -> bool:
    """At once when it is refused as too low, but once a pass; later when a node took it and nothing came."""
    last = attempts[-1]
    if last.refusal is None:
        # Either way: what a wrong clock dated to the future must not wait until then.
        waited = abs(seen.now - last.signed_at)
        return seen.is_first and waited >= patience.after(len(attempts))
    is_raised = any(attempt.hash in sent for attempt in attempts[:-1])
    lacks_gas = last.refusal == Answer.GAS_TOO_LOW and not last.cancels
    return not is_raised and (last.refusal in _TOO_LOW or lacks_gas)


def _outbidding(attempts: Sequence[Attempt], seen: ChainView, fees: FeePolicy) -> Bid | None:
    """A bid above all that a pool may hold, or a first one where none holds any."""
    last = attempts[-1]
    rivals = [each.bid for each in attempts if each.refusal is None]
    rivals += [last.bid] if last.refusal in _TOO_LOW else []
    if not rivals:
        return _another(_fresh(attempts, seen, fees), attempts)
    highest = Bid(max(bid.tip for bid in rivals), max(bid.cap for bid in rivals))
    return _another(fees.replacement(highest, seen.market, last.least_tip), attempts)


def _least_tip(attempts: Sequence[Attempt]) -> int:
    return max(each.least_tip for each in attempts)


def _fresh(attempts: Sequence[Attempt], seen: ChainView, fees: FeePolicy) -> Bid | None:
    """As for a first attempt, but with the tip that nodes were heard to ask for."""
    tip = max(seen.market.tip, _least_tip(attempts))
    return fees.bid(replace(seen.market, tip=tip))


def _another(bid: Bid | None, attempts: Sequence[Attempt]) -> Bid | None:
    """One that no attempt has, by a wei if need be: with equal bids the bytes could be those of another."""
    while bid in {each.bid for each in attempts} and bid is not None:
        bid = Bid(bid.tip, bid.cap + 1)
    return bid


def _again(
    intent: Intent, attempts: Sequence[Attempt], seen: ChainView, fees: FeePolicy, sent: Set[bytes]
) -> Step:
    """While the last is refused, those before it are sent too: a pool may have lost them, and any will do."""
    last = attempts[-1]
    alike = [each for each in reversed(attempts) if each.cancels == last.cancels]
    for attempt in alike:
        if attempt.hash not in sent:
            return Broadcast(attempt)
        if attempt.refusal is None:
            break
    bid = _fresh(attempts, seen, fees)
    if last.refusal in _TOO_DEAR and bid is not None and _is_cheapest(bid, attempts):
        return Sign(intent.nonce or 0, bid, last.cancels)
    return Hold(_HOLDING.get(last.refusal, StopReason.WAITING) if last.refusal else StopReason.WAITING)


def _is_cheapest(bid: Bid, attempts: Sequence[Attempt]) -> bool:
    """Whether no pool holds an attempt, and all whose tips are taken are dearer than `bid` by an eighth."""
    none_is_held = all(each.refusal is not None for each in attempts)
    useful = [each.bid for each in attempts if each.bid.tip >= _least_tip(attempts)]
    return none_is_held and all(each.cap >= raised(bid.cap) for each in useful)
