"""What is done next for a transaction, case by case: plain data in, a step out."""

from dataclasses import FrozenInstanceError, replace

import pytest

from scorer.chain.fees import GWEI, Bid, FeePolicy, GasMarket
from scorer.chain.rpc_errors import Answer
from scorer.transactions.intents import Attempt, Call, Intent, IntentState, Mined
from scorer.transactions.state_machine import (
    Broadcast,
    BumpSchedule,
    ChainView,
    Hold,
    SetState,
    Sign,
    Step,
    StopReason,
    next_step,
    refusal_after,
)

FEES = FeePolicy(tip=30 * GWEI, ceiling=500 * GWEI)
MARKET = GasMarket(30 * GWEI)
FIRST = Bid(30 * GWEI, 120 * GWEI)
HASH, OTHER = b"\1" * 32, b"\2" * 32
NOW = 1000
PLANNED = Intent(1, "key", 0, "0xme", Call("0xto", b"data", 50_000), None)
SENT = replace(PLANNED, state=IntentState.SENT, nonce=7)
MINED = replace(SENT, state=IntentState.MINED, block=90, ok=True)
ATTEMPT = Attempt(HASH, b"raw", FIRST, cancels=False, signed_at=NOW)
SEEN = ChainView(NOW, MARKET, used=7, used_finally=5, free_nonce=7, finalised=80)


def step(intent: Intent, *attempts: Attempt, **changes: object) -> Step:
    seen = replace(SEEN, **{k: v for k, v in changes.items() if k not in ("sent", "fees")})  # type: ignore[arg-type]
    sent = changes.get("sent", frozenset())
    return next_step(intent, attempts, seen, changes.get("fees", FEES), sent)  # type: ignore[arg-type]


def receipt(block: int, *, ok: bool = True, tx_hash: bytes = HASH) -> tuple[Mined, ...]:
    return (Mined(tx_hash, block, ok, 40_000),)


def refused(answer: Answer, least_tip: int = 0) -> Attempt:
    return replace(ATTEMPT, refusal=answer, least_tip=least_tip)


def test_a_planned_request_is_signed_with_the_free_nonce() -> None:
    assert step(PLANNED, free_nonce=12) == Sign(12, FIRST)


def test_nothing_is_signed_above_the_ceiling_or_the_endpoints_cap() -> None:
    assert step(PLANNED, market=GasMarket(600 * GWEI)) == Hold(StopReason.CEILING)
    exact = 50_000 * FIRST.cap
    assert step(PLANNED, fees=replace(FEES, transaction_cap=exact)) == Sign(7, FIRST)
    assert step(PLANNED, fees=replace(FEES, transaction_cap=exact - 1)) == Hold(StopReason.FEE_CAP)


def test_what_is_signed_is_sent_once_a_pass() -> None:
    assert step(SENT, ATTEMPT) == Broadcast(ATTEMPT)
    assert step(SENT, ATTEMPT, sent={HASH}) == Hold(StopReason.WAITING)


@pytest.mark.parametrize(
    "state", [IntentState.FINAL, IntentState.FAILED, IntentState.CANCELLED, IntentState.DISPLACED]
)
def test_what_is_finished_is_left_alone(state: IntentState) -> None:
    assert step(replace(SENT, state=state), ATTEMPT) == Hold(StopReason.FINISHED)


def test_a_receipt_is_recorded_once_and_final_at_the_finalised_block_and_not_before() -> None:
    assert step(SENT, ATTEMPT, mined=receipt(90)) == SetState(IntentState.MINED, *receipt(90))
    assert step(MINED, ATTEMPT, mined=receipt(90)) == Hold(StopReason.NOT_FINAL)
    used: dict[str, object] = {"used": 8, "used_finally": 8}
    assert step(MINED, ATTEMPT, mined=receipt(90), finalised=89, **used) == Hold(StopReason.NOT_FINAL)
    assert step(MINED, ATTEMPT, mined=receipt(90), finalised=90, **used) == SetState(
        IntentState.FINAL, *receipt(90)
    )
    assert step(MINED, ATTEMPT, mined=receipt(90), finalised=91, **used) == SetState(
        IntentState.FINAL, *receipt(90)
    )


