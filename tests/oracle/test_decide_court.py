"""What a member decides where a court asks for evidence, and where it can prove a report wrong."""

from dataclasses import replace
from typing import Any

import pytest

from scorer.chain.records import NEVER, ProposalRecord, ProposalStatus, RoundState
from scorer.observation.court_case import Disproof
from scorer.oracle.actions import (
    Alarm,
    AnnounceProof,
    Attest,
    BeginSettlement,
    Challenge,
    CloseVotes,
    MemberAction,
    PostEvidence,
    ProveWrong,
    StagePiece,
    Wait,
    WalkOn,
)
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.calls import meaning_of
from scorer.oracle.decide import decide
from scorer.oracle.view import Challenging, RoundView
from scorer.proofs.search import FalseClaim, ProofKind
from scorer.proofs.staged import Staging, Walk
from tests.oracle.test_decide import ALL_CHUNKS, DEADLINE, OURS, REPORT, RESOLVE, THEIRS, record, view

ACCEPTED = RESOLVE + 100
WINDOW = 400
UNTIL = DEADLINE + 1000
DISPROOF = Disproof(FalseClaim(ProofKind.SCORE, 3, 4, 90_000, 10_000), b"\7" * 32)
TURN = Wait("others have their turn before us")


def at(now: int, report_hash: bytes = OURS, **changes: Any) -> RoundView:
    status = changes.pop("status", ProposalStatus.ACCEPTED)
    final_at = changes.pop("final_at", NEVER)
    proposal = ProposalRecord(report_hash, ACCEPTED + WINDOW, status, final_at=final_at, open_votes=3)
    submitted = replace(record(RoundState.SEALED), submissions_root=b"\1" * 32)
    court = {
        "record": submitted,
        "proposal": proposal,
        "challenge_window": WINDOW,
        "evidence_until": UNTIL,
    }
    return view(RoundState.SEALED, now, **court | changes)


def kinds(actions: tuple[MemberAction, ...]) -> list[type]:
    return [type(action) for action in actions]


def reasons(actions: tuple[MemberAction, ...]) -> list[AlarmReason]:
    return [action.reason for action in actions if isinstance(action, Alarm)]


POST, STEPS = PostEvidence(REPORT, UNTIL), PostEvidence(REPORT, UNTIL, 1)
NOT_PUBLIC = Wait("accepted; its evidence is not public yet")


def test_the_evidence_of_our_report_is_posted_as_soon_as_it_is_accepted_and_in_turn() -> None:
    assert decide(at(ACCEPTED)) == (POST, STEPS, NOT_PUBLIC)
    assert decide(at(ACCEPTED + 39, delay=40)) == (TURN, NOT_PUBLIC)
    assert decide(at(ACCEPTED + 40, delay=40)) == (POST, STEPS, NOT_PUBLIC)


def test_a_report_of_a_round_to_which_nobody_submitted_has_no_steps() -> None:
    known = at(ACCEPTED)
    empty = replace(known, record=replace(known.record, submissions_root=bytes(32)))
    assert decide(empty) == (POST, NOT_PUBLIC)


def test_the_steps_of_its_meta_model_follow_part_by_part_each_under_a_key_of_its_own() -> None:
    assert decide(at(ACCEPTED, posted_parts=1)) == (STEPS, NOT_PUBLIC)
    assert decide(at(ACCEPTED, posted_parts=3)) == (PostEvidence(REPORT, UNTIL, 3), NOT_PUBLIC)
    keys = {meaning_of(PostEvidence(REPORT, UNTIL, part), ProposalStatus.ACCEPTED) for part in range(4)}
    assert len(keys) == 4
    assert f"post:{REPORT.hash().hex()}" in keys


