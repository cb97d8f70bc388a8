"""Whole rounds on a chain whose members agree on a seal: who can block it, delay it, or spoil it."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scorer.chain.records import RoundState
from scorer.lab.anvil import Anvil
from scorer.lab.member import LocalMember
from scorer.lab.population import Stake
from scorer.oracle.actions import Alarm, CountSignature, SealRound, Wait
from scorer.oracle.cache import MemberCache
from scorer.oracle.policy import MemberPolicy
from scorer.oracle.turns import turn_of
from scorer.protocol.predictions import header
from scorer.protocol.seal import Seal, SealVote, Verdict, Verdicts
from scorer.rewards.allocation import SHARE_FLAG
from scorer.storage.bundle import SUBMISSIONS, VOTE, Bundle
from scorer.transactions.signers import KeySigner
from tests.oracle.test_round import kinds
from tests.world import FIRST, MODELS, NMR, World, begins, build_world, one_locked

WHALE = 13


def own(world: World, member: int, round_id: int) -> Bundle:
    """A member's bundle of a round."""
    return world.members[member].bundle(round_id)


def vote(world: World, member: int, round_id: int) -> SealVote:
    """What a member shows that it signed."""
    return own(world, member, round_id).vote()


def absences(world: World) -> list[int]:
    """How many seals in a row each member did not sign."""
    functions = world.suite.committee.functions
    return [functions.absencesOf(member.address).call() for member in world.members]


def state(world: World, round_id: int) -> RoundState:
    return world.record(round_id).state


def taken_over_round(world: World) -> int:
    """A round that is published and that all members hold, before any of its stakes is locked."""
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    operator = world.operator
    operator.collector.publish(round_id, operator.collector.collect(world.record(round_id)))
    world.anvil.finalise()
    world.cycle()
    return round_id


def spoil(bundle: Bundle, model: int) -> None:
    """Another prediction in place of a model's first."""
    predictions = np.load(bundle.folder / SUBMISSIONS)
    predictions[model - 1, 0] = 0.123456
    (bundle.folder / SUBMISSIONS).write_bytes(header(*predictions.shape) + predictions.tobytes())


def lock(world: World, round_id: int) -> None:
    world.tournament.lock_round(round_id)
    world.anvil.finalise()


# Who dissents, and who is down.


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 2, 1)])
def test_a_member_that_could_not_read_one_file_follows_the_quorum(
    world: World, order: tuple[int, ...]
) -> None:
    round_id = taken_over_round(world)
    spoil(own(world, 2, round_id), 4)
    lock(world, round_id)
    world.cycle(*order, *order[:2])
    assert state(world, round_id) == RoundState.SEALED
    assert absences(world) == [0, 0, 0]
    votes = [vote(world, member, round_id) for member in range(3)]
    assert [each.verdicts.by_model[4].is_valid for each in votes] == [True, True, False]
    assert len({each.seal for each in votes}) == 1
    assert [each.refused for each in votes] == [frozenset()] * 3
    record = world.record(round_id)
    assert record.valid_at_risk == record.at_risk
    world.settle(round_id)
    assert len({own(world, member, round_id).report().hash() for member in range(3)}) == 1


def refusing_all(world: World, member: int, round_id: int) -> SealVote:
    """A member's vote, signed by it, by which no submission counts."""
    right, suite = vote(world, 0, round_id), world.suite
    against = {model: replace(each, is_valid=False) for model, each in right.verdicts.by_model.items()}
    root = own(world, 0, round_id).submissions().root(against)
    seal = replace(right.seal, submissions_root=root, valid_at_risk=0)
    where = suite.addresses.chain_id, str(suite.tournament.address), round_id
    return signed(world, member, Verdicts(*where, against), seal)


def signed(world: World, member: int, verdicts: Verdicts, seal: Seal, account: int | None = None) -> SealVote:
    """A vote in a member's name, signed by it, or by another account."""
    signer = KeySigner(world.anvil.account(3 + member if account is None else account))
    address, refused = world.members[member].address, verdicts.by_model.items()
    against = frozenset(model for model, each in refused if not each.is_valid)
    signatures = signer.sign_message(verdicts.message), signer.sign_message(seal.message)
    return SealVote(address, verdicts, signatures[0], seal, signatures[1], against)