def test_a_receipt_ends_nothing_while_too_few_endpoints_say_that_its_nonce_is_used() -> None:
    assert step(MINED, ATTEMPT, mined=receipt(90), finalised=90, used_finally=7) == Hold(
        StopReason.ENDPOINTS_DISAGREE
    )


@pytest.mark.parametrize("mined", [receipt(91), receipt(90, ok=False)])
def test_a_receipt_that_changed_is_recorded_anew(mined: tuple[Mined, ...]) -> None:
    assert step(MINED, ATTEMPT, mined=mined) == SetState(IntentState.MINED, *mined)


def test_a_revert_waits_for_finality_and_has_then_failed() -> None:
    reverted = replace(MINED, ok=False)
    assert step(reverted, ATTEMPT, mined=receipt(90, ok=False)) == Hold(StopReason.REVERTED)
    failed = SetState(IntentState.FAILED, *receipt(90, ok=False))
    assert step(reverted, ATTEMPT, mined=receipt(90, ok=False), finalised=90, used_finally=8) == failed


def test_a_final_cancellation_has_cancelled_and_a_request_beside_one_has_not() -> None:
    empty = Attempt(OTHER, b"raw", FIRST, cancels=True, signed_at=NOW)
    cancelled = receipt(90, tx_hash=OTHER)
    final: dict[str, object] = {"finalised": 90, "used_finally": 8}
    assert step(MINED, ATTEMPT, empty, mined=cancelled, **final) == SetState(
        IntentState.CANCELLED, *cancelled
    )
    assert step(MINED, ATTEMPT, empty, mined=receipt(90), **final) == SetState(
        IntentState.FINAL, *receipt(90)
    )


def test_a_receipt_that_is_gone_puts_the_request_back() -> None:
    assert step(MINED, ATTEMPT) == SetState(IntentState.SENT)


def test_a_nonce_that_is_taken_is_waited_out_until_it_is_final() -> None:
    assert step(SENT, ATTEMPT, used=8) == Hold(StopReason.FOREIGN_NONCE)
    assert step(SENT, ATTEMPT, used=8, used_finally=7) == Hold(StopReason.FOREIGN_NONCE)
    assert step(SENT, ATTEMPT, used=8, used_finally=8) == SetState(IntentState.DISPLACED)


