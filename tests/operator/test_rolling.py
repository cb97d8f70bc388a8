"""An operator settles a round's chunks while it locks another one's, by scores that members published."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scorer import failpoints
from scorer.chain.contracts import Suite
from scorer.chain.logs import read_locking, round_events
from scorer.chain.records import RoundRecord, RoundState
from scorer.observation.audit import audit
from scorer.observation.observe import finalised_block, locked_chunks
from scorer.operator.collector import Lanes
from scorer.operator.rolling import Settling, SettlingRounds
from scorer.oracle.actions import BeginSettlement, SettleChunk, Wait
from scorer.oracle.policy import MemberPolicy
from scorer.oracle.stamps import REREAD
from scorer.protocol.chunks import SettleArguments, stakes_and_codes
from scorer.rewards import settle
from scorer.rewards.allocation import positions_of
from scorer.storage.bundle import SCORES, Bundle
from scorer.storage.parquet import write_parquet
from scorer.storage.scores import read_scores
from scorer.transactions.manager import TransactionManager
from scorer.transactions.request import Delivery, TransactionRequest
from tests.operator_harness import Harness
from tests.world import World, begins

ROLL_WAIT = 300
FIRST, SECOND = 1, 2
ROLLED = ["round 2 roll:2", "round 2 roll:0"]
ALONE = ["round 2 lock:0", "round 2 lock:2"]
ENDED = ["round 2 endlock"]


def folders_of(world: World) -> list[Path]:
    return [member.paths.rounds for member in world.members]


def one_to_settle_and_one_to_lock(world: World) -> None:
    """Let time pass until the first round can be settled and the second can be locked."""
    found = Harness(world, world.out, peers=folders_of(world))
    assert world.open() == FIRST
    world.submit_all(FIRST)
    world.anvil.advance_to(world.record(FIRST).close_at)
    found.work()
    found.work()
    world.cycle()
    world.resolve(FIRST)
    world.cycle()
    world.pass_challenge_window()
    assert world.open() == SECOND
    world.submit_all(SECOND)
    world.anvil.advance_to(world.record(SECOND).close_at)
    found.journal.close()


pytestmark = begins(one_to_settle_and_one_to_lock)


@pytest.fixture
def harness(world: World, tmp_path: Path) -> Iterator[Harness]:
    """The operator at that moment."""
    found = Harness(world, tmp_path, peers=folders_of(world))
    yield found
    found.journal.close()


def begin(harness: Harness) -> list[object]:
    """What a member who leaves chunks to operators does first: it begins the settlement."""
    member = replace(harness.world.members[0], policy=MemberPolicy(roll_wait=ROLL_WAIT))
    steps = member.cycle([FIRST, SECOND])
    harness.world.anvil.finalise()
    return [step.action for step in steps if step.round_id == FIRST]


def words(suite: Suite) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    return stakes_and_codes(suite.tournament.functions.slots(0, 3).call())


def positions(suite: Suite, record: RoundRecord) -> NDArray[np.uint64]:
    """What a round locked, by lane of three slots."""
    found = np.zeros(12, dtype=np.uint64)
    for chunk in locked_chunks(read_locking(suite, record, suite.w3.eth.block_number)):
        found[chunk.lanes] = chunk.positions
    return found


def scores(world: World) -> NDArray[np.int64]:
    """The first round's scores by lane, as a member computed them; the model of each lane is one higher."""
    table = world.members[0].bundle(FIRST).scores()
    found = np.zeros(12, dtype=np.int64)
    found[table["model_id"] - 1] = table["reward_score"]
    return found


def finish(world: World) -> None:
    """Let members seal and settle the second round."""
    world.cycle()
    world.settle(SECOND)
    assert all(audit(world.suite, finalised_block(world.suite)).values())


