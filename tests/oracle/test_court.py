"""Members and their court: terms at the seal, evidence before finality, and one honest member is enough."""

from dataclasses import replace
from typing import Any

import pytest

from scorer.chain.records import ProposalStatus, RoundState
from scorer.lab import rounds
from scorer.lab.false_report import FalseReport
from scorer.lab.in_process import CHALLENGE_WINDOW, FIRST_MEMBER
from scorer.lab.member import LocalMember
from scorer.oracle.actions import (
    ActionResult,
    Alarm,
    AnnounceProof,
    Attest,
    BeginSettlement,
    PostEvidence,
    ProveWrong,
    StagePiece,
    VoidRound,
    Wait,
    WalkOn,
)
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.cache import MemberCache
from scorer.oracle.policy import MemberPolicy
from scorer.proofs import pieces
from scorer.proofs.staged import COMMITMENT_AGE, staged_score
from scorer.proofs.terms import terms_hash
from scorer.protocol.rules import NO_TERMS
from tests.world import FIRST, IDS, World, begins, one_sealed

STRANGER = 0
HONEST, LIARS = 2, (0, 1)


def kinds(steps: list[ActionResult]) -> list[type]:
    return [type(step.action) for step in steps]


def reasons(steps: list[ActionResult]) -> list[AlarmReason]:
    return [step.action.reason for step in steps if isinstance(step.action, Alarm)]


def posted(world: World) -> list[Any]:
    court = world.suite.court
    assert court is not None
    return list(court.contract.events.Posted().get_logs(from_block=0))


def steps_posted(world: World) -> list[Any]:
    court = world.suite.court
    assert court is not None
    return list(court.meta.events.StepsPosted().get_logs(from_block=0))


def committed(world: World) -> list[Any]:
    court = world.suite.court
    assert court is not None
    return list(court.contract.events.Committed().get_logs(from_block=0))


def lie(world: World, round_id: int, by: int = 7, *, publish: bool = True) -> FalseReport:
    """Two of three members vote for a report that gives one model another score, and post its evidence."""
    world.resolve(round_id)
    world.cycle(HONEST)
    columns = world.members[HONEST].bundle(round_id).scores()
    model, score = int(columns["model_id"][4]), int(columns["reward_score"][4])
    false = FalseReport.of(world.members[HONEST].bundle(round_id), {model: score + by})
    false.attest(world.suite, [world.tournament.sender(FIRST_MEMBER + liar) for liar in LIARS])
    if publish:
        false.post(world.suite, world.tournament.sender(STRANGER))
    world.anvil.finalise()
    return false


def test_rounds_are_opened_with_the_terms_of_their_rules(world: World) -> None:
    found = world.record(world.open()).terms_hash
    assert found == terms_hash(world.rules, len(IDS)) != NO_TERMS


@pytest.mark.parametrize("terms", [NO_TERMS, b"\1" * 32])
def test_a_round_with_other_terms_than_its_rules_is_not_sealed(
    world: World, monkeypatch: pytest.MonkeyPatch, terms: bytes
) -> None:
    monkeypatch.setattr(rounds, "terms_hash", lambda *_: terms)
    alarms: list[tuple[AlarmReason, str]] = []
    for member in world.members:
        member.raise_alarm = lambda reason, detail: alarms.append((reason, detail))
    round_id = world.locked_round()
    world.cycle()
    world.pass_half_of_the_lock_window(round_id)
    assert kinds(world.cycle()) == [Wait] * 3
    assert world.record(round_id).state == RoundState.LOCKED
    wrong = [detail for reason, detail in alarms if reason == AlarmReason.WRONG_TERMS]
    assert len(wrong) == 6
    expected = terms_hash(world.rules, len(IDS)).hex()
    assert (
        wrong[0]
        == f"round {round_id}: expected the terms 0x{expected}, as its rules say, found 0x{terms.hex()}"
    )


