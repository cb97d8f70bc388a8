"""Rounds on a real chain, from opening to the last chunk, with members right, wrong, absent or late."""

import json

import numpy as np
import pandas as pd
import pytest

from scorer.chain.records import ProposalStatus, RoundState
from scorer.evaluation.verify import differences
from scorer.lab.demo.files import BrokenKind, broken_file
from scorer.lab.member import LocalMember
from scorer.lab.plain_sender import Sender
from scorer.observation.audit import INVARIANTS, audit
from scorer.observation.observe import finalised_block, read_on_chain
from scorer.oracle.actions import (
    ActionResult,
    Alarm,
    Attest,
    BeginSettlement,
    ReturnChunk,
    SealRound,
    SettleChunk,
    VoidRound,
    Wait,
)
from scorer.protocol.predictions import header
from scorer.rewards import settle
from scorer.storage.bundle import SUBMISSIONS, round_folder
from scorer.storage.inbox import SIGNATURE_SUFFIX
from tests.world import DAY, FIRST, HOUR, IDS, NMR, World, begins, one_sealed, one_settled


def wrong(
    target: "np.ndarray[tuple[int], np.dtype[np.float64]]",
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    changed = target.copy()
    changed[3] = 1.0 - changed[3] if changed[3] != 0.5 else 1.0
    return changed


def kinds(steps: list[ActionResult]) -> list[type]:
    return [type(step.action) for step in steps]


@begins(one_sealed)
def test_a_round_settles_to_what_the_integer_mirror_says(world: World) -> None:
    round_id = FIRST
    before = world.idle()
    world.settle(round_id)
    scores = world.members[0].bundle(round_id).scores()
    mirror = settle(scores["position"], scores["reward_score"], factor=10**6, cap=50_000)
    gained = np.array(world.idle()) - np.array(before)
    expected = scores["position"].astype(int) + mirror.payouts.astype(int) - mirror.burns.astype(int)
    assert gained.tolist() == expected.tolist()
    assert mirror.total_payout > 0
    assert mirror.total_burn > 0


@begins(one_sealed)
def test_every_member_computes_the_same_report(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    world.cycle()
    assert len({member.bundle(round_id).report().hash() for member in world.members}) == 1


@begins(one_sealed)
def test_the_members_hash_of_a_report_is_the_contracts(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    world.cycle(0)
    report = world.members[0].bundle(round_id).report()
    functions = world.suite.committee.functions
    on_chain = functions.hashReport(world.suite.tournament.address, report.to_contract()).call()
    assert bytes(on_chain) == report.hash()


@begins(one_sealed)
def test_a_round_settles_in_several_chunks_last_first(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    world.cycle()
    world.pass_challenge_window()
    steps = world.cycle(0)
    assert kinds(steps) == [BeginSettlement, SettleChunk, SettleChunk]
    assert [step.action.index for step in steps[1:]] == [1, 0]  # type: ignore[union-attr]


@begins(one_settled)
def test_a_settled_round_keeps_every_invariant(world: World) -> None:
    world.sealed_round()
    assert audit(world.suite, finalised_block(world.suite)) == dict.fromkeys(INVARIANTS, True)


@begins(one_sealed)
def test_a_lone_wrong_member_is_outvoted_and_raises_an_alarm(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id, {2: wrong(world.target)})
    world.cycle(2, 0, 1)
    alarm = world.cycle(2)
    assert kinds(alarm) == [Alarm]
    assert world.members[2].bundle(round_id).report().hash().hex() in alarm[0].outcome
    world.pass_challenge_window()
    assert kinds(world.cycle(2)) == [Alarm]
    assert world.record(round_id).state == RoundState.SEALED
    world.cycle(0)
    assert world.record(round_id).state == RoundState.SETTLED


@begins(one_sealed)
def test_the_wrong_members_bundle_does_not_verify_against_the_chain(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id, {2: wrong(world.target)})
    world.cycle(2, 0, 1)
    world.pass_challenge_window()
    world.cycle(0)
    on_chain = read_on_chain(world.suite, round_id, finalised_block(world.suite))
    assert list(differences(world.members[0].bundle(round_id).published(), on_chain)) == []
    against_chain = [str(d) for d in differences(world.members[2].bundle(round_id).published(), on_chain)]
    assert against_chain[0].startswith("chain, accepted report hash")
    assert list(differences(world.members[2].bundle(round_id).published())) == []


@begins(one_sealed)
def test_a_member_without_targets_waits(world: World) -> None:
    round_id = FIRST
    world.anvil.advance_to(world.record(round_id).resolve_at)
    steps = world.cycle(0)
    assert kinds(steps) == [Wait]
    assert "targets are missing" in steps[0].outcome


def test_published_predictions_that_nobody_signed_do_not_count_and_cost_nobody(world: World) -> None:
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    world.tournament.lock_round(round_id)
    world.anvil.finalise()
    published = round_folder(world.out / "published", str(world.suite.tournament.address), round_id)
    predictions = np.load(published / SUBMISSIONS)
    predictions[3, 0] = 0.123456
    (published / SUBMISSIONS).write_bytes(header(*predictions.shape) + predictions.tobytes())
    assert kinds(world.cycle()) == [Wait, Wait, SealRound]
    assert [member.bundle(round_id).refused() for member in world.members] == [frozenset({4})] * 3
    world.settle(round_id)
    assert world.idle()[3] == 100 * NMR


@begins(one_sealed)
def test_a_dry_run_computes_and_sends_nothing(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    member = world.members[0]
    block = world.anvil.w3.eth.block_number
    steps = LocalMember(member.suite, member.paths, member.address, sender=None).cycle()
    assert kinds(steps) == [Attest]
    assert steps[0].outcome == "dry run: not sent"
    assert world.anvil.w3.eth.block_number == block
    assert member.bundle(round_id).report().round_id == round_id


@begins(one_sealed)
def test_a_second_cycle_has_nothing_left_to_do(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    world.cycle(0)
    assert kinds(world.cycle(0)) == [Wait]
    world.cycle(1)
    world.pass_challenge_window()
    world.cycle()
    assert world.cycle() == []


@begins(one_sealed)
def test_losing_the_race_to_settle_is_not_an_error(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    world.cycle()
    world.pass_challenge_window()
    world.members[0].cycle()
    steps = world.members[1].cycle()
    assert SettleChunk in kinds(steps)
    assert all(step.outcome.startswith("already done") for step in steps)


@begins(one_sealed)
def test_rounds_overlap_and_settle_each_on_its_own(world: World) -> None:
    first = FIRST
    second = world.sealed_round()
    world.settle(first)
    assert world.record(second).state == RoundState.SEALED
    world.settle(second)


@pytest.mark.parametrize("kind", list(BrokenKind))
def test_a_broken_file_keeps_its_model_out_and_touches_nobody_else(world: World, kind: BrokenKind) -> None:
    round_id = world.open()
    world.submit_all(round_id, range(2, 11))
    world.submit(round_id, 1, broken_file(kind, pd.Index(IDS)))
    world.anvil.advance_to(world.record(round_id).close_at)
    collection = world.tournament.seal_round(round_id)
    assert collection.submissions.model_ids == tuple(range(2, 11))
    assert [(refusal.model_id, refusal.file) for refusal in collection.refusals] == [(1, "1.csv")]
    assert collection.refusals[0].reason.startswith("1.csv: expected ")
    assert ", found " in collection.refusals[0].reason
    idle = world.idle()
    assert idle[0] == 100 * NMR
    assert all(amount < 100 * NMR for amount in idle[1:])


def test_a_file_signed_by_a_stranger_is_refused(world: World) -> None:
    round_id = world.open()
    world.submit(round_id, 1)
    inbox = round_folder(world.out / "inbox", str(world.suite.tournament.address), round_id)
    world.submit(round_id, 2)
    signature = json.loads((inbox / f"2{SIGNATURE_SUFFIX}").read_text())
    (inbox / f"1{SIGNATURE_SUFFIX}").write_text(json.dumps(signature))
    world.anvil.advance_to(world.record(round_id).close_at)
    collection = world.operator.collector.collect(world.record(round_id))
    assert collection.submissions.model_ids == (2,)
    assert "1.csv: expected the signature of" in collection.refusals[0].reason


def test_a_model_locked_without_a_submission_gets_its_position_back_whole(world: World) -> None:
    round_id = world.open()
    world.submit_all(round_id, range(2, 11))
    world.anvil.advance_to(world.record(round_id).close_at)
    world.operator_sender.send(world.suite.tournament.functions.lock(round_id, 0, b"\x01"))
    world.tournament.seal_round(round_id)
    assert world.idle()[0] < 100 * NMR
    world.settle(round_id)
    assert world.idle()[0] == 100 * NMR


def test_a_round_without_a_quorum_is_void_after_the_deadline_and_returns_whole(world: World) -> None:
    before = world.idle()
    round_id = world.sealed_round()
    world.resolve(round_id)
    world.cycle(0)
    world.anvil.advance_to(world.record(round_id).deadline)
    assert kinds(world.cycle(1)) == [VoidRound]
    assert kinds(world.cycle(1)) == [ReturnChunk, ReturnChunk]
    assert world.idle() == before
    assert world.record(round_id).is_over
    assert world.cycle() == []


def test_a_round_that_was_never_sealed_unwinds(world: World) -> None:
    before = world.idle()
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    world.operator_sender.send(world.suite.tournament.functions.lock(round_id, 0, b"\xff"))
    assert world.idle() != before
    world.anvil.advance_to(world.record(round_id).resolve_at)
    assert kinds(world.cycle(0)) == [VoidRound]
    assert kinds(world.cycle(0)) == [ReturnChunk]
    assert world.idle() == before


def test_an_operator_that_is_interrupted_between_chunks_goes_on_where_it_stopped(world: World) -> None:
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    world.operator_sender.send(world.suite.tournament.functions.lock(round_id, 0, b"\xff"))
    world.anvil.finalise()
    world.tournament.seal_round(round_id)
    assert world.record(round_id).state == RoundState.SEALED
    assert all(amount < 100 * NMR for amount in world.idle())


def test_a_submitter_named_after_the_close_cannot_sign_for_the_round(world: World) -> None:
    round_id = world.open()
    close_at = world.record(round_id).close_at
    world.anvil.advance_to(close_at + HOUR // 2)
    owner = world.participants[0].account
    stranger = str(world.anvil.account(39).address)
    sender = type(world.operator_sender)(world.suite.w3, owner)
    sender.send(world.suite.registry.functions.setSubmitter(1, stranger))
    block = world.anvil.w3.eth.block_number
    assert world.suite.submitters(close_at, block)[1] == str(owner.address)
    assert world.suite.submitters(close_at + DAY, block)[1] == stranger


def challenge(world: World, round_id: int) -> None:
    """A bystander disputes the accepted report of a round."""
    bystander = Sender(world.suite.w3, world.anvil.account(38))
    bystander.send(world.suite.committee.functions.challenge(world.suite.tournament.address, round_id))
    world.anvil.finalise()


@begins(one_sealed)
def test_a_challenged_report_that_was_right_is_upheld_and_settles(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    world.cycle()
    challenge(world, round_id)
    assert kinds(world.cycle(0, 1)) == [Attest, Attest]
    assert world.proposal_status(round_id) == ProposalStatus.UPHELD
    world.pass_challenge_window()
    world.cycle(0)
    assert world.record(round_id).state == RoundState.SETTLED


@begins(one_sealed)
def test_a_wrong_report_of_a_wrong_quorum_is_overturned_once_a_member_learns_better(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id, {0: wrong(world.target), 1: wrong(world.target)})
    world.cycle(0, 1)
    assert kinds(world.cycle(2)) == [Alarm]
    challenge(world, round_id)
    (world.members[1].bundle(round_id).folder / "report.json").unlink()
    world.tournament.publish_target(world.members[1], round_id, IDS, world.target)
    assert kinds(world.cycle(1, 2)) == [Attest, Attest]
    assert world.proposal_status(round_id) == ProposalStatus.OVERTURNED
    world.pass_challenge_window()
    world.cycle(2)
    assert world.record(round_id).state == RoundState.SETTLED


def test_a_dispute_that_nobody_decides_voids_the_round_and_returns_whole(world: World) -> None:
    before = world.idle()
    round_id = world.sealed_round()
    world.resolve(round_id)
    world.cycle()
    challenge(world, round_id)
    world.anvil.advance_to(world.now + 2 * DAY)
    assert kinds(world.cycle(0)) == [VoidRound]
    world.cycle(0)
    assert world.idle() == before