def test_a_bid_is_raised_when_its_patience_is_over_and_no_second_before() -> None:
    raised = Bid(FIRST.tip * 9 // 8 + 1, FIRST.cap * 9 // 8 + 1)
    assert step(SENT, ATTEMPT, now=NOW + 20) == Broadcast(ATTEMPT)
    assert step(SENT, ATTEMPT, now=NOW + 19, sent={HASH}) == Hold(StopReason.WAITING)
    assert step(SENT, ATTEMPT, now=NOW + 20, sent={HASH}) == Sign(7, raised)


def test_a_bid_that_a_wrong_clock_dated_to_the_future_is_raised_all_the_same() -> None:
    assert isinstance(step(SENT, ATTEMPT, now=NOW - 20, sent={HASH}), Sign)
    assert step(SENT, ATTEMPT, now=NOW - 19, sent={HASH}) == Hold(StopReason.WAITING)


def test_only_the_lowest_nonce_that_waits_is_raised() -> None:
    assert step(SENT, ATTEMPT, now=NOW + 500, is_first=False, sent={HASH}) == Hold(StopReason.WAITING)


def test_patience_doubles_with_every_attempt_and_not_for_ever() -> None:
    after = BumpSchedule().after
    assert [after(count) for count in (1, 2, 3, 7, 8, 100)] == [20, 40, 80, 1280, 1280, 1280]


@pytest.mark.parametrize(
    "answer", [Answer.REPLACEMENT_UNDERPRICED, Answer.TIP_TOO_LOW, Answer.CAP_BELOW_BASE_FEE]
)
def test_a_bid_that_is_refused_for_being_low_is_raised_at_once_and_once_a_pass(answer: Answer) -> None:
    assert step(SENT, refused(answer)) == Broadcast(refused(answer))
    found = step(SENT, refused(answer), sent={HASH})
    assert isinstance(found, Sign)
    assert found.bid.tip * 8 >= FIRST.tip * 9
    raised = replace(refused(answer), hash=OTHER, bid=found.bid)
    assert step(SENT, ATTEMPT, raised, sent={HASH, OTHER}) == Hold(StopReason.WAITING)


def test_a_raise_is_what_the_node_asks_for() -> None:
    found = step(SENT, refused(Answer.TIP_TOO_LOW, 60 * GWEI), sent={HASH})
    assert isinstance(found, Sign)
    assert found.bid.tip == 60 * GWEI


def test_a_tip_above_its_ceiling_is_not_signed_whoever_asks_for_it() -> None:
    assert step(SENT, refused(Answer.TIP_TOO_LOW, 301 * GWEI), sent={HASH}) == Hold(StopReason.CEILING)
    high = replace(ATTEMPT, bid=Bid(270 * GWEI, 400 * GWEI))
    assert step(SENT, high, sent={HASH}, now=NOW + 20) == Hold(StopReason.CEILING)


@pytest.mark.parametrize(
    "answer",
    [
        Answer.NOT_SENT,
        Answer.FEE_CAP_EXCEEDED,
        Answer.INSUFFICIENT_FUNDS,
        Answer.GAS_TOO_HIGH,
        Answer.RATE_LIMITED,
        Answer.UNKNOWN,
    ],
)
def test_a_bid_that_no_node_took_is_not_raised_however_long_it_waits(answer: Answer) -> None:
    attempt = refused(answer)
    assert step(SENT, attempt, now=NOW + 10_000) == Broadcast(attempt)
    assert isinstance(step(SENT, attempt, now=NOW + 10_000, sent={HASH}), Hold)


@pytest.mark.parametrize("answer", [Answer.FEE_CAP_EXCEEDED, Answer.INSUFFICIENT_FUNDS])
def test_a_bid_that_costs_too_much_is_made_anew_when_the_market_is_lower_by_an_eighth(answer: Answer) -> None:
    dear = replace(refused(answer), bid=Bid(30 * GWEI, 135 * GWEI + 1))
    assert step(SENT, dear, sent={HASH}) == Sign(7, FIRST)
    dear = replace(dear, bid=Bid(30 * GWEI, 135 * GWEI))
    assert isinstance(step(SENT, dear, sent={HASH}), Hold)


def test_a_bid_that_is_made_anew_has_the_tip_that_a_node_asked_for() -> None:
    low = replace(refused(Answer.TIP_TOO_LOW, 40 * GWEI), hash=b"\3" * 32)
    dear = replace(refused(Answer.INSUFFICIENT_FUNDS), hash=OTHER, bid=Bid(40 * GWEI, 400 * GWEI))
    anew = Bid(40 * GWEI, 130 * GWEI)
    sent = {OTHER, low.hash}
    assert step(SENT, low, dear, sent=sent) == Sign(7, anew)
    again = replace(dear, hash=HASH, bid=anew)
    assert step(SENT, low, dear, again, sent={HASH, *sent}) == Hold(StopReason.NO_FUNDS)


def test_no_lower_bid_is_made_while_a_pool_holds_one() -> None:
    dear = replace(refused(Answer.INSUFFICIENT_FUNDS), hash=OTHER, bid=Bid(400 * GWEI, 400 * GWEI))
    assert step(SENT, ATTEMPT, dear, sent={HASH, OTHER}) == Hold(StopReason.NO_FUNDS)


def test_too_little_gas_is_estimated_anew_at_the_same_nonce_and_once_a_pass() -> None:
    attempt = refused(Answer.GAS_TOO_LOW)
    found = step(SENT, attempt, sent={HASH})
    assert isinstance(found, Sign)
    assert (found.nonce, found.estimates, found.cancels) == (7, True, False)
    again = replace(attempt, hash=OTHER)
    assert step(SENT, attempt, again, sent={HASH, OTHER}) == Hold(StopReason.REFUSED)


def test_a_node_that_does_not_say_whether_it_has_a_transaction_leaves_what_is_known_of_it() -> None:
    for vague in (Answer.UNKNOWN, Answer.RATE_LIMITED, Answer.POOL_FULL, Answer.NONCE_TOO_HIGH):
        assert refusal_after(ATTEMPT, vague) is None
    assert refusal_after(ATTEMPT, Answer.INSUFFICIENT_FUNDS) == Answer.INSUFFICIENT_FUNDS
    fresh = refused(Answer.NOT_SENT)
    assert refusal_after(fresh, Answer.UNKNOWN) == Answer.UNKNOWN
    assert refusal_after(fresh, Answer.RATE_LIMITED) == Answer.RATE_LIMITED
    for taken in (Answer.ACCEPTED, Answer.KNOWN, Answer.NONCE_TOO_LOW, Answer.UNREACHABLE):
        assert refusal_after(fresh, taken) is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer.FEE_CAP_EXCEEDED, StopReason.FEE_CAP),
        (Answer.INSUFFICIENT_FUNDS, StopReason.NO_FUNDS),
        (Answer.GAS_TOO_HIGH, StopReason.REFUSED),
        (Answer.UNKNOWN, StopReason.WAITING),
    ],
)
def test_another_refusal_is_sent_again_each_pass_and_says_why_it_waits(
    answer: Answer, why: StopReason
) -> None:
    attempt = refused(answer)
    assert step(SENT, attempt) == Broadcast(attempt)
    assert step(SENT, attempt, sent={HASH}) == Hold(why)


