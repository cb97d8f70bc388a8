"""What an oracle decides in every state of a round. Plain data in, actions out."""

from dataclasses import FrozenInstanceError, replace

import pytest

from scorer.chain.records import ProposalRecord, ProposalStatus, RoundRecord, RoundState
from scorer.chain.windows import SETTLEMENT_GRACE
from scorer.oracle.actions import (
    Alarm,
    ApproveBond,
    Attest,
    BeginSettlement,
    Challenge,
    CloseVotes,
    Collect,
    CountSignature,
    Expire,
    ReturnChunk,
    SealRound,
    SettleChunk,
    VoidRound,
    Wait,
)
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.calls import meaning_of
from scorer.oracle.decide import decide, decide_credit, is_due
from scorer.oracle.view import Absence, Challenging, RoundView
from scorer.protocol.report import Report
from scorer.protocol.seal import Seal
from tests.records import record as plain_record

CLOSE, RESOLVE, DEADLINE = 1_000_000, 1_200_000, 1_300_000
REPORT = Report(31337, "0x" + "11" * 20, 5, 1, b"\1" * 32, 10, 20, b"\2" * 32)
OURS = REPORT.hash()
THEIRS = b"\3" * 32


def record(state: RoundState) -> RoundRecord:
    return plain_record(
        state,
        round_id=5,
        open_at=CLOSE - 1000,
        close_at=CLOSE,
        resolve_at=RESOLVE,
        deadline=DEADLINE,
        lock_until=CLOSE + 50_000,
        funding_grace=86_400,
        cap=50_000,
        payout_factor=10**6,
        threshold=10**12,
        at_risk=10**9,
        positions_head=b"\4" * 32,
        next_slot=4,
        settlement_began_at=RESOLVE + 1000,
    )


def view(state: RoundState, now: int, **changes: object) -> RoundView:
    plain = RoundView(record(state), now, chunks_left=3, proposal=None, vote=None, report=REPORT)
    return replace(plain, **changes)  # type: ignore[arg-type]


def accepted(report_hash: bytes = OURS, until: int = RESOLVE + 500) -> ProposalRecord:
    return ProposalRecord(report_hash, until)


ALL_CHUNKS = (SettleChunk(2), SettleChunk(1), SettleChunk(0))


SHORT = Alarm(
    "round 5: the report pays 0.00000001 NMR, the pool holds 0.000000009 NMR; "
    f"fund it until {RESOLVE + 500 + 86_400} (Unix time), or every payout is cut",
    AlarmReason.POOL_SHORT,
)


def test_a_pool_that_cannot_pay_is_reported_from_the_acceptance_of_the_report_on() -> None:
    changes = {"proposal": accepted(), "pool": REPORT.total_payout - 1}
    open_ = decide(view(RoundState.SEALED, RESOLVE + 499, **changes))
    assert open_ == (SHORT, Wait("accepted; the challenge window is open"))
    waiting = Wait("final; the pool cannot pay it yet")
    assert decide(view(RoundState.SEALED, RESOLVE + 500, **changes)) == (SHORT, waiting)
    bonded = {"proposal": replace(accepted(), open_votes=0b11), "bonded": True, "delay": 40}
    turn = Wait("others have their turn before us")
    assert decide(view(RoundState.SEALED, RESOLVE + 539, **changes | bonded)) == (SHORT, turn, waiting)
    closing = decide(view(RoundState.SEALED, RESOLVE + 540, **changes | bonded))
    assert closing == (SHORT, CloseVotes(), waiting)
    none_held = decide(view(RoundState.SEALED, RESOLVE + 500, **changes, delay=40))
    assert none_held == (SHORT, waiting)


def test_a_short_pool_is_waited_for_until_its_grace_is_over_and_a_full_one_is_not() -> None:
    short = {"proposal": accepted(), "pool": REPORT.total_payout - 1}
    until = RESOLVE + 500 + 86_400
    assert BeginSettlement(REPORT) not in decide(view(RoundState.SEALED, until - 1, **short))
    assert decide(view(RoundState.SEALED, until, **short)) == (BeginSettlement(REPORT), *ALL_CHUNKS)
    full = {"proposal": accepted(), "pool": REPORT.total_payout}
    assert decide(view(RoundState.SEALED, RESOLVE + 500, **full)) == (BeginSettlement(REPORT), *ALL_CHUNKS)


@pytest.mark.parametrize("state", [RoundState.OPEN, RoundState.LOCKING])
def test_an_unsealed_round_waits_until_its_lock_window_is_over(state: RoundState) -> None:
    assert decide(view(state, CLOSE + 49_999)) == (Wait("not sealed yet"),)
    assert decide(view(state, CLOSE + 50_000)) == (VoidRound(),)