def test_evidence_that_is_missing_for_a_whole_window_calls_a_human_whoever_s_it_is() -> None:
    assert reasons(decide(at(ACCEPTED + WINDOW - 1))) == []
    late = decide(at(ACCEPTED + WINDOW))
    assert reasons(late) == [AlarmReason.NO_EVIDENCE]
    assert late[1:] == (POST, STEPS, NOT_PUBLIC)
    theirs = decide(at(ACCEPTED + WINDOW, THEIRS))
    assert reasons(theirs) == [AlarmReason.REPORT, AlarmReason.NO_EVIDENCE]
    assert not [action for action in theirs if not isinstance(action, Alarm)]


@pytest.mark.parametrize("report_hash", [OURS, THEIRS])
def test_once_no_evidence_is_taken_bonds_are_let_go_of_and_nothing_is_posted(report_hash: bytes) -> None:
    over = decide(at(UNTIL, report_hash, bonded=True, delay=40))
    assert AlarmReason.NO_EVIDENCE in reasons(over)
    assert over[-2:] == (TURN, Wait("its evidence was never posted"))
    closing = decide(at(UNTIL + 40, report_hash, bonded=True, delay=40))
    assert closing[-2:] == (CloseVotes(), Wait("its evidence was never posted"))
    assert PostEvidence not in kinds(closing)


def test_a_report_is_settled_when_the_committee_says_that_it_is_final_and_not_before() -> None:
    final = ACCEPTED + WINDOW + 77
    waiting = (Wait("accepted; the challenge window is open"),)
    assert decide(at(final - 1, final_at=final)) == waiting
    assert decide(at(final, final_at=final)) == (BeginSettlement(REPORT), *ALL_CHUNKS)
    assert decide(at(final + 39, final_at=final, delay=40)) == (TURN,)
    assert BeginSettlement not in kinds(decide(at(UNTIL - 1)))


def test_a_pool_that_is_short_is_reported_while_evidence_is_missing_too() -> None:
    short = decide(at(ACCEPTED, pool=REPORT.total_payout - 1))
    assert reasons(short) == [AlarmReason.POOL_SHORT]
    assert str(ACCEPTED + WINDOW + 86_400) in str(short[0])


FINAL = ACCEPTED + WINDOW + 50
"""Evidence is public since 50 seconds after the acceptance."""


def test_a_provable_lie_is_announced_and_once_that_is_final_proven() -> None:
    found: dict[str, Any] = {"final_at": FINAL, "disproof": DISPROOF}
    steps = decide(at(ACCEPTED + 50, THEIRS, **found))
    assert reasons(steps) == [AlarmReason.REPORT, AlarmReason.PROVEN_WRONG]
    assert "model 4 has the reward score 90000 ppm, which is 10000" in str(steps[1])
    assert steps[2:] == (AnnounceProof(DISPROOF, FINAL),)
    announced = replace(DISPROOF, is_announced=True)
    steps = decide(at(ACCEPTED + 50, THEIRS, **found | {"disproof": announced}))
    assert steps[2:] == (ProveWrong(announced, FINAL),)


WALKS = Walk(b"\1" * 32, ()), Walk(b"\2" * 32, ())


def test_what_one_transaction_does_not_carry_is_announced_staged_walked_and_proven_in_this_order() -> None:
    staged = replace(DISPROOF, staging=Staging((b"one", b"two"), WALKS))

    def steps_of(disproof: Disproof, now: int = ACCEPTED + 50) -> tuple[MemberAction, ...]:
        return decide(at(now, THEIRS, final_at=FINAL, disproof=disproof))[2:]

    assert steps_of(staged) == (AnnounceProof(staged, FINAL),)
    announced = replace(staged, is_announced=True, provable_from=ACCEPTED + 60)
    assert steps_of(announced) == (StagePiece(b"one", FINAL), StagePiece(b"two", FINAL))
    # A walk goes on from the one before it, so that only one is sent at a time.
    walking = replace(announced, staging=Staging((), WALKS))
    assert steps_of(walking) == (WalkOn(WALKS[0], FINAL),)
    assert steps_of(replace(walking, staging=Staging((), WALKS[1:]))) == (WalkOn(WALKS[1], FINAL),)
    ready = replace(walking, staging=Staging())
    assert steps_of(ready, ACCEPTED + 59) == ()
    assert steps_of(ready, ACCEPTED + 60) == (ProveWrong(ready, FINAL),)
    # Nothing is staged for a proof that would come too late.
    assert steps_of(replace(announced, provable_from=FINAL)) == ()