def test_a_raise_above_the_ceiling_or_the_cap_is_held_and_what_was_signed_sent_on() -> None:
    late: dict[str, object] = {"now": NOW + 500}
    low = replace(FEES, ceiling=130 * GWEI)
    assert step(SENT, ATTEMPT, fees=low, **late) == Broadcast(ATTEMPT)
    assert step(SENT, ATTEMPT, fees=low, sent={HASH}, **late) == Hold(StopReason.CEILING)
    capped = replace(FEES, transaction_cap=50_000 * FIRST.cap)
    assert step(SENT, ATTEMPT, fees=capped, **late) == Broadcast(ATTEMPT)
    assert step(SENT, ATTEMPT, fees=capped, sent={HASH}, **late) == Hold(StopReason.FEE_CAP)


def test_a_request_whose_time_has_passed_is_cancelled_at_once_and_its_cancellation_only_when_it_waits() -> (
    None
):
    late = replace(SENT, not_after=NOW)
    found = step(late, ATTEMPT)
    assert isinstance(found, Sign)
    assert (found.nonce, found.cancels) == (7, True)
    assert step(late, ATTEMPT, now=NOW - 1) == Broadcast(ATTEMPT)
    empty = Attempt(OTHER, b"raw", found.bid, cancels=True, signed_at=NOW)
    assert step(late, ATTEMPT, empty) == Broadcast(empty)
    again = step(late, ATTEMPT, empty, now=NOW + 40, sent={OTHER})
    assert isinstance(again, Sign)
    assert again.cancels


def test_a_cancellation_pays_for_the_gas_of_an_empty_transaction_alone() -> None:
    late = replace(SENT, not_after=NOW)
    raised = FIRST.cap * 9 // 8 + 1
    enough = replace(FEES, transaction_cap=21_000 * raised)
    assert isinstance(step(late, ATTEMPT, fees=enough), Sign)
    short = replace(FEES, transaction_cap=21_000 * raised - 1)
    assert step(late, ATTEMPT, fees=short) == Broadcast(ATTEMPT)