def test_a_round_is_settled_while_another_is_locked_to_the_unit(harness: Harness) -> None:
    world, suite = harness.world, harness.world.suite
    before, codes = words(suite)
    at_risk = positions(suite, world.record(FIRST))
    actions = begin(harness)
    assert isinstance(actions[0], BeginSettlement)
    assert isinstance(actions[-1], Wait)
    assert harness.work() == ROLLED

    first, second = world.record(FIRST), world.record(SECOND)
    assert (first.state, second.state) == (RoundState.SETTLED, RoundState.LOCKING)
    outcome = settle(at_risk, scores(world), factor=first.payout_factor, cap=first.cap)
    assert (outcome.total_payout, outcome.total_burn) == (first.paid, first.burned)
    assert first.paid > 0
    assert first.burned > 0
    idle = before + at_risk + outcome.payouts - outcome.burns
    expected = positions_of(idle, codes, second.minimum_position)
    assert positions(suite, second).tolist() == expected.tolist()
    assert words(suite)[0].tolist() == (idle - expected).tolist()
    assert second.at_risk == expected.sum()
    assert harness.work() == ENDED
    assert world.record(SECOND).state == RoundState.LOCKED
    assert harness.alarms == []
    finish(world)


def test_a_round_that_was_locked_downwards_is_followed_upwards(harness: Harness) -> None:
    world = harness.world
    begin(harness)
    harness.work()
    harness.work()
    world.cycle()
    world.resolve(SECOND)
    world.cycle()
    world.pass_challenge_window()
    third = world.open()
    world.submit_all(third)
    world.anvil.advance_to(world.record(third).close_at)
    replace(world.members[0], policy=MemberPolicy(roll_wait=ROLL_WAIT)).cycle()
    world.anvil.finalise()
    assert harness.work() == ["round 3 roll:0", "round 3 roll:2"]
    assert world.record(SECOND).state == RoundState.SETTLED
    assert harness.alarms == []


@dataclass(frozen=True)
class Overtaken:
    """A sender whose first transaction somebody else's settlement of the same chunk overtakes."""

    world: World
    manager: TransactionManager
    settles: list[SettleArguments]

    @property
    def address(self) -> str:
        return self.manager.address

    def sign_message(self, message: bytes) -> bytes:
        return self.manager.sign_message(message)

    def deliver(self, request: TransactionRequest) -> Delivery:
        if self.settles:
            self.world.admin.send(self.world.suite.tournament.functions.settle(*self.settles.pop()))
        return self.manager.deliver(request)


def settling(harness: Harness) -> Settling:
    found = harness.operator.locker(harness.context, [harness.world.record(FIRST)]).settling_round()
    assert found is not None
    return found


def test_a_chunk_that_is_settled_before_the_roll_is_mined_keeps_its_slots_from_nothing(
    harness: Harness,
) -> None:
    world, suite = harness.world, harness.world.suite
    begin(harness)
    assert isinstance(harness.sender, TransactionManager)
    harness.sender = Overtaken(world, harness.sender, [settling(harness).arguments[1]])
    assert harness.work() == ROLLED
    (refused,) = round_events(suite.roller.events.SettleRefused(), FIRST, 0, suite.w3.eth.block_number)
    assert refused["args"]["fromSlot"] == 2
    assert world.record(FIRST).state == RoundState.SETTLED
    assert harness.work() == ENDED
    assert harness.alarms == []
    finish(world)


def test_what_others_settled_before_is_locked_alone_and_the_rest_is_rolled(harness: Harness) -> None:
    begin(harness)
    harness.world.admin.send(harness.world.suite.tournament.functions.settle(*settling(harness).arguments[1]))
    assert harness.work() == ["round 2 roll:0", "round 2 lock:2"]
    assert harness.alarms == []
    assert harness.world.record(FIRST).state == RoundState.SETTLED
    assert harness.work() == ENDED
    finish(harness.world)


class Killed(BaseException):
    """The process ended."""


def die() -> None:
    raise Killed