@begins(one_locked)
def test_a_member_that_refuses_everything_keeps_no_model_out_and_blocks_nothing(world: World) -> None:
    round_id = FIRST
    world.cycle(0)
    own(world, 2, round_id).write_vote(refusing_all(world, 2, round_id))
    world.cycle(1, 0)
    assert state(world, round_id) == RoundState.LOCKED
    world.pass_half_of_the_lock_window(round_id)
    assert kinds(world.cycle(0)) == [SealRound]
    assert [vote(world, member, round_id).refused for member in (0, 1)] == [frozenset()] * 2
    record = world.record(round_id)
    assert record.state == RoundState.SEALED
    assert record.valid_at_risk == record.at_risk
    assert absences(world) == [0, 0, 1]


@begins(one_locked)
def test_a_member_that_is_down_delays_the_seal_to_half_of_the_lock_window_and_counts_as_absent(
    world: World,
) -> None:
    round_id = FIRST
    assert kinds(world.cycle(0, 1, 0)) == [Wait] * 3
    record = world.record(round_id)
    world.anvil.advance_to((record.close_at + record.lock_until) // 2 - 20)
    assert kinds(world.cycle(0)) == [Wait]
    world.pass_half_of_the_lock_window(round_id)
    assert kinds(world.cycle(0)) == [SealRound]
    assert state(world, round_id) == RoundState.SEALED
    assert absences(world) == [0, 0, 1]
    world.sealed_without(2)
    assert absences(world) == [0, 0, 2]
    world.sealed_round()
    assert absences(world) == [0, 0, 0]


@begins(one_locked)
def test_a_member_that_comes_back_in_time_signs_and_the_seal_is_sent_at_once(world: World) -> None:
    round_id = FIRST
    world.cycle(0, 1)
    assert kinds(world.cycle(2)) == [SealRound]
    assert state(world, round_id) == RoundState.SEALED
    assert absences(world) == [0, 0, 0]


def test_a_member_that_was_down_until_the_seal_takes_over_what_counts(world: World) -> None:
    round_id = taken_over_round(world)
    spoil(world.operator.published_bundle(round_id), 4)
    for member in (0, 1):
        spoil(own(world, member, round_id), 4)
    lock(world, round_id)
    world.cycle(0, 1)
    world.pass_half_of_the_lock_window(round_id)
    world.cycle(0, 2)
    assert state(world, round_id) == RoundState.SEALED
    assert own(world, 2, round_id).refused() == {4}
    world.settle(round_id)
    assert len({own(world, member, round_id).report().hash() for member in range(3)}) == 1


def test_without_a_quorum_in_the_window_the_round_is_void_and_everything_returns(world: World) -> None:
    before = world.idle()
    round_id = world.locked_round()
    assert world.idle() != before
    world.cycle(0)
    world.pass_half_of_the_lock_window(round_id)
    assert kinds(world.cycle(0)) == [Wait]
    world.pass_the_lock_window(round_id)
    world.cycle(0)
    world.cycle(1)
    assert state(world, round_id) == RoundState.VOIDED
    assert world.idle() == before
    assert absences(world) == [0, 0, 0]


# A seal that leaves a member's signature out.


def seal_by_two(world: World, round_id: int, *votes: SealVote) -> None:
    """The first two of three members seal a round, as if nobody had seen what the third signed."""
    seal, signatures = votes[0].seal, b"".join(each.seal_signature for each in votes)
    world.operator_sender.send(
        world.suite.tournament.functions.seal(
            round_id, seal.submissions_root, seal.valid_at_risk, 0b011, signatures
        )
    )
    world.anvil.finalise()


@begins(one_locked)
def test_a_signature_that_the_seal_left_out_is_handed_in_once(world: World) -> None:
    round_id = FIRST
    world.cycle(2, 0)
    path = own(world, 2, round_id).folder / VOTE
    signed_by_third = path.read_bytes()
    path.unlink()
    world.cycle(1)
    path.write_bytes(signed_by_third)
    seal_by_two(world, round_id, vote(world, 0, round_id), vote(world, 1, round_id))
    assert absences(world) == [0, 0, 1]
    assert kinds(world.cycle(2)) == [CountSignature, Wait]
    assert absences(world) == [0, 0, 0]
    assert kinds(world.cycle(2, 0)) == [Wait, Wait]


def test_a_member_that_was_down_until_the_seal_signs_what_it_finds_too_and_is_counted(world: World) -> None:
    round_id = world.sealed_without(2)
    assert absences(world) == [0, 0, 1]
    assert not own(world, 2, round_id).has(VOTE)
    steps = world.cycle(2)
    assert kinds(steps) == [CountSignature, Wait]
    assert vote(world, 2, round_id).seal == vote(world, 0, round_id).seal
    assert absences(world) == [0, 0, 0]


def test_a_signature_that_somebody_handed_in_for_us_is_no_failure(world: World) -> None:
    round_id = world.sealed_without(2)
    behind = replace(world.members[2], sender=None)
    assert kinds(behind.cycle()) == [Alarm, Wait]
    block = world.anvil.w3.eth.block_number
    signature = KeySigner(world.anvil.account(5)).sign_message(vote(world, 0, round_id).seal.message)
    tournament, third = world.suite.tournament.address, world.members[2]
    world.admin.send(
        world.suite.committee.functions.countSignature(tournament, round_id, third.address, signature)
    )
    assert world.anvil.w3.eth.block_number > block
    steps = third.cycle()  # the finalised block is one in which it was not counted yet
    assert [(type(step.action), step.outcome) for step in steps] == [
        (CountSignature, "already done (AlreadyCounted)"),
        (Wait, "the outcome is not known yet"),
    ]


@begins(one_locked)
def test_a_member_that_finds_something_else_than_the_seal_signs_nothing_and_calls_a_human(
    world: World,
) -> None:
    round_id = FIRST
    world.cycle(0, 2)
    before = vote(world, 2, round_id)
    seal_by_two(world, round_id, refusing_all(world, 0, round_id), refusing_all(world, 1, round_id))
    alarms: list[tuple[str, str]] = []
    third = replace(world.members[2], raise_alarm=lambda reason, detail: alarms.append((reason.name, detail)))
    assert CountSignature not in kinds(third.cycle())
    expected = f"round {round_id}: sealed without our signature, 1 in a row; after 3 anybody may remove us"
    assert ("ABSENT", expected) in alarms
    assert absences(world) == [0, 0, 1]
    assert vote(world, 2, round_id) == before


def test_nobody_is_called_for_an_absence_once_the_round_has_resolved(world: World) -> None:
    round_id = world.sealed_without(2)
    world.anvil.advance_to(world.record(round_id).resolve_at)
    assert kinds(world.cycle(2)) == [Wait]
    assert absences(world) == [0, 0, 1]


# What may lie in another member's folder.


def in_the_name_of_another(world: World, round_id: int) -> None:
    """LocalMember 2 votes in the name of member 1, and in its own by a stranger's key."""
    false = refusing_all(world, 1, round_id)
    own(world, 2, round_id).write_vote(signed(world, 1, false.verdicts, false.seal, account=5))


def by_a_stranger(world: World, round_id: int) -> None:
    false = refusing_all(world, 2, round_id)
    strange = signed(world, 2, false.verdicts, false.seal, account=39)
    own(world, 2, round_id).write_vote(replace(strange, member=str(world.anvil.account(39).address)))


def of_another_round(world: World, round_id: int) -> None:
    right = vote(world, 0, round_id)
    verdicts = replace(right.verdicts, round_id=round_id + 1)
    seal = replace(right.seal, round_id=round_id + 1)
    own(world, 2, round_id).write_vote(signed(world, 2, verdicts, seal))


def of_other_positions(world: World, round_id: int) -> None:
    right = vote(world, 0, round_id)
    seal = replace(right.seal, positions_head=b"\7" * 32)
    own(world, 2, round_id).write_vote(signed(world, 2, right.verdicts, seal))


def of_other_models(world: World, round_id: int) -> None:
    right = vote(world, 0, round_id)
    strange = {10_000 + model: each for model, each in right.verdicts.by_model.items()}
    seal = replace(right.seal, submissions_root=b"\7" * 32)
    own(world, 2, round_id).write_vote(signed(world, 2, replace(right.verdicts, by_model=strange), seal))


def of_other_submissions(world: World, round_id: int) -> None:
    right = vote(world, 0, round_id)
    other = {
        model: Verdict(b"\1" * 32, bytes(32), b"\2" * 32, is_valid=True) for model in right.verdicts.by_model
    }
    seal = replace(right.seal, submissions_root=b"\7" * 32)
    own(world, 2, round_id).write_vote(signed(world, 2, replace(right.verdicts, by_model=other), seal))


def with_a_seal_of_its_own_and_our_signature(world: World, round_id: int) -> None:
    """LocalMember 0's vote, with another amount that counts."""
    right = vote(world, 0, round_id)
    own(world, 2, round_id).write_vote(replace(right, seal=replace(right.seal, valid_at_risk=1)))


def content(raw: bytes) -> Callable[[World, int], None]:
    def write(world: World, round_id: int) -> None:
        folder = own(world, 2, round_id).folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / VOTE).write_bytes(raw)

    return write