def test_a_raise_of_a_cancellation_cancels_though_time_were_turned_back() -> None:
    empty = Attempt(OTHER, b"raw", FIRST, cancels=True, signed_at=NOW)
    found = step(replace(SENT, not_after=NOW + 10_000), ATTEMPT, empty, now=NOW + 40, sent={OTHER})
    assert isinstance(found, Sign)
    assert found.cancels


def test_behind_a_refused_raise_the_bid_before_is_sent_too() -> None:
    """The pool may have lost it: then a raise that it refuses leaves nothing there."""
    last = replace(refused(Answer.UNKNOWN), hash=OTHER)
    assert step(SENT, ATTEMPT, last) == Broadcast(last)
    assert step(SENT, ATTEMPT, last, sent={OTHER}) == Broadcast(ATTEMPT)
    third = replace(last, hash=b"\3" * 32)
    assert step(SENT, ATTEMPT, last, third, sent={OTHER, third.hash}) == Broadcast(ATTEMPT)
    assert step(SENT, ATTEMPT, last, third, sent={HASH, OTHER, third.hash}) == Hold(StopReason.WAITING)
    taken = replace(last, refusal=None)
    assert step(SENT, ATTEMPT, taken, sent={OTHER}) == Hold(StopReason.WAITING)


@pytest.mark.parametrize(
    "value",
    [
        PLANNED,
        PLANNED.call,
        ATTEMPT,
        SEEN,
        BumpSchedule(),
        Sign(7, FIRST),
        Broadcast(ATTEMPT),
        SetState(IntentState.SENT),
        Hold(StopReason.WAITING),
        *receipt(90),
    ],
)
def test_what_the_machine_takes_and_gives_cannot_be_changed(value: object) -> None:
    with pytest.raises(FrozenInstanceError):
        value.anything = 1  # type: ignore[attr-defined]


DEAR = replace(ATTEMPT, hash=OTHER, bid=Bid(60 * GWEI, 300 * GWEI))
LATE = NOW + 10_000


def test_a_raise_is_above_all_that_a_pool_may_hold() -> None:
    raised = step(SENT, DEAR, ATTEMPT, sent={HASH}, now=LATE)
    assert isinstance(raised, Sign)
    assert raised.bid.tip >= DEAR.bid.tip * 9 // 8
    assert raised.bid.cap >= DEAR.bid.cap * 9 // 8


def test_a_raise_is_not_above_what_no_pool_took() -> None:
    refused = replace(DEAR, refusal=Answer.INSUFFICIENT_FUNDS)
    raised = step(SENT, refused, ATTEMPT, sent={HASH}, now=LATE)
    assert isinstance(raised, Sign)
    assert raised.bid.tip < DEAR.bid.tip
    assert raised.bid.cap < DEAR.bid.cap
    assert raised.bid.cap >= ATTEMPT.bid.cap * 9 // 8


def test_a_cancellation_of_what_no_pool_took_bids_as_if_it_were_the_first() -> None:
    refused = replace(DEAR, refusal=Answer.FEE_CAP_EXCEEDED)
    assert step(replace(SENT, not_after=NOW), refused) == Sign(7, FIRST, cancels=True)


def test_a_call_pays_nothing_and_an_attempt_was_asked_for_no_tip_unless_said() -> None:
    assert Call("0xto", b"", 21_000).value == 0
    assert ATTEMPT.least_tip == 0


def test_a_cancellation_at_the_same_price_differs_by_a_wei_upwards() -> None:
    refused = replace(ATTEMPT, refusal=Answer.FEE_CAP_EXCEEDED)
    dearer = Bid(FIRST.tip, FIRST.cap + 1)
    assert step(replace(SENT, not_after=NOW), refused) == Sign(7, dearer, cancels=True)