@pytest.mark.parametrize("label", ["planned", "signed", "broadcast", "mined-seen", "mined-recorded"])
@pytest.mark.parametrize("slot", [2, 0])
def test_a_process_that_ends_amid_a_roll_is_followed_by_one_that_goes_on(
    harness: Harness, label: str, slot: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, suite = harness.world, harness.world.suite
    begin(harness)
    monkeypatch.setattr(failpoints, "_die", die)
    monkeypatch.setenv(failpoints.VARIABLE, f"{label}@:2:lock:{slot}")
    with pytest.raises(Killed):
        harness.work()
    monkeypatch.delenv(failpoints.VARIABLE)
    world.anvil.finalise()
    harness.restart()
    for _ in range(3):
        harness.work()
    locked = round_events(suite.tournament.events.PositionsLocked(), SECOND, 0, suite.w3.eth.block_number)
    assert [event["args"]["fromSlot"] for event in locked] == [2, 0]
    assert world.record(FIRST).state == RoundState.SETTLED
    assert world.record(SECOND).state == RoundState.LOCKED
    assert harness.alarms == []
    finish(world)


def wrong_scores(folder: Path) -> None:
    """What a member may write whose word is not to be taken: each score one more than it is."""
    bundle = Bundle(folder)
    table = bundle.scores()
    table["reward_score"] = table["reward_score"] + 1
    (folder / SCORES).write_bytes(write_parquet(table))


def test_scores_that_are_not_the_reports_are_passed_over_for_those_that_are(harness: Harness) -> None:
    begin(harness)
    first, *_ = bundles = [member.bundle(FIRST).folder for member in harness.world.members]
    wrong_scores(first)
    assert harness.work() == ROLLED
    assert len(bundles) > 1


@pytest.mark.parametrize("harm", [wrong_scores, shutil.rmtree])
def test_without_scores_of_the_report_a_round_is_locked_alone(
    harness: Harness, harm: Callable[[Path], None]
) -> None:
    begin(harness)
    for member in harness.world.members:
        harm(member.bundle(FIRST).folder)
    assert harness.work() == ALONE
    assert harness.world.record(FIRST).state == RoundState.SETTLING
    assert harness.alarms == []


@pytest.mark.parametrize("missing", [lambda gas: 1, lambda gas: gas // 4])
def test_a_roll_that_takes_more_gas_than_there_is_leaves_the_lock_alone(
    harness: Harness, missing: Callable[[int], int]
) -> None:
    begin(harness)
    suite, record = harness.world.suite, harness.world.record(SECOND)
    lanes = Lanes(suite, suite.w3.eth.block_number)
    plan = harness.collector.lock_calls(
        record, harness.collector.collect(record), 2, lanes, settling(harness)
    )
    roll = next(plan)
    assert roll is not None
    assert harness.sender is not None
    operator = suite.w3.to_checksum_address(harness.sender.address)
    gas = roll.call.estimate_gas({"from": operator})
    harness.budget = gas - missing(gas)
    harness.restart()
    # Settling one chunk and locking the other takes no less than settling and locking the same.
    assert harness.work() == ["round 2 lock:2", "round 2 lock:0"]


def test_scores_are_read_once_and_those_of_no_use_again_when_they_change_or_after_a_while(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, suite = harness.world, harness.world.suite
    begin(harness)
    read: list[Path] = []

    def counted(folder: Path, *rest: Any) -> dict[int, int] | None:
        read.append(folder)
        return read_scores(folder, *rest)

    monkeypatch.setattr("scorer.operator.rolling.read_scores", counted)
    now = 0.0
    rounds, peers = SettlingRounds(clock=lambda: now), folders_of(world)[:1]
    record, block = world.record(FIRST), finalised_block(suite)
    folder = world.members[0].bundle(FIRST).folder
    right = (folder / SCORES).read_bytes()
    wrong_scores(folder)
    assert [rounds.of(suite, record, block, peers) for _ in range(3)] == [None] * 3
    assert len(read) == 1
    now += REREAD
    assert rounds.of(suite, record, block, peers) is None
    assert len(read) == 2
    (folder / SCORES).write_bytes(right)
    assert rounds.of(suite, record, block, peers) is not None
    assert rounds.of(suite, record, block, peers) is not None
    assert len(read) == 3
    rounds.keep(set())
    assert rounds.of(suite, record, block, peers) is not None
    assert len(read) == 4


def test_a_member_leaves_chunks_to_the_operator_for_a_set_time_and_no_longer(
    harness: Harness,
) -> None:
    world = harness.world
    begin(harness)
    began = world.record(FIRST).settlement_began_at
    world.anvil.advance_to(began + ROLL_WAIT - 60)
    assert [type(action) for action in begin(harness)] == [Wait]
    world.anvil.advance_to(began + ROLL_WAIT)
    assert [type(action) for action in begin(harness)] == [SettleChunk, SettleChunk]
    assert world.record(FIRST).state == RoundState.SETTLED


def test_a_member_waits_no_more_once_the_lock_has_ended(harness: Harness) -> None:
    begin(harness)
    harness.operator.peers = ()
    assert harness.work() == ALONE
    assert harness.work() == ENDED
    assert [type(action) for action in begin(harness)] == [SettleChunk, SettleChunk]
