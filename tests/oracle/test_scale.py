"""What many models, rounds, plans and years cost: requests, reads and queries are counted, not seconds."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from eth_utils.abi import function_abi_to_4byte_selector
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3

from scorer.chain import contracts
from scorer.chain.contracts import Suite
from scorer.chain.endpoint import unchecked
from scorer.chain.records import RoundRecord, RoundState
from scorer.lab.proxy import Proxy, proxy_of
from scorer.observation import observe
from scorer.observation.observe import RoundTracker, finalised_block, unfinished_rounds
from scorer.operator import plans
from scorer.operator.collector import Lanes
from scorer.operator.plans import PlanFolder, PlannedRound
from scorer.oracle.cache import MemberCache
from scorer.storage.bundle import Bundle
from tests.world import IDS, NMR, World


class Asked:
    """The calls of views that an endpoint was asked, by function, and the requests that brought them."""

    def __init__(self, world: World, proxy: Proxy) -> None:
        self.proxy = proxy
        self.suite = Suite.at(unchecked(proxy.url), world.suite.addresses)
        self.names: dict[str, str] = {
            str(Web3.to_hex(function_abi_to_4byte_selector(each.abi))): each.fn_name
            for contract in (self.suite.tournament, self.suite.committee)
            for each in contract.all_functions()
        }
        self.calls: Counter[str] = Counter()
        proxy.misbehave("eth_call", lambda request, _: self._count(request["params"][0]["data"]))

    def _count(self, data: str) -> None:
        self.calls[self.names.get(data[:10], data[:10])] += 1

    def clear(self) -> None:
        self.calls.clear()
        self.proxy.requests.clear()


@pytest.fixture
def asked(world: World) -> Iterator[Asked]:
    """An endpoint of the world's chain that counts."""
    with proxy_of(world.anvil.url) as proxy:
        yield Asked(world, proxy)


def test_locking_reads_lanes_once_and_a_round_once_a_chunk(
    world: World, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contracts, "PAGE", 1)
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    collector = replace(world.operator, suite=asked.suite).collector
    record = world.record(round_id)
    collection = collector.collect(record)
    asked.clear()
    lanes = Lanes(asked.suite, world.suite.w3.eth.block_number)
    sent = 0
    for call in collector.lock_calls(record, collection, 2, lanes):
        if call is not None:
            world.operator_sender.send(call.call)
            sent += 1
    assert sent == 2
    once_a_chunk = dict.fromkeys(("round", "pausedFrom", "pausedUntil", "windows"), sent + 1)
    assert asked.calls == {"laneCount": 1, "modelsAt": len(lanes.models), **once_a_chunk}
    assert world.record(round_id).state == RoundState.LOCKING
    assert all(idle < 100 * NMR for idle in world.idle())


def test_rounds_that_are_sealed_in_one_cycle_share_what_was_read_of_lanes(world: World, asked: Asked) -> None:
    lanes = Lanes(asked.suite, world.suite.w3.eth.block_number)
    for _ in range(3):
        assert lanes.of(frozenset({1, 2, 3})) == [0, 1, 2]
    assert asked.calls == {"laneCount": 1, "modelsAt": 1}


def test_a_model_that_gets_its_lane_after_submissions_closed_does_not_stake(world: World) -> None:
    """Else a deposit a finality, of another model each, would keep a lock from its end for a few NMR."""
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    operator, record = world.operator, world.record(round_id)
    collection = replace(operator.collector.collect(record), lanes=8)  # as if the last two had come later
    lanes = Lanes(world.suite, world.suite.w3.eth.block_number)
    for call in operator.collector.lock_calls(record, collection, 2, lanes):
        assert call is not None  # nothing of it is final yet
        world.operator_sender.send(call.call)
    assert [*operator.collector.lock_calls(world.record(round_id), collection, 2, lanes)] == [None]
    idle = world.idle()
    assert all(stake < 100 * NMR for stake in idle[:8])
    assert idle[8:] == [100 * NMR] * 2


def test_a_lock_of_another_size_than_planned_is_taken_up_where_it_ended(world: World) -> None:
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    operator, record = world.operator, world.record(round_id)
    lanes = Lanes(world.suite, world.suite.w3.eth.block_number)
    calls = operator.collector.lock_calls(record, operator.collector.collect(record), 256, lanes)
    first = next(calls)
    assert first is not None
    assert first.name == "lock:0"
    one_slot = world.suite.tournament.functions.lock(round_id, 0, b"\xff")
    world.operator_sender.send(one_slot)
    sent = []
    for call in calls:
        assert call is not None
        world.operator_sender.send(call.call)
        sent.append(call.name)
    assert sent == ["lock:2"]
    assert all(idle < 100 * NMR for idle in world.idle())