SEAL = SealRound(Seal(31337, "0x" + "11" * 20, 5, b"\5" * 32, b"\6" * 32, 7), 0b11, b"\7" * 130)


@pytest.mark.parametrize("state", [RoundState.OPEN, RoundState.LOCKING])
def test_a_seal_that_a_quorum_signed_is_sent_from_a_time_on_and_in_turn(state: RoundState) -> None:
    assert decide(view(state, CLOSE, seal=SEAL)) == decide(view(state, 0, seal=SEAL)) == (SEAL,)
    waiting = (Wait("others have their turn before us"),)
    later = view(state, CLOSE + 99, seal=SEAL, sealable_from=CLOSE + 60, delay=40)
    assert decide(later) == waiting
    assert decide(replace(later, now=CLOSE + 100)) == (SEAL,)
    assert decide(replace(later, now=CLOSE + 50_000, delay=0)) == (VoidRound(),)


def test_nothing_is_attested_before_the_outcome() -> None:
    assert isinstance(decide(view(RoundState.SEALED, RESOLVE - 1))[0], Wait)


def test_a_signature_that_a_seal_left_out_is_handed_in_until_the_outcome() -> None:
    left_out = Absence(b"\5" * 65, in_a_row=1, limit=3)
    waiting = Wait("the outcome is not known yet")
    handed_in = CountSignature("0xus", b"\5" * 65)
    changes = {"absence": left_out, "address": "0xus"}
    assert decide(view(RoundState.SEALED, RESOLVE - 1, **changes)) == (handed_in, waiting)
    assert decide(view(RoundState.SEALED, RESOLVE, **changes)) == (Attest(REPORT),)


def test_the_alarm_of_a_missing_signature_says_how_often_and_when_we_may_be_removed() -> None:
    found = decide(view(RoundState.SEALED, RESOLVE - 1, absence=Absence(None, in_a_row=2, limit=3)))
    text = "round 5: sealed without our signature, 2 in a row; after 3 anybody may remove us"
    assert found == (Alarm(text, AlarmReason.ABSENT), Wait("the outcome is not known yet"))


def test_a_resolved_round_is_attested() -> None:
    assert decide(view(RoundState.SEALED, RESOLVE)) == (Attest(REPORT),)


def test_a_vote_that_is_already_ours_is_not_repeated() -> None:
    assert isinstance(decide(view(RoundState.SEALED, RESOLVE, vote=OURS))[0], Wait)


def test_a_vote_for_another_report_is_changed() -> None:
    assert decide(view(RoundState.SEALED, RESOLVE, vote=THEIRS)) == (Attest(REPORT),)


def test_a_vote_in_place_of_another_is_an_act_of_its_own() -> None:
    """Else a member that changes its mind twice would think that its last vote was sent long ago."""
    votes: list[bytes | None] = [None, THEIRS, b"\1" * 32]
    found = [decide(view(RoundState.SEALED, RESOLVE, vote=vote))[0] for vote in votes]
    assert len({meaning_of(action, ProposalStatus.NONE) for action in found}) == 3


def test_nothing_is_attested_that_was_not_computed() -> None:
    assert isinstance(decide(view(RoundState.SEALED, RESOLVE, report=None))[0], Wait)


def test_nothing_is_attested_after_the_deadline_and_the_round_is_given_up() -> None:
    assert decide(view(RoundState.SEALED, DEADLINE)) == (VoidRound(),)
    assert decide(view(RoundState.SEALED, DEADLINE, report=None)) == (VoidRound(),)


def test_an_accepted_report_waits_for_its_challenge_window() -> None:
    waiting = decide(view(RoundState.SEALED, RESOLVE + 499, proposal=accepted()))
    assert waiting == (Wait("accepted; the challenge window is open"),)


def test_a_final_report_that_is_ours_settles_last_chunk_first() -> None:
    actions = decide(view(RoundState.SEALED, RESOLVE + 500, proposal=accepted()))
    assert actions == (BeginSettlement(REPORT), *ALL_CHUNKS)


def test_a_final_report_settles_after_the_deadline_too() -> None:
    actions = decide(view(RoundState.SEALED, DEADLINE + 1, proposal=accepted()))
    assert actions[0] == BeginSettlement(REPORT)


BEGAN = RESOLVE + 1000


