"""Members show predictions that somebody paid for; who is silent gets the position back, and no more."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from scorer.chain.endpoint import LOCAL_CHAIN_ID
from scorer.chain.records import RoundState
from scorer.evaluation.verify import differences
from scorer.isolation import SHARED_READER
from scorer.lab.in_process import FIRST_MEMBER
from scorer.lab.member import LocalMember
from scorer.observation.audit import audit
from scorer.observation.observe import finalised_block, read_on_chain
from scorer.observation.silence import silent_models
from scorer.oracle.actions import Alarm, AnswerDemand, StagePiece
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.cache import MemberCache
from scorer.proofs import pieces
from scorer.proofs.demands import drawn_lanes
from scorer.protocol.predictions import float_array
from scorer.storage.bundle import RELEASE, SUBMISSIONS
from scorer.storage.verification import verify_bundle
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node
from scorer.transactions.signers import KeySigner
from scorer.units import wei_from_nano
from tests.chains import Chains
from tests.committee import FEES
from tests.demanding_world import (
    DEMANDS,
    DEPOSIT,
    answers,
    demand,
    draw,
    drawing_of,
    lent_demanding_world,
    settle_silent,
    tokens_of,
)
from tests.world import FIRST, NMR, World


@pytest.fixture
def world(chains: Chains, tmp_path: Path) -> Iterator[World]:
    """A world whose first round has a public report, under which predictions may be demanded."""
    with lent_demanding_world(chains, tmp_path / "world") as world:
        yield world


def pass_to(world: World, time: int) -> None:
    """Let time pass to a moment of the latest block."""
    world.anvil.advance_to(time)


def owner_of(world: World, model: int) -> str:
    return str(world.suite.registry.functions.ownerOf(model).call())


def answering(world: World, *members: int) -> list[AnswerDemand]:
    """What members answer in a cycle each."""
    return [step.action for step in world.cycle(*members) if isinstance(step.action, AnswerDemand)]


def test_the_contract_draws_whom_the_plain_formula_draws(world: World) -> None:
    drawing = draw(world, FIRST)
    seed = drawing.draw.seed
    assert seed is not None
    expected = drawn_lanes(seed, drawing.proposal.report_hash, DEMANDS, drawing.payouts)
    assert drawing.draw.lanes == expected
    assert 1 <= len(expected) <= DEMANDS
    assert all(drawn.payout > 0 for drawn in drawing.models)
    assert drawing.draw.deposit == drawing.deposit == wei_from_nano(DEPOSIT)


def test_one_member_shows_what_was_demanded_and_all_are_paid(world: World) -> None:
    demanded = demand(world, FIRST)
    drawing = drawing_of(world, FIRST)
    assert answering(world) == []  # their owners' turn comes first
    pass_to(world, drawing.until[0])
    owners = {each.model: owner_of(world, each.model) for each in demanded}
    before = {address: tokens_of(world, address) for address in owners.values()}
    found = answering(world)
    assert sorted(each.place for each in found) == [each.place for each in demanded]
    assert len(list(answers(world))) == len(demanded)
    for address in owners.values():
        own = sum(owner == address for owner in owners.values())
        assert tokens_of(world, address) - before[address] == own * wei_from_nano(DEPOSIT) * 3 // 4
    assert answering(world) == []
    world.pass_challenge_window()
    world.cycle()
    record = world.record(FIRST)
    assert (record.state, record.paid) == (RoundState.SETTLED, record.total_payout)
    assert silent_models(world.suite, FIRST, finalised_block(world.suite).number) == frozenset()


def test_what_was_shown_is_what_the_model_predicted(world: World) -> None:
    (drawn,) = demand(world, FIRST, 0)
    pass_to(world, drawing_of(world, FIRST).until[0])
    world.cycle(1)
    drawing = drawing_of(world, FIRST)
    (entry,) = (
        each for each in drawing.case.facts.sealed.submissions.entries if each.predictions is not None
    )
    assert entry.model_id == drawn.model
    assert entry.predictions is not None
    assert float_array(entry.predictions).tolist() == world.predictions(drawn.model, FIRST).tolist()
    assert drawing.models[0].is_answered


@contextmanager
def daemon(world: World, folder: Path) -> Iterator[LocalMember]:
    """The first member as a daemon that has just begun, with the journal in a folder."""
    with Journal.open(folder / "journal") as journal:
        signer = KeySigner(world.anvil.account(FIRST_MEMBER))
        manager = TransactionManager(
            journal, Web3Node(world.anvil.w3), signer, LOCAL_CHAIN_ID, FEES, longest=0.0
        )
        yield replace(world.members[0], sender=manager, cache=MemberCache())


def test_a_member_that_is_killed_before_its_answer_is_final_sends_it_once(
    world: World, tmp_path: Path
) -> None:
    demand(world, FIRST, 0)
    pass_to(world, drawing_of(world, FIRST).until[0])
    address = world.anvil.account(FIRST_MEMBER).address
    sent = world.anvil.w3.eth.get_transaction_count(address)
    world.anvil.mines(at_once=False)
    for _ in range(2):
        with daemon(world, tmp_path) as member:
            steps = member.cycle()
        assert [type(step.action) for step in steps].count(AnswerDemand) == 1
    world.anvil.mine_pool()
    world.anvil.mines(at_once=True)
    for _ in range(2):
        world.anvil.finalise()
        with daemon(world, tmp_path) as member:
            member.cycle()
    assert len(list(answers(world))) == 1
    assert world.anvil.w3.eth.get_transaction_count(address) == sent + 1


def test_a_member_that_lost_the_predictions_calls_a_human_and_another_one_answers(world: World) -> None:
    (drawn,) = demand(world, FIRST, 0)
    (world.members[0].bundle(FIRST).folder / SUBMISSIONS).unlink()
    for member in world.members:  # else it opens the envelopes once more
        (member.paths.exchange_bundle(FIRST).folder / RELEASE).unlink()
    pass_to(world, drawing_of(world, FIRST).until[0])
    steps = world.cycle(0)
    (alarm,) = (
        step.action
        for step in steps
        if isinstance(step.action, Alarm) and step.action.reason == AlarmReason.UNANSWERED
    )
    assert f"the predictions of model {drawn.model} were demanded, and we do not hold them" in alarm.detail
    assert not [step for step in steps if isinstance(step.action, AnswerDemand)]
    assert [each.place for each in answering(world, 1)] == [0]
    assert not [
        step
        for step in world.cycle(0)
        if isinstance(step.action, Alarm) and step.action.reason == AlarmReason.UNANSWERED
    ]


def test_an_answer_that_no_pool_takes_is_staged_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    demand(world, FIRST, 0)
    pass_to(world, drawing_of(world, FIRST).until[0])
    monkeypatch.setattr(pieces, "POOL_BYTES", 2_000)
    assert [type(step.action) for step in world.cycle(0) if isinstance(step.action, SENT)] == [StagePiece]
    assert [type(step.action) for step in world.cycle(0) if isinstance(step.action, SENT)] == [AnswerDemand]
    assert len(list(answers(world))) == 1


SENT = (StagePiece, AnswerDemand)


def test_a_silent_model_gets_its_position_back_and_all_readers_say_why(world: World) -> None:
    model, payout = settle_silent(world)
    record, block = world.record(FIRST), finalised_block(world.suite)
    assert record.paid == record.total_payout - payout
    assert world.idle()[model - 1] == 100 * NMR
    assert silent_models(world.suite, FIRST, block.number) == {model}

    bundle, chain = world.members[0].bundle(FIRST), read_on_chain(world.suite, FIRST, block)
    assert chain.silent == {model}
    assert list(differences(bundle.published(), chain)) == []
    verified = verify_bundle(bundle.folder, chain, SHARED_READER)
    assert verified.count == 0
    assert f"of model {model}" in verified.agreement
    assert set(audit(world.suite, block).values()) == {True}


def test_after_the_second_third_nobody_answers_any_more(world: World) -> None:
    demand(world, FIRST, 0)
    pass_to(world, drawing_of(world, FIRST).until[1])
    assert answering(world) == []
    assert list(answers(world)) == []
