"""The operator as a daemon: rounds open once and lock once, and restarts change nothing."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from web3.types import RPCEndpoint

from scorer.chain.contracts import RoundRecord, RoundState, Suite
from scorer.chain.endpoints import Endpoints
from scorer.observation.observe import RoundTracker, finalised_block
from scorer.operator.collector import Lanes
from scorer.operator.plans import PlanFolder
from scorer.storage.bundle import LOCKED
from scorer.transactions.manager import TransactionManager
from tests.shop import Shop
from tests.world import HOUR, IDS, NMR, World


@pytest.fixture
def shop(world: World, tmp_path: Path) -> Iterator[Shop]:
    found = Shop(world, tmp_path)
    yield found
    found.journal.close()


def test_a_planned_round_opens_when_it_is_time_and_once(shop: Shop) -> None:
    shop.plan("weekly", shop.world.now + HOUR)
    assert shop.work() == []
    shop.world.stage.anvil.advance_to(shop.world.now + HOUR)
    assert shop.work() == ["open weekly"]
    shop.restart()
    assert shop.work() == ["round 1"]
    assert shop.work() == []
    assert shop.rounds == 1
    assert shop.collector.published_bundle(1).universe() == IDS


def test_an_opening_that_the_contract_does_not_allow_is_reported(shop: Shop) -> None:
    shop.plan("weekly", shop.world.now - 60)
    authority = shop.world.suite.authority.functions
    operator = shop.world.stage.operator.sender.account.address
    shop.world.admin.send(authority.revokeRole(authority.OPERATOR_ROLE().call(), operator))
    assert shop.work() == ["open weekly"]
    assert [kind for kind, _ in shop.alarms] == ["NOT_ALLOWED"]
    assert "open weekly" in shop.alarms[0][1]
    assert shop.rounds == 0


def test_a_round_is_not_opened_twice_by_an_operator_without_a_journal(shop: Shop) -> None:
    shop.plan("weekly", shop.world.now - 60)
    assert shop.work() == ["open weekly"]
    shop.journal.close()
    shop.path.unlink()
    shop.start()
    shop.work()
    assert shop.work() == []
    assert shop.rounds == 1


def test_two_rounds_of_the_same_times_and_other_rules_both_open(shop: Shop) -> None:
    start = shop.world.now - 60
    shop.plan("one", start)
    shop.plan("two", start + 1)
    assert shop.work() == ["open one", "open two"]
    shop.work()
    assert shop.rounds == 2


def test_an_opening_that_was_missed_is_reported_once(shop: Shop) -> None:
    shop.plan("late", shop.world.now - 2 * HOUR)
    shop.work()
    shop.work()
    assert [kind for kind, _ in shop.alarms] == ["MISSED_OPENING"]
    assert shop.rounds == 0


def test_a_plan_that_lacks_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "schedule.json").write_text("{}")
    alarms: list[tuple[str, str]] = []
    assert PlanFolder(tmp_path).plans(lambda reason, detail: alarms.append((reason.name, detail))) == []
    ((kind, detail),) = alarms
    assert kind == "BROKEN_FILE"
    assert detail.startswith("plan a: ")
    assert "expected rules.json and universe.parquet beside schedule.json" in detail


def test_a_broken_plan_keeps_no_other_plan_and_no_round_waiting(shop: Shop) -> None:
    world = shop.world
    round_id = world.open()
    world.submit_all(round_id, range(1, 4))
    (shop.plans / "broken").mkdir(parents=True)
    (shop.plans / "broken" / "schedule.json").write_text("{")
    world.stage.anvil.advance_to(world.record(round_id).close_at)
    shop.plan("weekly", world.now - 60)
    assert shop.work() == ["open weekly", "round 1 lock:0"]
    assert [kind for kind, _ in shop.alarms] == ["BROKEN_FILE"]


def test_a_round_that_cannot_be_collected_keeps_no_other_one_waiting(shop: Shop) -> None:
    world = shop.world
    broken, good = world.open(), world.open()
    world.submit_all(good, range(1, 4))
    (shop.collector.published_bundle(broken).folder / "rules.json").write_text("{")
    world.stage.anvil.advance_to(world.record(good).close_at)
    assert shop.work() == ["round 2 lock:0"]
    ((kind, detail),) = shop.alarms
    assert kind == "BROKEN_FILE"
    assert detail.startswith("round 1: ")


def test_many_missed_plans_read_each_round_that_is_over_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[list[int]] = []
    suite = type(shop.world.suite)
    monkeypatch.setattr(suite, "round_count", lambda *_: 3)

    def rounds(_suite: Suite, rounds: Sequence[int], _block: int) -> list[RoundRecord]:
        read.append(list(rounds))
        return []

    monkeypatch.setattr(suite, "rounds", rounds)
    shop.operator.cache.rounds = RoundTracker(newest=3)
    for name in ("one", "two", "three"):
        shop.plan(name, shop.world.now - 3 * HOUR)
    for _ in range(2):
        shop.work()
        assert [rounds for rounds in read if rounds] == [[1, 2, 3]]
    assert [kind for kind, _ in shop.alarms] == ["MISSED_OPENING"] * 3


def test_a_round_is_locked_once_over_restarts_between_all_steps_and_members_seal_it(shop: Shop) -> None:
    world = shop.world
    round_id = world.open()
    world.submit_all(round_id)
    assert shop.work() == []
    world.stage.anvil.advance_to(world.record(round_id).close_at)
    before = world.suite.w3.eth.get_transaction_count(world.stage.operator.sender.account.address)
    assert shop.work() == ["round 1 lock:0", "round 1 lock:2"]
    shop.restart()
    assert shop.work() == []
    record = world.record(round_id)
    assert record.state == RoundState.LOCKING
    assert shop.collector.published_bundle(round_id).locked() == record.positions_head
    after = world.suite.w3.eth.get_transaction_count(world.stage.operator.sender.account.address)
    assert after - before == 2
    world.cycle()
    assert world.record(round_id).state == RoundState.SEALED


def test_a_restart_after_publishing_locks_whom_it_decided_on_and_reports_no_refusal_again(shop: Shop) -> None:
    world = shop.world
    round_id = world.open()
    world.submit_all(round_id, range(1, 9))
    world.submit(round_id, 9, b"nonsense")
    world.stage.anvil.advance_to(world.record(round_id).close_at + 60)
    world.submit(round_id, 10)
    world.stage.anvil.advance_to(world.now + 60)
    shop.collector.publish(round_id, shop.collector.collect(world.record(round_id)))
    shop.restart()
    for file in shop.collector.inbox.rglob("10.*"):
        os.utime(file, (world.record(round_id).open_at,) * 2)
    world.submit(round_id, 9)
    assert shop.work() == ["round 1 lock:0"]
    world.stage.anvil.finalise()
    assert [idle == 100 * NMR for idle in world.idle()] == [False] * 8 + [True, True]
    assert shop.alarms == []


@pytest.mark.parametrize("signature", ["0x" + "00" * 65, "0x"])
def test_what_nobody_signed_is_reported_and_returns_whole_whoever_wrote_to_the_published_folder(
    shop: Shop, signature: str
) -> None:
    world = shop.world
    round_id = world.open()
    world.submit_all(round_id)
    world.stage.anvil.advance_to(world.record(round_id).close_at)
    operator = world.stage.operator
    operator.publish(round_id, operator.collect(world.record(round_id)))
    path = operator.published_bundle(round_id).folder / "submissions.json"
    entries = json.loads(path.read_bytes())
    entries[3]["signature"] = signature
    path.write_text(json.dumps(entries))
    world.stage.anvil.finalise()
    assert shop.work() == ["round 1 lock:0", "round 1 lock:2"]
    assert shop.work() == []
    ((kind, detail),) = shop.alarms
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
    shop = Shop(world, tmp_path, budget=100_000)
    shop.operator.slots_per_chunk = 256
    round_id = world.open()
    world.submit_all(round_id)
    world.stage.anvil.advance_to(world.record(round_id).close_at)
    assert shop.work()[:2] == ["round 1 lock:0", "round 1 lock:2"]
    shop.journal.close()


def test_every_staked_model_is_in_the_round_though_the_chunks_grow_over_a_restart(shop: Shop) -> None:
    world = shop.world
    round_id = world.open()
    world.submit_all(round_id)
    world.stage.anvil.advance_to(world.record(round_id).close_at)
    rpc = world.suite.w3.provider.make_request
    rpc(RPCEndpoint("evm_setAutomine"), [False])
    before = shop.cycle()
    assert [result.subject for result in before] == ["round 1 lock:0"]
    shop.restart()

    def mine(_: float) -> None:
        rpc(RPCEndpoint("evm_mine"), [])

    assert isinstance(shop.sender, TransactionManager)
    shop.sender = replace(shop.sender, longest=60, sleep=mine)
    shop.operator.slots_per_chunk = 4
    (result,) = shop.cycle()
    assert result.subject == "round 1 lock:0"
    assert "another call of this key came first" in result.outcome
    (result,) = shop.cycle()
    assert result.subject == "round 1 lock:2"
    rpc(RPCEndpoint("evm_setAutomine"), [True])
    record = world.record(round_id)
    assert shop.collector.published_bundle(round_id).locked() == record.positions_head
    assert all(idle < 100 * NMR for idle in world.idle())


def test_no_end_of_locking_is_published_while_the_endpoint_does_not_show_what_was_locked(shop: Shop) -> None:
    world = shop.world
    round_id = world.open()
    world.submit_all(round_id)
    world.stage.anvil.advance_to(world.record(round_id).close_at)
    record = world.record(round_id)
    lanes = Lanes(world.suite, world.suite.w3.eth.block_number)
    calls = shop.collector.lock_calls(record, shop.collector.collect(record), 2, lanes)
    assert [call.name for call in calls if call is not None] == ["lock:0"]


def test_a_dry_run_changes_nothing(shop: Shop) -> None:
    world = shop.world
    round_id = world.open()
    world.submit_all(round_id)
    world.stage.anvil.advance_to(world.record(round_id).close_at)
    shop.sender = None
    assert shop.work() == ["round 1 lock:0"]
    assert not shop.collector.published_bundle(round_id).has("submissions.npy")
    assert not shop.collector.published_bundle(round_id).has(LOCKED)
    assert world.record(round_id).state == RoundState.OPEN


def test_a_round_that_nobody_sealed_is_reported(shop: Shop) -> None:
    world = shop.world
    round_id = world.open()
    world.stage.anvil.advance_to(world.record(round_id).lock_until)
    shop.work()
    assert [kind for kind, _ in shop.alarms] == ["NEVER_SEALED"]


def test_endpoints_and_operator_read_the_same_final_block(world: World) -> None:
    pinned = Endpoints([world.stage.anvil.url], world.suite.addresses.chain_id).pin()
    assert pinned.block == finalised_block(world.suite)


def test_an_operator_forgets_what_it_read_of_a_chain_that_is_no_more(shop: Shop) -> None:
    cache = shop.operator.cache
    block = finalised_block(shop.world.suite)
    shop.cycle()
    cache.done.add("a plan")
    shop.cycle()
    assert cache.done == {"a plan"}
    cache.basis.block = replace(block, hash=b"\1" * 32)
    shop.cycle()
    assert cache.done == set()
    assert cache.basis.block == block