def other(close_at: int, state: RoundState = RoundState.OPEN) -> RoundRecord:
    """Another round, which can be locked for 100 seconds."""
    return plain_record(state, round_id=6, close_at=close_at, lock_until=close_at + 100)


@pytest.mark.parametrize("close_at", [BEGAN - 50, BEGAN, BEGAN + 299])
def test_chunks_are_left_to_an_operator_who_locks_another_round_for_a_set_time(close_at: int) -> None:
    waiting = view(
        RoundState.SETTLING, BEGAN + 20, proposal=accepted(), locking=(other(close_at),), roll_wait=300
    )
    (wait,) = decide(waiting)
    assert isinstance(wait, Wait)
    assert str(BEGAN + 300) in wait.reason
    beside = (other(BEGAN, RoundState.SEALED), other(close_at))
    assert decide(replace(waiting, locking=beside)) == (wait,)
    assert decide(replace(waiting, roll_wait=0)) == ALL_CHUNKS
    assert decide(replace(waiting, now=BEGAN + 300)) == ALL_CHUNKS


@pytest.mark.parametrize(
    "another",
    [
        other(BEGAN + 300),
        other(BEGAN - 100),
        other(BEGAN - 80),
        other(BEGAN, RoundState.SEALED),
        other(BEGAN, RoundState.VOIDED),
    ],
)
def test_chunks_wait_for_no_round_that_cannot_be_locked_in_that_time(another: RoundRecord) -> None:
    now = view(RoundState.SETTLING, BEGAN + 20, proposal=accepted(), locking=(another,), roll_wait=300)
    assert decide(now) == ALL_CHUNKS


def test_nobody_waits_for_an_operator_and_no_bonds_are_held_unless_it_is_said() -> None:
    held = replace(accepted(), open_votes=0b111)
    assert decide(view(RoundState.SETTLING, BEGAN, proposal=held, locking=(other(BEGAN),))) == ALL_CHUNKS


def test_a_settlement_begins_and_votes_are_closed_while_chunks_wait() -> None:
    soon = {"proposal": accepted(), "locking": (other(RESOLVE + 600),), "roll_wait": 300}
    begin, wait = decide(view(RoundState.SEALED, RESOLVE + 500, **soon))
    assert begin == BeginSettlement(REPORT)
    assert isinstance(wait, Wait)
    voted = replace(accepted(), open_votes=2)
    now = {"proposal": voted, "locking": (other(BEGAN),), "roll_wait": 300, "bonded": True}
    closing = decide(view(RoundState.SETTLING, BEGAN + 20, **now))
    assert closing[0] == CloseVotes()
    assert len(closing) == 2


@pytest.mark.parametrize("state", [RoundState.SEALED, RoundState.SETTLING])
@pytest.mark.parametrize("now", [RESOLVE, RESOLVE + 10_000])
def test_an_accepted_report_that_is_not_ours_raises_an_alarm_and_never_settles(
    state: RoundState, now: int
) -> None:
    actions = decide(view(state, now, proposal=accepted(THEIRS)))
    assert [type(action) for action in actions] == [Alarm]
    assert THEIRS.hex() in actions[0].detail  # type: ignore[union-attr]
    assert OURS.hex() in actions[0].detail  # type: ignore[union-attr]


def test_a_disputed_report_is_voted_on_once_more_by_what_we_computed() -> None:
    disputed = replace(accepted(THEIRS), status=ProposalStatus.DISPUTED)
    assert decide(view(RoundState.SEALED, RESOLVE + 1000, proposal=disputed)) == (Attest(REPORT),)
    again = decide(view(RoundState.SEALED, RESOLVE + 1000, proposal=disputed, vote=OURS))
    assert isinstance(again[0], Wait)


@pytest.mark.parametrize("status", [ProposalStatus.UPHELD, ProposalStatus.OVERTURNED])
def test_a_decided_dispute_settles_by_the_report_that_won_once_that_is_final(status: ProposalStatus) -> None:
    decided = replace(accepted(), status=status)
    early = view(RoundState.SEALED, RESOLVE + 499, proposal=decided)
    assert [type(action) for action in decide(early)] == [Wait]
    assert decide(view(RoundState.SEALED, RESOLVE + 500, proposal=decided))[0] == BeginSettlement(REPORT)
    lost = replace(accepted(THEIRS), status=status)
    assert isinstance(decide(view(RoundState.SEALED, RESOLVE + 1, proposal=lost))[0], Alarm)


def test_an_expired_dispute_voids_the_round_without_waiting_for_the_deadline() -> None:
    expired = replace(accepted(), status=ProposalStatus.EXPIRED)
    assert decide(view(RoundState.SEALED, RESOLVE + 1, proposal=expired)) == (VoidRound(),)


