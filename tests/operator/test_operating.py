"""The operator as a daemon: rounds open once and lock once, and restarts change nothing."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from web3.types import RPCEndpoint

from scorer import failpoints
from scorer.chain.contracts import Suite
from scorer.chain.endpoints import Endpoints
from scorer.chain.records import RoundRecord, RoundState
from scorer.observation.observe import RoundTracker, finalised_block
from scorer.operator.collector import Lanes
from scorer.operator.plans import PlanFolder
from scorer.transactions.manager import TransactionManager
from tests.operator_harness import Harness
from tests.world import HOUR, IDS, NMR, World


@pytest.fixture
def harness(world: World, tmp_path: Path) -> Iterator[Harness]:
    found = Harness(world, tmp_path)
    yield found
    found.journal.close()


def test_a_planned_round_opens_when_it_is_time_and_once(harness: Harness) -> None:
    harness.plan("weekly", harness.world.now + HOUR)
    assert harness.work() == []
    harness.world.anvil.advance_to(harness.world.now + HOUR)
    assert harness.work() == ["open weekly"]
    harness.restart()
    assert harness.work() == ["round 1"]
    assert harness.work() == []
    assert harness.rounds == 1
    assert harness.collector.published_bundle(1).universe() == IDS


def test_an_opening_that_the_contract_does_not_allow_is_reported(harness: Harness) -> None:
    harness.plan("weekly", harness.world.now - 60)
    authority = harness.world.suite.authority.functions
    operator = harness.world.operator_sender.address
    harness.world.admin.send(authority.revokeRole(authority.OPERATOR_ROLE().call(), operator))
    assert harness.work() == ["open weekly"]
    assert [kind for kind, _ in harness.alarms] == ["NOT_ALLOWED"]
    assert "open weekly" in harness.alarms[0][1]
    assert harness.rounds == 0


def test_a_round_is_not_opened_twice_by_an_operator_without_a_journal(harness: Harness) -> None:
    harness.plan("weekly", harness.world.now - 60)
    assert harness.work() == ["open weekly"]
    harness.journal.close()
    harness.path.unlink()
    harness.start()
    harness.work()
    assert harness.work() == []
    assert harness.rounds == 1


def test_two_rounds_of_the_same_times_and_other_rules_both_open(harness: Harness) -> None:
    start = harness.world.now - 60
    harness.plan("one", start)
    harness.plan("two", start + 1)
    assert harness.work() == ["open one", "open two"]
    harness.work()
    assert harness.rounds == 2


def test_an_opening_that_was_missed_is_reported_once(harness: Harness) -> None:
    harness.plan("late", harness.world.now - 2 * HOUR)
    harness.work()
    harness.work()
    assert [kind for kind, _ in harness.alarms] == ["MISSED_OPENING"]
    assert harness.rounds == 0


def test_a_plan_that_lacks_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "schedule.json").write_text("{}")
    alarms: list[tuple[str, str]] = []
    assert PlanFolder(tmp_path).plans(lambda reason, detail: alarms.append((reason.name, detail))) == []
    ((kind, detail),) = alarms
    assert kind == "BROKEN_FILE"
    assert detail.startswith("plan a: ")
    assert "expected rules.json and universe.parquet beside schedule.json" in detail


def test_a_broken_plan_keeps_no_other_plan_and_no_round_waiting(harness: Harness) -> None:
    world = harness.world
    round_id = world.open()
    world.submit_all(round_id, range(1, 4))
    (harness.plans / "broken").mkdir(parents=True)
    (harness.plans / "broken" / "schedule.json").write_text("{")
    world.anvil.advance_to(world.record(round_id).close_at)
    harness.plan("weekly", world.now - 60)
    assert harness.work() == ["open weekly", "round 1 lock:0"]
    assert [kind for kind, _ in harness.alarms] == ["BROKEN_FILE"]


def test_a_round_that_cannot_be_collected_keeps_no_other_one_waiting(harness: Harness) -> None:
    world = harness.world
    broken, good = world.open(), world.open()
    world.submit_all(good, range(1, 4))
    (harness.collector.published_bundle(broken).folder / "rules.json").write_text("{")
    world.anvil.advance_to(world.record(good).close_at)
    assert harness.work() == ["round 2 lock:0"]
    ((kind, detail),) = harness.alarms
    assert kind == "BROKEN_FILE"
    assert detail.startswith("round 1: ")


def test_many_missed_plans_read_each_round_that_is_over_once(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[list[int]] = []
    suite = type(harness.world.suite)
    monkeypatch.setattr(suite, "round_count", lambda *_: 3)

    def rounds(_suite: Suite, rounds: Sequence[int], _block: int) -> list[RoundRecord]:
        read.append(list(rounds))
        return []

    monkeypatch.setattr(suite, "rounds", rounds)
    harness.operator.cache.rounds = RoundTracker(newest=3)
    for name in ("one", "two", "three"):
        harness.plan(name, harness.world.now - 3 * HOUR)
    for _ in range(2):
        harness.work()
        assert [rounds for rounds in read if rounds] == [[1, 2, 3]]
    assert [kind for kind, _ in harness.alarms] == ["MISSED_OPENING"] * 3


def test_a_round_is_locked_once_over_restarts_between_all_steps_and_members_seal_it(
    harness: Harness,
) -> None:
    world = harness.world
    round_id = world.open()
    world.submit_all(round_id)
    assert harness.work() == []
    world.anvil.advance_to(world.record(round_id).close_at)
    before = world.suite.w3.eth.get_transaction_count(world.operator_sender.account.address)
    assert harness.work() == ["round 1 lock:0", "round 1 lock:2"]
    harness.restart()
    assert world.record(round_id).state == RoundState.LOCKING
    assert harness.work() == ["round 1 endlock"]
    harness.restart()
    assert harness.work() == []
    assert world.record(round_id).state == RoundState.LOCKED
    after = world.suite.w3.eth.get_transaction_count(world.operator_sender.account.address)
    assert after - before == 3
    world.cycle()
    assert world.record(round_id).state == RoundState.SEALED


def test_the_lock_is_ended_once_all_of_it_is_final(harness: Harness) -> None:
    """What is mined may be undone; an end of the lock that outlives it would leave models out."""
    world = harness.world
    round_id = closed(world)
    for expected in (["round 1 lock:0", "round 1 lock:2"], []):
        assert [result.subject for result in harness.cycle()] == expected
        assert world.record(round_id).state == RoundState.LOCKING
    world.anvil.finalise()
    assert harness.work() == ["round 1 endlock"]
    assert world.record(round_id).state == RoundState.LOCKED


def test_a_round_in_which_nothing_is_to_be_locked_is_ended_at_once(harness: Harness) -> None:
    world = harness.world
    round_id = world.open()
    world.anvil.advance_to(world.record(round_id).close_at)
    assert harness.work() == ["round 1 endlock"]
    assert world.record(round_id).state == RoundState.LOCKED
    assert harness.work() == []


class Killed(BaseException):
    """The process ended."""


def die() -> None:
    raise Killed


@pytest.mark.parametrize("label", ["planned", "signed", "broadcast", "mined-seen", "mined-recorded"])
def test_a_process_that_ends_amid_the_end_of_a_lock_is_followed_by_one_that_goes_on(
    harness: Harness, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = harness.world
    round_id = closed(world)
    harness.work()
    before = world.suite.w3.eth.get_transaction_count(world.operator_sender.account.address)
    monkeypatch.setattr(failpoints, "_die", die)
    monkeypatch.setenv(failpoints.VARIABLE, f"{label}@:1:endlock")
    with pytest.raises(Killed):
        harness.work()
    monkeypatch.delenv(failpoints.VARIABLE)
    world.anvil.finalise()
    harness.restart()
    for _ in range(2):
        harness.work()
    assert world.record(round_id).state == RoundState.LOCKED
    after = world.suite.w3.eth.get_transaction_count(world.operator_sender.account.address)
    assert after - before == 1
    assert harness.alarms == []


def test_an_end_that_the_chain_forgets_is_sent_again_and_binds_once(harness: Harness) -> None:
    world = harness.world
    round_id = closed(world)
    harness.work()
    harness.cycle()
    assert world.record(round_id).state == RoundState.LOCKED
    world.anvil.reorganise(1)
    assert world.record(round_id).state == RoundState.LOCKING
    for _ in range(2):
        harness.work()
    assert world.record(round_id).state == RoundState.LOCKED
    assert harness.alarms == []


def closed(world: World) -> int:
    """A round in which every model takes part, closed."""
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    return round_id


def test_a_restart_after_publishing_locks_whom_it_decided_on_and_reports_no_refusal_again(
    harness: Harness,
) -> None:
    world = harness.world
    round_id = world.open()
    world.submit_all(round_id, range(1, 9))
    world.submit(round_id, 9, b"nonsense")
    world.anvil.advance_to(world.record(round_id).close_at + 60)
    world.submit(round_id, 10)
    world.anvil.advance_to(world.now + 60)
    harness.collector.publish(round_id, harness.collector.collect(world.record(round_id)))
    harness.restart()
    for file in harness.collector.inbox.rglob("10.*"):
        os.utime(file, (world.record(round_id).open_at,) * 2)
    world.submit(round_id, 9)
    assert harness.work() == ["round 1 lock:0"]
    world.anvil.finalise()
    assert [idle == 100 * NMR for idle in world.idle()] == [False] * 8 + [True, True]
    assert harness.alarms == []


@pytest.mark.parametrize("signature", ["0x" + "00" * 65, "0x"])
def test_what_nobody_signed_is_reported_and_returns_whole_whoever_wrote_to_the_published_folder(
    harness: Harness, signature: str
) -> None:
    world = harness.world
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    operator = world.operator
    operator.collector.publish(round_id, operator.collector.collect(world.record(round_id)))
    path = operator.published_bundle(round_id).folder / "submissions.json"
    entries = json.loads(path.read_bytes())
    entries[3]["signature"] = signature
    path.write_text(json.dumps(entries))
    world.anvil.finalise()
    assert harness.work() == ["round 1 lock:0", "round 1 lock:2"]
    assert harness.work() == ["round 1 endlock"]
    ((kind, detail),) = harness.alarms
    assert kind == "BROKEN_FILE"
    assert "found others of 1 models (4), whose positions return whole" in detail
    world.cycle()
    record = world.record(round_id)
    assert record.state == RoundState.SEALED
    assert record.submissions_root == operator.published_bundle(round_id).submissions().root({4})
    assert world.idle()[3] < 100 * NMR
    world.settle(round_id)
    assert world.idle()[3] == 100 * NMR


def test_a_chunk_is_as_large_as_the_chain_lets_it_settle(world: World, tmp_path: Path) -> None:
    harness = Harness(world, tmp_path, budget=100_000)
    harness.operator.slots_per_chunk = 256
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    assert harness.work()[:2] == ["round 1 lock:0", "round 1 lock:2"]
    harness.journal.close()


def test_every_staked_model_is_in_the_round_though_the_chunks_grow_over_a_restart(
    harness: Harness,
) -> None:
    world = harness.world
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    rpc = world.suite.w3.provider.make_request
    rpc(RPCEndpoint("evm_setAutomine"), [False])
    before = harness.cycle()
    assert [result.subject for result in before] == ["round 1 lock:0"]
    harness.restart()

    def mine(_: float) -> None:
        rpc(RPCEndpoint("evm_mine"), [])

    assert isinstance(harness.sender, TransactionManager)
    harness.sender = replace(harness.sender, longest=60, sleep=mine)
    harness.operator.slots_per_chunk = 4
    (result,) = harness.cycle()
    assert result.subject == "round 1 lock:0"
    assert "another call of this key came first" in result.outcome
    (result,) = harness.cycle()
    assert result.subject == "round 1 lock:2"
    rpc(RPCEndpoint("evm_setAutomine"), [True])
    world.anvil.finalise()
    assert harness.work() == ["round 1 endlock"]
    assert all(idle < 100 * NMR for idle in world.idle())


def test_the_lock_is_not_ended_while_the_endpoint_does_not_show_what_was_locked(
    harness: Harness,
) -> None:
    world = harness.world
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    record = world.record(round_id)
    lanes = Lanes(world.suite, world.suite.w3.eth.block_number)
    calls = harness.collector.lock_calls(record, harness.collector.collect(record), 2, lanes)
    assert [call.name for call in calls if call is not None] == ["lock:0"]


def test_a_dry_run_changes_nothing(harness: Harness) -> None:
    world = harness.world
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    harness.sender = None
    assert harness.work() == ["round 1 lock:0"]
    assert not harness.collector.published_bundle(round_id).has("submissions.npy")
    assert world.record(round_id).state == RoundState.OPEN


def test_a_round_that_nobody_sealed_is_reported(harness: Harness) -> None:
    world = harness.world
    round_id = world.open()
    world.anvil.advance_to(world.record(round_id).lock_until)
    harness.work()
    assert [kind for kind, _ in harness.alarms] == ["NEVER_SEALED"]


def test_endpoints_and_operator_read_the_same_final_block(world: World) -> None:
    pinned = Endpoints([world.anvil.url], world.suite.addresses.chain_id).pin()
    assert pinned.block == finalised_block(world.suite)


def test_an_operator_forgets_what_it_read_of_a_chain_that_is_no_more(harness: Harness) -> None:
    cache = harness.operator.cache
    block = finalised_block(harness.world.suite)
    harness.cycle()
    cache.done.add("a plan")
    harness.cycle()
    assert cache.done == {"a plan"}
    cache.basis.block = replace(block, hash=b"\1" * 32)
    harness.cycle()
    assert cache.done == set()
    assert cache.basis.block == block