def huge(world: World, round_id: int) -> None:
    content(b"{")(world, round_id)
    os.truncate(own(world, 2, round_id).folder / VOTE, 2**40)


def pipe(world: World, round_id: int) -> None:
    folder = own(world, 2, round_id).folder
    folder.mkdir(parents=True, exist_ok=True)
    os.mkfifo(folder / VOTE)


def link(world: World, round_id: int) -> None:
    """To what a member must not read through another's folder."""
    folder = own(world, 2, round_id).folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / VOTE).symlink_to("/dev/zero")


def without_a_field(world: World, round_id: int) -> None:
    document = vote(world, 0, round_id).to_json()
    del document["seal_signature"]
    content(json.dumps(document).encode())(world, round_id)


JUNK = [
    in_the_name_of_another,
    by_a_stranger,
    of_another_round,
    of_other_positions,
    of_other_models,
    of_other_submissions,
    with_a_seal_of_its_own_and_our_signature,
    without_a_field,
    huge,
    pipe,
    link,
    *map(content, (b"", b"{}", b"[" * 200_000, b'{"member": 1}', b"\xff" * 1000, b"null")),
]


@begins(one_locked)
def test_nothing_that_lies_in_another_members_folder_changes_or_stops_a_seal(world: World) -> None:
    round_id = FIRST
    world.cycle(0, 1)
    right = vote(world, 0, round_id)
    alarms: list[tuple[str, str]] = []
    for number, put in enumerate(JUNK):
        (own(world, 2, round_id).folder / VOTE).unlink(missing_ok=True)
        put(world, round_id)
        restarted = replace(
            world.members[number % 2],
            cache=MemberCache(),
            raise_alarm=lambda reason, detail: alarms.append((reason.name, detail)),
        )
        assert kinds(restarted.cycle()) == [Wait], put
        assert alarms == [], put
        assert [vote(world, member, round_id).seal for member in (0, 1)] == [right.seal] * 2, put
    world.pass_half_of_the_lock_window(round_id)
    assert kinds(world.cycle(0)) == [SealRound]
    assert world.record(round_id).submissions_root == right.seal.submissions_root
    assert absences(world) == [0, 0, 1]