def test_an_accepted_report_is_not_settled_unseen() -> None:
    for state in (RoundState.SEALED, RoundState.SETTLING):
        actions = decide(view(state, RESOLVE + 1000, proposal=accepted(), report=None))
        assert [type(action) for action in actions] == [Wait]


@pytest.mark.parametrize(
    "changes",
    [
        {"proposal": accepted(THEIRS)},
        {"proposal": accepted(THEIRS), "report": None},
        {"proposal": accepted()},
        {"proposal": replace(accepted(THEIRS), status=ProposalStatus.UPHELD)},
    ],
)
def test_an_accepted_report_that_nobody_settled_by_is_given_up_after_the_grace(
    changes: dict[str, object],
) -> None:
    over = DEADLINE + SETTLEMENT_GRACE
    assert VoidRound() not in decide(view(RoundState.SEALED, over - 1, **changes))
    assert decide(view(RoundState.SEALED, over, **changes)) == (VoidRound(),)
    assert decide(view(RoundState.SEALED, over, delay=1, **changes)) == (
        Wait("others have their turn before us"),
    )


def test_a_dispute_that_is_open_is_voted_on_whatever_the_time() -> None:
    disputed = replace(accepted(THEIRS), status=ProposalStatus.DISPUTED)
    late = DEADLINE + SETTLEMENT_GRACE
    assert decide(view(RoundState.SEALED, late, proposal=disputed)) == (Attest(REPORT),)


def test_a_settlement_that_somebody_began_is_carried_on() -> None:
    actions = decide(view(RoundState.SETTLING, RESOLVE + 2000, proposal=accepted(), chunks_left=2))
    assert actions == ALL_CHUNKS[1:]


def test_a_settlement_that_cannot_end_is_given_up_after_its_grace() -> None:
    late = RESOLVE + 1000 + SETTLEMENT_GRACE
    assert decide(view(RoundState.SETTLING, late, proposal=accepted(THEIRS))) == (VoidRound(),)
    assert decide(view(RoundState.SETTLING, late - 1, proposal=accepted())) == ALL_CHUNKS


def test_a_void_round_returns_every_chunk() -> None:
    actions = decide(view(RoundState.VOIDED, DEADLINE, report=None))
    assert actions == (ReturnChunk(2), ReturnChunk(1), ReturnChunk(0))


@pytest.mark.parametrize("state", [RoundState.NONE, RoundState.SETTLED])
def test_nothing_is_left_to_do_for_a_round_that_is_over_or_never_was(state: RoundState) -> None:
    assert decide(view(state, DEADLINE)) == ()


WILLING = Challenging(allowed=True)
WRONG = accepted(THEIRS)
US = "0x" + "AB" * 20


def test_a_report_that_is_not_sound_is_not_attested_and_every_reason_is_reported() -> None:
    actions = decide(view(RoundState.SEALED, RESOLVE, refusals=("cap: a", "change: b")))
    assert actions == (
        Alarm("round 5: not attested: cap: a"),
        Alarm("round 5: not attested: change: b"),
    )


def test_a_wrong_report_is_challenged_by_a_member_who_may() -> None:
    wrong = accepted(THEIRS)
    actions = decide(view(RoundState.SEALED, RESOLVE, proposal=wrong, challenging=WILLING))
    assert [type(action) for action in actions] == [Alarm, Challenge]
    needs_bond = Challenging(allowed=True, approve=(0, 7))
    actions = decide(view(RoundState.SEALED, RESOLVE, proposal=wrong, challenging=needs_bond))
    assert actions[1:] == (ApproveBond(0), ApproveBond(7), Challenge())


@pytest.mark.parametrize(
    "changes",
    [
        {"challenging": Challenging()},
        {"challenging": WILLING, "now": RESOLVE + 500},
        {"challenging": WILLING, "refusals": ("cap: a",)},
        {"challenging": WILLING, "proposal": ProposalRecord(THEIRS, RESOLVE + 500, ProposalStatus.UPHELD)},
        {
            "challenging": WILLING,
            "proposal": ProposalRecord(THEIRS, RESOLVE + 500, ProposalStatus.OVERTURNED),
        },
    ],
)
def test_a_wrong_report_that_cannot_or_must_not_be_challenged_only_alarms(changes: dict[str, object]) -> None:
    now = changes.pop("now", RESOLVE)
    found = decide(view(RoundState.SEALED, now, **({"proposal": accepted(THEIRS)} | changes)))  # type: ignore[arg-type]
    assert [type(action) for action in found] == [Alarm]