def test_evidence_that_one_transaction_does_not_carry_is_staged_before_it_is_posted() -> None:
    steps = decide(at(ACCEPTED, unstaged=(b"one", b"two")))
    assert steps == (StagePiece(b"one", UNTIL), StagePiece(b"two", UNTIL), NOT_PUBLIC)
    assert decide(at(ACCEPTED)) == (POST, STEPS, NOT_PUBLIC)


def test_members_take_turns_in_proving_but_none_waits_longer_than_half_of_the_window() -> None:
    found: dict[str, Any] = {"final_at": FINAL, "disproof": DISPROOF}
    assert kinds(decide(at(ACCEPTED + 50 + 39, THEIRS, delay=40, **found))) == [Alarm, Alarm]
    assert kinds(decide(at(ACCEPTED + 50 + 40, THEIRS, delay=40, **found)))[2:] == [AnnounceProof]
    half = ACCEPTED + 50 + WINDOW // 2
    assert kinds(decide(at(half - 1, THEIRS, delay=10**6, **found))) == [Alarm, Alarm]
    assert kinds(decide(at(half, THEIRS, delay=10**6, **found)))[2:] == [AnnounceProof]


def test_what_is_final_is_not_proven_wrong_any_more() -> None:
    found: dict[str, Any] = {"final_at": FINAL, "disproof": DISPROOF}
    assert kinds(decide(at(FINAL - 1, THEIRS, **found)))[2:] == [AnnounceProof]
    assert kinds(decide(at(FINAL, THEIRS, **found))) == [Alarm]


def test_a_proof_needs_no_bond_so_that_nothing_is_challenged_beside_it() -> None:
    found = {"final_at": FINAL, "disproof": DISPROOF, "challenging": Challenging(allowed=True)}
    assert Challenge not in kinds(decide(at(ACCEPTED + 50, THEIRS, **found)))
    assert Challenge in kinds(decide(at(ACCEPTED + 50, THEIRS, **found | {"disproof": None})))


def test_a_disputed_report_is_proven_wrong_and_voted_on_all_the_same() -> None:
    disputed = at(ACCEPTED + 60, THEIRS, final_at=0, disproof=DISPROOF, status=ProposalStatus.DISPUTED)
    assert disputed.proposal is not None
    until = ACCEPTED + 500
    disputed = replace(disputed, proposal=replace(disputed.proposal, dispute_until=until), delay=10**6)
    steps = decide(disputed)
    assert kinds(steps) == [Attest, Alarm, AnnounceProof]
    assert steps[2] == AnnounceProof(DISPROOF, until)
    voted = decide(replace(disputed, vote=OURS))
    assert kinds(voted) == [Alarm, AnnounceProof, Wait]
    assert kinds(decide(replace(disputed, now=until))) == [Attest]


def test_who_has_no_report_of_its_own_proves_what_it_can_all_the_same() -> None:
    steps = decide(at(ACCEPTED + 50, THEIRS, final_at=FINAL, disproof=DISPROOF, report=None))
    assert kinds(steps) == [Alarm, AnnounceProof, Wait]


def test_each_act_before_the_court_has_a_key_of_its_own() -> None:
    none = ProposalStatus.NONE
    other = replace(DISPROOF, commitment=b"\6" * 32)
    meanings = [
        meaning_of(action, none)
        for action in (
            POST,
            AnnounceProof(DISPROOF, 1),
            AnnounceProof(other, 1),
            ProveWrong(DISPROOF, 1),
            ProveWrong(other, 1),
            StagePiece(b"one", 1),
            StagePiece(b"two", 1),
            WalkOn(WALKS[0], 1),
            WalkOn(WALKS[1], 1),
        )
    ]
    assert len(set(meanings)) == len(meanings)
    assert meaning_of(ProveWrong(DISPROOF, 2), none) == meanings[3]