@begins(one_locked)
def test_verdicts_that_others_did_not_sign_keep_no_model_out(world: World) -> None:
    """Two of three would, had they signed them."""
    round_id = FIRST
    world.cycle(0)
    for member in (1, 2):
        false = refusing_all(world, member, round_id)
        own(world, member, round_id).write_vote(signed(world, member, false.verdicts, false.seal, account=39))
    replace(world.members[0], cache=MemberCache()).cycle()
    assert vote(world, 0, round_id).refused == frozenset()
    for member in (1, 2):
        own(world, member, round_id).write_vote(refusing_all(world, member, round_id))
    replace(world.members[0], cache=MemberCache()).cycle()
    assert vote(world, 0, round_id).refused == set(range(1, MODELS + 1))


# What replaces a statement, and what keeps one from being made.


@begins(one_locked)
def test_a_statement_that_was_complete_leaves_a_later_one_no_less_time(world: World) -> None:
    """Else members could have one counted as absent that had no time to sign what they changed."""
    round_id = FIRST
    addresses = [member.address for member in world.members]
    in_turn = sorted(range(3), key=lambda index: turn_of(addresses[index], addresses, round_id))
    first, *others = [replace(world.members[index], policy=MemberPolicy(stagger=10_000)) for index in in_turn]
    for member in (first, *others, others[0]):
        assert kinds(member.cycle()) == [Wait]
        world.anvil.finalise()
    before, _ = others[0].cache.sealable_from[round_id]
    for index in (in_turn[0], in_turn[2]):
        against = refusing_all(world, index, round_id)
        seal = against.seal if index == in_turn[0] else before
        own(world, index, round_id).write_vote(signed(world, index, against.verdicts, seal))
    assert kinds(others[0].cycle()) == [Wait]
    record = world.record(round_id)
    seal, sealable_from = others[0].cache.sealable_from[round_id]
    assert (seal.valid_at_risk, before.valid_at_risk) == (0, record.at_risk)
    assert sealable_from == (record.close_at + record.lock_until) // 2