def test_a_report_that_is_ours_is_never_challenged() -> None:
    actions = decide(view(RoundState.SEALED, RESOLVE, proposal=accepted(), challenging=WILLING))
    assert [type(action) for action in actions] == [Wait]


def test_an_expired_dispute_is_put_on_record_while_it_holds_bonds() -> None:
    held = replace(accepted(), status=ProposalStatus.EXPIRED, open_votes=0b111)
    known = replace(held, open_votes=0)
    assert decide(view(RoundState.SEALED, RESOLVE, proposal=held, bonded=True)) == (Expire(), VoidRound())
    assert decide(view(RoundState.SEALED, RESOLVE, proposal=known, bonded=True)) == (VoidRound(),)


def test_a_disproven_report_voids_the_round_at_once() -> None:
    disproven = replace(accepted(), status=ProposalStatus.DISPROVEN)
    assert decide(view(RoundState.SEALED, RESOLVE, proposal=disproven)) == (VoidRound(),)


def test_votes_of_a_final_report_are_closed_where_they_hold_bonds() -> None:
    held, later = replace(accepted(), open_votes=0b111), RESOLVE + 500
    for bonded, closing in ((True, (CloseVotes(),)), (False, ())):
        for state, actions in (
            (RoundState.SEALED, (BeginSettlement(REPORT), *ALL_CHUNKS)),
            (RoundState.SETTLING, ALL_CHUNKS),
        ):
            found = decide(view(state, RESOLVE + 1000, proposal=held, bonded=bonded))
            assert found == (*closing, *actions)
    closed = view(RoundState.SEALED, later, proposal=accepted(), bonded=True)
    assert CloseVotes() not in decide(closed)


def test_votes_that_came_to_nothing_are_closed_before_the_round_is_void() -> None:
    alone = view(RoundState.SEALED, DEADLINE, vote=OURS, bonded=True)
    assert decide(alone) == (CloseVotes(), VoidRound())
    assert decide(replace(alone, vote=None)) == (VoidRound(),)


@pytest.mark.parametrize(
    ("state", "since", "changes"),
    [
        (RoundState.OPEN, RESOLVE, {}),
        (RoundState.LOCKING, RESOLVE, {}),
        (RoundState.SEALED, DEADLINE, {}),
        (RoundState.SEALED, RESOLVE + 500, {"proposal": accepted()}),
        (RoundState.SETTLING, RESOLVE + 1000, {"proposal": accepted()}),
        (RoundState.SETTLING, RESOLVE + 1000 + SETTLEMENT_GRACE, {}),
        (
            RoundState.SEALED,
            DEADLINE + 5,
            {"proposal": ProposalRecord(OURS, RESOLVE, ProposalStatus.EXPIRED, DEADLINE + 5)},
        ),
    ],
)
def test_what_anybody_may_send_waits_for_our_turn(
    state: RoundState, since: int, changes: dict[str, object]
) -> None:
    turn = [Wait("others have their turn before us")]
    since = min(since, record(state).lock_until) if state < RoundState.SEALED else since
    assert list(decide(view(state, since + 39, delay=40, **changes))) == turn
    acting = decide(view(state, since + 40, delay=40, **changes))
    assert acting == decide(view(state, since + 40, **changes))
    assert not isinstance(acting[0], Wait)


def test_a_vote_waits_for_nobodys_turn() -> None:
    assert decide(view(RoundState.SEALED, RESOLVE, delay=10**6)) == (Attest(REPORT),)


def test_what_the_committee_owes_is_collected_and_nothing_else() -> None:
    assert decide_credit("0xabc", 7) == (Collect("0xabc", 7),)
    assert decide_credit("0xabc", 0) == ()


def test_a_report_is_due_when_the_outcome_of_a_sealed_round_is_known() -> None:
    due = {state: is_due(record(state), RESOLVE) for state in RoundState}
    assert [state for state, is_it in due.items() if is_it] == [RoundState.SEALED, RoundState.SETTLING]
    assert is_due(record(RoundState.SEALED), RESOLVE - 1) is False
    assert is_due(record(RoundState.SEALED), RESOLVE + 1) is True


def test_what_was_decided_and_what_it_was_decided_by_cannot_be_changed() -> None:
    values: list[object] = [view(RoundState.OPEN, 0), Challenging(), Absence(None, 1, 2), REPORT]
    for value in values:
        with pytest.raises(FrozenInstanceError):
            value.anything = 1  # type: ignore[attr-defined]