@begins(one_sealed)
def test_whoever_sees_the_report_accepted_posts_its_evidence_once_and_then_it_settles(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    # The steps of its meta model follow at once.
    assert kinds(world.cycle()) == [Attest, Attest, PostEvidence, PostEvidence, Wait]
    assert kinds(world.cycle()) == [Wait] * 3
    (event,) = steps_posted(world)
    proposal = world.suite.proposal(round_id, world.anvil.w3.eth.block_number)
    assert proposal is not None
    at = world.anvil.w3.eth.get_block(event["blockNumber"])["timestamp"]
    assert proposal.final_from == at + CHALLENGE_WINDOW
    world.anvil.advance_to(proposal.final_from - 1)
    assert kinds(world.cycle(0)) == [Wait]
    world.anvil.advance_to(proposal.final_from)
    assert BeginSettlement in kinds(world.cycle(0))
    assert len(posted(world)) == len(steps_posted(world)) == 1


@begins(one_sealed)
def test_a_report_without_evidence_is_not_settled_and_calls_a_human(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    world.cycle(0, 1)
    world.anvil.advance_to(world.now + CHALLENGE_WINDOW + 1)
    dry = replace(world.members[0], sender=None, cache=MemberCache())
    steps = dry.cycle()
    assert kinds(steps) == [Alarm, PostEvidence, PostEvidence, Wait]
    assert reasons(steps) == [AlarmReason.NO_EVIDENCE]
    assert not posted(world)
    assert kinds(world.cycle(1)) == [Alarm, PostEvidence, PostEvidence, Wait]
    assert kinds(world.cycle(0)) == [Wait]
    world.pass_challenge_window()
    world.cycle(0)
    assert world.record(round_id).state == RoundState.SETTLED


@begins(one_sealed)
def test_evidence_that_two_members_post_at_once_is_posted_once(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    world.cycle(0, 1)
    world.members[0].cycle()
    steps = world.members[1].cycle()
    assert [type(step.action) for step in steps] == [PostEvidence, PostEvidence, Wait]
    assert steps[0].outcome == "already done (AlreadyPosted)"
    assert steps[1].outcome == "already done (OtherPart)"
    assert len(posted(world)) == 1


@begins(one_sealed)
def test_one_honest_member_ends_a_report_that_all_others_made_up(world: World) -> None:
    round_id = FIRST
    before, at_risk = world.idle(), world.record(round_id).at_risk
    lie(world, round_id)
    steps = world.cycle(HONEST)
    assert kinds(steps) == [Alarm, Alarm, AnnounceProof]
    assert reasons(steps) == [AlarmReason.REPORT, AlarmReason.PROVEN_WRONG]
    assert "by the report's own targets and meta model" in steps[1].outcome
    assert kinds(world.cycle(HONEST)) == [Alarm, Alarm, ProveWrong]
    assert world.proposal_status(round_id) == ProposalStatus.DISPROVEN
    assert kinds(world.cycle(HONEST))[0] is VoidRound
    world.cycle()
    assert world.record(round_id).is_over
    assert sum(world.idle()) == sum(before) + at_risk


@begins(one_sealed)
def test_a_proof_is_announced_once_and_sent_once_whenever_the_member_restarts(world: World) -> None:
    round_id = FIRST
    lie(world, round_id)
    member = world.members[HONEST]

    def restarted() -> LocalMember:
        return replace(member, cache=MemberCache())

    restarted().cycle()
    # What it announced is not final yet: the same bytes have the same key, and a journal sends them once.
    (first,) = committed(world)
    assert kinds(restarted().cycle())[-1] is AnnounceProof
    assert {event["args"]["commitment"] for event in committed(world)} == {first["args"]["commitment"]}
    world.anvil.finalise()
    assert kinds(restarted().cycle())[-1] is ProveWrong
    assert world.proposal_status(round_id) == ProposalStatus.DISPROVEN


def shrink_pools(monkeypatch: pytest.MonkeyPatch, to: int = 4_000) -> None:
    """Let pools take so little that what is proven or posted in a small round is more than they take."""
    monkeypatch.setattr(pieces, "POOL_BYTES", to)
    monkeypatch.setattr(pieces, "MAX_PIECE", 1_000)


@begins(one_sealed)
def test_a_lie_falls_where_a_proof_is_more_than_one_transaction_carries(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id, member = FIRST, world.members[HONEST]
    lie(world, round_id)
    shrink_pools(monkeypatch)
    monkeypatch.setattr(staged_score, "__defaults__", (25,))
    seen: list[type] = []
    for _ in range(12):
        # Restarted each time: what is done already is read from the chain.
        steps = replace(member, cache=MemberCache()).cycle()
        world.anvil.finalise()
        seen += [kind for kind in kinds(steps) if kind in {AnnounceProof, StagePiece, WalkOn, ProveWrong}]
        if kinds(steps) == [Alarm, Alarm]:
            break
    walks = -(-len(IDS) // 25)
    assert list(dict.fromkeys(seen)) == [AnnounceProof, StagePiece, WalkOn]
    assert [seen.count(kind) for kind in (AnnounceProof, WalkOn)] == [1, walks]
    assert world.proposal_status(round_id) == ProposalStatus.ACCEPTED
    world.anvil.advance_to(world.now + COMMITMENT_AGE)
    assert kinds(world.cycle(HONEST)) == [Alarm, Alarm, ProveWrong]
    assert world.proposal_status(round_id) == ProposalStatus.DISPROVEN


@begins(one_sealed)
def test_evidence_that_is_more_than_one_transaction_carries_is_staged_and_posted_by_one_member(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id = FIRST
    world.resolve(round_id)
    shrink_pools(monkeypatch, 2_000)
    seen = kinds(world.cycle())
    assert StagePiece in seen
    assert PostEvidence not in seen
    assert not posted(world)
    seen = kinds(world.cycle())
    assert PostEvidence in seen
    assert StagePiece not in seen
    assert len(posted(world)) == len(steps_posted(world)) == 1
    world.pass_challenge_window()
    world.cycle(0)
    assert world.record(round_id).state == RoundState.SETTLED


@begins(one_sealed)
def test_what_is_off_by_one_ppm_or_less_is_not_proven_and_only_calls_a_human(world: World) -> None:
    round_id = FIRST
    lie(world, round_id, by=1)
    steps = world.cycle(HONEST)
    # Within a ppm of the exact score an honest scorer may round either way.
    assert AlarmReason.REPORT in reasons(steps)
    assert len(committed(world)) == (AlarmReason.PROVEN_WRONG in reasons(steps))


@begins(one_sealed)
def test_a_member_that_is_told_not_to_proves_nothing(world: World) -> None:
    round_id = FIRST
    lie(world, round_id)
    world.members[HONEST].policy = MemberPolicy(proves=False)
    assert reasons(world.cycle(HONEST)) == [AlarmReason.REPORT]
    assert not committed(world)


@begins(one_sealed)
def test_a_lie_without_evidence_never_becomes_final(world: World) -> None:
    round_id = FIRST
    false = lie(world, round_id, publish=False)
    assert kinds(world.cycle(HONEST)) == [Alarm]
    world.pass_challenge_window()
    assert reasons(world.cycle(HONEST)) == [AlarmReason.REPORT, AlarmReason.NO_EVIDENCE]
    false.post(world.suite, world.tournament.sender(STRANGER))
    world.anvil.finalise()
    assert kinds(world.cycle(HONEST))[-1] is AnnounceProof


@begins(one_sealed)
def test_targets_that_are_wrong_in_all_of_a_report_are_nothing_to_prove(world: World) -> None:
    """The court computes from the report's own targets: whether these are true, it cannot know."""
    round_id = FIRST
    lied = 1.0 - world.target
    world.resolve(round_id, {0: lied, 1: lied})
    world.cycle(0, 1)
    world.cycle(0)
    assert len(posted(world)) == 1
    assert reasons(world.cycle(HONEST)) == [AlarmReason.REPORT]
    assert not committed(world)