def open_many(world: World, count: int) -> None:
    """Rounds that the chain knows, without files."""
    now = world.now
    times = (now, now + 3600, now + 7200, now + 90_000)
    for _ in range(count):
        world.operator_sender.send(
            world.suite.tournament.functions.openRound(*times, (world.rules.hash(), bytes(32), bytes(32)))
        )
    world.anvil.finalise()


def test_a_cycle_over_many_open_rounds_takes_as_many_requests_as_one_over_a_few(
    world: World, asked: Asked
) -> None:
    member = world.members[0]
    member = replace(
        member, suite=asked.suite, policy=replace(member.policy, stagger=20), cache=MemberCache(), sender=None
    )
    taken = []
    for more in (2, 30):
        open_many(world, more)
        member.cycle()
        asked.clear()
        assert len(member.cycle()) >= more
        taken.append((len(asked.proxy.requests), asked.calls["members"]))
    assert taken[0] == taken[1]
    assert taken[1][1] == 1


def test_rounds_that_wait_for_their_outcome_are_asked_about_in_batches_too(
    world: World, asked: Asked
) -> None:
    for _ in range(4):
        world.sealed_round()
    world.resolve(4)
    member = replace(world.members[0], suite=asked.suite, cache=MemberCache(), sender=None)
    member.cycle()
    asked.clear()
    member.cycle()
    assert asked.calls["round"] == asked.calls["proposalOf"] == asked.calls["voteOf"] == 4
    assert sum(size > 1 for size in asked.proxy.requests) == 3


def test_a_batch_that_fails_leaves_each_round_to_be_asked_about_alone(world: World, asked: Asked) -> None:
    rounds = [world.sealed_round() for _ in range(2)]
    world.resolve(rounds[0])
    asked.proxy.largest_batch = 0
    member = replace(world.members[0], suite=asked.suite, cache=MemberCache(), sender=None)
    batched = replace(world.members[0], cache=MemberCache(), sender=None)
    assert member.cycle() == batched.cycle()


class Rounds:
    """A tournament of which only rounds are asked, and some are over."""

    def __init__(self, count: int, unfinished: set[int]) -> None:
        self.count, self.unfinished = count, unfinished
        self.asked: list[int] = []

    def round_count(self, _block: int) -> int:
        return self.count

    def rounds(self, round_ids: list[int], _block: int) -> list[RoundRecord]:
        self.asked += round_ids
        return [self._record(each) for each in round_ids]

    def _record(self, round_id: int) -> RoundRecord:
        state = RoundState.OPEN if round_id in self.unfinished else RoundState.SETTLED
        zeros = dict.fromkeys(RoundRecord.__dataclass_fields__, 0)
        hashes = dict.fromkeys(("rules_hash", "submissions_root", "positions_head", "scores_head"), b"")
        return RoundRecord(**(zeros | hashes | {"round_id": round_id, "state": state}))  # type: ignore[arg-type]


AT = observe.Block(1, b"", 0)


def seen(rounds: Rounds, tracker: RoundTracker) -> list[int]:
    """One cycle; the rounds that it found unfinished."""
    rounds.asked.clear()
    return [each.round_id for each in unfinished_rounds(rounds, AT, tracker=tracker)]  # type: ignore[arg-type]


def test_what_is_over_is_asked_about_once_and_after_a_restart_a_page_a_cycle() -> None:
    rounds, tracker = Rounds(1000, {990, 1000}), RoundTracker()
    assert seen(rounds, tracker) == [990, 1000]
    assert len(rounds.asked) == 1000
    assert seen(rounds, tracker) == rounds.asked == [990, 1000]
    restarted = RoundTracker(hint=tracker.all_over)
    assert restarted.hint == 989
    assert seen(rounds, restarted) == [990, 1000]
    assert rounds.asked == [*range(1, 101), *range(990, 1001)]
    for _ in range(9):
        assert seen(rounds, restarted) == [990, 1000]
    assert seen(rounds, restarted) == rounds.asked == [990, 1000]


def test_a_hint_that_is_wrong_is_found_out_and_corrected() -> None:
    rounds = Rounds(250, {150, 240})
    tracker = RoundTracker(hint=239)
    assert seen(rounds, tracker) == [240]
    assert seen(rounds, tracker) == [150, 240]
    assert tracker.all_over == 149
    assert seen(rounds, tracker) == [150, 240]


def test_a_hint_of_another_chain_hides_no_round() -> None:
    rounds, tracker = Rounds(3, {1, 3}), RoundTracker(hint=700)
    assert seen(rounds, tracker) == [1, 3]
    rounds.count, rounds.unfinished = 4, {3, 4}
    assert seen(rounds, tracker) == [3, 4]