def test_nothing_is_signed_before_a_final_block_shows_that_the_lock_has_ended(world: World) -> None:
    """Whatever the operator publishes, and however long it waits."""
    round_id = taken_over_round(world)
    functions = world.suite.tournament.functions
    world.operator_sender.send(functions.lock(round_id, 0, b"\xff\x0f"))
    world.anvil.finalise()
    world.pass_half_of_the_lock_window(round_id)
    assert kinds(world.cycle()) == [Wait] * 3
    world.operator_sender.send(functions.endLock(round_id))
    for member in world.members:
        assert kinds(member.cycle()) == [Wait]  # it is not final
    assert not any(own(world, member, round_id).has(VOTE) for member in range(3))
    world.anvil.finalise()
    world.cycle()
    assert state(world, round_id) == RoundState.SEALED


# What is sealed where little or nothing counts.


@pytest.mark.parametrize("late", [0, 3])
def test_a_round_in_which_nothing_is_locked_is_sealed_and_settled(world: World, late: int) -> None:
    before = world.idle()
    round_id = world.open()
    world.anvil.advance_to(world.record(round_id).close_at + 60)
    world.submit_all(round_id, range(1, late + 1))
    world.anvil.advance_to(world.now + 60)
    lock(world, round_id)
    assert state(world, round_id) == RoundState.LOCKED
    world.cycle()
    record = world.record(round_id)
    assert (record.state, record.at_risk, record.valid_at_risk) == (RoundState.SETTLED, 0, 0)
    assert world.idle() == before
    assert absences(world) == [0, 0, 0]
    assert world.cycle() == []


def test_junk_of_big_stakers_dilutes_nobodys_payout_factor(anvil: Anvil, tmp_path: Path) -> None:
    """One's submission is not what it signed, the other has none: both lock more than the threshold."""
    big = [Stake(anvil.account(WHALE), 100_000 * NMR, SHARE_FLAG | 10**6)] * 2
    world = build_world(anvil, tmp_path, 4, big)
    before = world.idle()
    round_id = world.open()
    world.submit_all(round_id, range(1, 6))
    world.anvil.advance_to(world.record(round_id).close_at)
    operator = world.operator
    operator.collector.publish(round_id, operator.collector.collect(world.record(round_id)))
    spoil(operator.published_bundle(round_id), 5)
    world.operator_sender.send(world.suite.tournament.functions.lock(round_id, 0, b"\x3f"))
    lock(world, round_id)
    world.cycle()
    record = world.record(round_id)
    assert record.state == RoundState.SEALED
    assert record.at_risk > 2 * record.threshold
    assert record.valid_at_risk == 2 * (25 + 30) * NMR
    assert record.payout_factor == 10**6
    world.settle(round_id)
    assert world.idle()[4:] == before[4:]
    assert world.idle()[:4] != before[:4]


# A restart, a dry run, another key.


@begins(one_locked)
def test_a_restart_in_the_middle_signs_the_same_bytes(world: World) -> None:
    round_id = FIRST
    world.cycle(0, 1)
    path = own(world, 0, round_id).folder / VOTE
    first = path.read_bytes()
    for lost in (False, True):
        if lost:
            path.unlink()
        replace(world.members[0], cache=MemberCache()).cycle()
        assert path.read_bytes() == first
    path.write_bytes(b"cut")
    world.cycle(0)
    assert path.read_bytes() == first


@begins(one_locked)
def test_a_member_whose_key_was_replaced_signs_with_the_new_one(world: World) -> None:
    """The vote of the old one lies in its folder, with the same verdicts on the same submissions."""
    round_id = FIRST
    world.cycle(1)
    before = vote(world, 1, round_id)
    first = world.members[0]
    own(world, 0, round_id).write_vote(before)
    world.cycle(0)
    assert vote(world, 0, round_id).member == first.address
    assert vote(world, 0, round_id).is_signed
    assert vote(world, 0, round_id).seal == before.seal


@begins(one_locked)
def test_a_dry_run_signs_nothing(world: World) -> None:
    round_id = FIRST
    first = world.members[0]
    dry = LocalMember(first.suite, first.paths, first.address, sender=None)
    assert kinds(dry.cycle()) == [Wait]
    assert not dry.bundle(round_id).has(VOTE)
    world.cycle(1, 2)
    world.pass_half_of_the_lock_window(round_id)
    steps = dry.cycle()
    assert [(type(step.action), step.outcome) for step in steps] == [(SealRound, "dry run: not sent")]
    assert not dry.bundle(round_id).has(VOTE)
    assert state(world, round_id) == RoundState.LOCKED
