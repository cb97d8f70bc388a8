"""What a member decides about predictions that somebody demanded."""

from typing import Any

from scorer.chain.records import NEVER, ProposalStatus, RoundState
from scorer.oracle.actions import (
    AnnounceProof,
    AnswerDemand,
    Attest,
    BeginSettlement,
    PostEvidence,
    StagePiece,
    Wait,
)
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.calls import latest_time, meaning_of
from scorer.oracle.decide import decide
from scorer.oracle.view import OwedPlace, OwedPredictions, RoundView
from tests.oracle.test_decide import OURS, THEIRS, record
from tests.oracle.test_decide_court import ACCEPTED, DISPROOF, WINDOW, at, kinds, reasons

SINCE, UNTIL = ACCEPTED + 100, ACCEPTED + 200
FINAL = ACCEPTED + WINDOW
US = "0x" + "55" * 20
OPEN = Wait("accepted; the challenge window is open")


def owing(now: int, *places: OwedPlace, report_hash: bytes = OURS, **changes: Any) -> RoundView:
    """A round of whose accepted report predictions are owed."""
    owed = OwedPredictions(places, SINCE, UNTIL)
    return at(now, report_hash, **{"owed": owed, "final_at": FINAL, "address": US} | changes)


def answer(place: int, model: int, report_hash: bytes = OURS) -> AnswerDemand:
    return AnswerDemand(report_hash, place, model, US, UNTIL)


HELD, OTHER = OwedPlace(0, 7), OwedPlace(3, 9)
LOST = OwedPlace(2, 8, problem="we do not hold them")


def test_all_that_we_hold_is_shown_from_when_nothing_more_can_be_demanded_until_it_is_too_late() -> None:
    assert decide(owing(SINCE - 1, HELD, OTHER)) == (OPEN,)
    assert decide(owing(SINCE, HELD, OTHER)) == (answer(0, 7), answer(3, 9), OPEN)
    assert decide(owing(UNTIL - 1, HELD)) == (answer(0, 7), OPEN)
    assert decide(owing(UNTIL, HELD)) == (OPEN,)


def test_members_take_turns_and_all_have_their_turn_within_half_of_the_time() -> None:
    assert decide(owing(SINCE + 29, HELD, delay=30)) == (OPEN,)
    assert decide(owing(SINCE + 30, HELD, delay=30)) == (answer(0, 7), OPEN)
    assert decide(owing(SINCE + 49, HELD, delay=10_000)) == (OPEN,)
    assert decide(owing(SINCE + 50, HELD, delay=10_000)) == (answer(0, 7), OPEN)


def test_what_we_cannot_show_calls_a_human_at_once_and_keeps_nothing_else_back() -> None:
    early = decide(owing(ACCEPTED + 1, LOST, HELD))
    assert reasons(early) == [AlarmReason.UNANSWERED]
    assert "predictions of model 8 were demanded, and we do not hold them; unless" in str(early[0])
    assert f"until {UNTIL} (Unix time), it is not paid" in str(early[0])
    in_turn = decide(owing(SINCE, LOST, HELD))
    assert (reasons(in_turn), in_turn[1:]) == ([AlarmReason.UNANSWERED], (answer(0, 7), OPEN))
    assert reasons(decide(owing(UNTIL, LOST))) == []


def test_an_answer_that_one_transaction_does_not_carry_is_staged_first() -> None:
    large = OwedPlace(0, 7, unstaged=(b"one", b"two"))
    staging = StagePiece(b"one", UNTIL), StagePiece(b"two", UNTIL)
    assert decide(owing(SINCE, large, OTHER)) == (*staging, answer(3, 9), OPEN)


def test_predictions_are_shown_under_a_report_that_is_not_ours_too() -> None:
    without = decide(owing(SINCE, HELD, report_hash=THEIRS, report=None))
    assert without[-2] == answer(0, 7, THEIRS)
    assert isinstance(without[-1], Wait)
    wrong = decide(owing(SINCE, HELD, report_hash=THEIRS, disproof=DISPROOF))
    assert kinds(wrong)[-2:] == [AnnounceProof, AnswerDemand]


def test_no_vote_waits_for_an_answer() -> None:
    disputed = owing(SINCE, HELD, status=ProposalStatus.DISPUTED)
    assert kinds(decide(disputed)) == [Attest, AnswerDemand]


def test_a_final_report_is_settled_and_nothing_is_shown_any_more() -> None:
    assert kinds(decide(owing(FINAL, HELD)))[0] is BeginSettlement
    assert AnswerDemand not in kinds(decide(owing(FINAL, HELD)))


def test_evidence_is_posted_whatever_is_owed() -> None:
    waiting = decide(owing(SINCE, HELD, final_at=NEVER))
    assert kinds(waiting) == [PostEvidence, PostEvidence, AnswerDemand, Wait]


def test_nothing_is_shown_of_a_round_whose_report_nobody_accepted() -> None:
    assert AnswerDemand not in kinds(decide(owing(SINCE, HELD, proposal=None)))


def test_an_answer_has_one_meaning_by_report_and_place_and_is_not_sent_when_it_is_too_late() -> None:
    one = answer(3, 9)
    assert meaning_of(one, ProposalStatus.ACCEPTED) == f"answer:{OURS.hex()}:3"
    assert meaning_of(one, ProposalStatus.DISPUTED) == f"answer:{OURS.hex()}:3"
    others = {meaning_of(each, ProposalStatus.ACCEPTED) for each in (answer(4, 9), answer(3, 9, THEIRS))}
    assert len(others | {meaning_of(one, ProposalStatus.ACCEPTED)}) == 3
    assert latest_time(one, record(RoundState.SEALED), None) == UNTIL