def test_a_block_with_fewer_rounds_than_the_last_asks_about_none_that_is_not_there() -> None:
    rounds, tracker = Rounds(5, {4, 5}), RoundTracker()
    seen(rounds, tracker)
    rounds.count = 4
    assert seen(rounds, tracker) == rounds.asked == [4]
    rounds.count = 6
    rounds.unfinished.add(6)
    assert seen(rounds, tracker) == [4, 5, 6]


@given(st.integers(0, 60), st.integers(0, 80), st.lists(st.sets(st.integers(1, 70)), min_size=1, max_size=5))
def test_every_unfinished_round_is_found_whatever_the_hint(
    count: int, hint: int, ends: list[set[int]]
) -> None:
    rounds, tracker = Rounds(count, set(range(1, count + 1))), RoundTracker(hint=hint)
    for ended in ends:
        rounds.unfinished -= ended
        assert seen(rounds, tracker) == sorted(rounds.unfinished)
        assert tracker.all_over == min(rounds.unfinished, default=max(count, 0) + 1) - 1


def prepare(root: Path, name: str, world_rules: object, start: int) -> Path:
    bundle = Bundle(root / name)
    bundle.write_rules(world_rules)  # type: ignore[arg-type]
    bundle.write_universe(IDS)
    times = {"open_at": start, "close_at": start + 10, "resolve_at": start + 20, "deadline": start + 30}
    (bundle.folder / "schedule.json").write_text(json.dumps(times))
    for path in bundle.folder.iterdir():
        os.utime(path, (1, 1))
    return bundle.folder


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The plans that were read, and no file counts as just written."""
    found: list[str] = []
    honest = plans._read

    def read(folder: Path) -> PlannedRound:
        found.append(folder.name)
        return honest(folder)

    monkeypatch.setattr(plans, "_read", read)
    monkeypatch.setattr(plans, "FRESH", -1)
    return found


def look(folder: PlanFolder) -> list[str]:
    alarms: list[str] = []
    found = [plan.folder.name for plan in folder.plans(lambda reason, _: alarms.append(reason.name))]
    return found + alarms


def test_a_plan_is_read_once_and_again_when_a_file_of_it_changed(
    tmp_path: Path, reads: list[str], world: World
) -> None:
    for number in range(3):
        prepare(tmp_path, f"p{number}", world.rules, 1000 + number)
    folder = PlanFolder(tmp_path)
    for _ in range(3):
        assert look(folder) == ["p0", "p1", "p2"]
    assert sorted(reads) == ["p0", "p1", "p2"]
    reads.clear()
    schedule = tmp_path / "p0" / "schedule.json"
    schedule.write_text(schedule.read_text().replace('"open_at": 1000', '"open_at": 1009'))
    os.utime(schedule, (1, 1))  # same size and time: only the change of its inode tells
    assert look(folder) == ["p1", "p2", "p0"]
    assert reads == ["p0"]
    reads.clear()
    (tmp_path / "new.json").write_text("x")
    (tmp_path / "new.json").replace(tmp_path / "p1" / "rules.json")
    assert look(folder) == ["p2", "p0", "BROKEN_FILE"]
    assert look(folder) == ["p2", "p0", "BROKEN_FILE"]
    assert reads == ["p1", "p1"]
    Bundle(tmp_path / "p1").write_rules(world.rules)
    assert look(folder) == ["p1", "p2", "p0"]
    shutil.rmtree(tmp_path / "p2")
    assert look(folder) == ["p1", "p0"]


def test_a_file_that_appears_beside_a_plan_or_goes_has_it_read_anew(
    tmp_path: Path, reads: list[str], world: World
) -> None:
    prepare(tmp_path, "p", world.rules, 1000)
    folder = PlanFolder(tmp_path)
    assert look(folder) == ["p"]
    Bundle(tmp_path / "p").write_names(IDS, {"ticker": [f"T{number}" for number in range(len(IDS))]})
    assert look(folder) == ["p"]
    (tmp_path / "p" / "universe.parquet").unlink()
    assert look(folder) == ["BROKEN_FILE"]
    assert reads == ["p"] * 3


def test_a_plan_that_was_written_just_now_is_read_until_its_files_are_at_rest(
    tmp_path: Path, reads: list[str], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "FRESH", 3600 * 10**9)
    prepare(tmp_path, "p", world.rules, 1000)
    folder = PlanFolder(tmp_path)
    assert look(folder) == look(folder) == ["p"]
    assert reads == ["p"] * 2


def test_finalised_blocks_are_what_rounds_are_read_at(world: World) -> None:
    open_many(world, 1)
    assert [each.round_id for each in unfinished_rounds(world.suite, finalised_block(world.suite))] == [1]
