"""When a lock window ends, in Python as in the contracts."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from scorer.chain.records import RoundState
from scorer.chain.windows import Pause, latest_lock_end, lock_end
from tests.chains import Chains
from tests.world import DAY, World, lent_world

CLOSE = 1_000_000


@pytest.fixture
def world(chains: Chains, tmp_path: Path) -> Iterator[World]:
    with lent_world(chains, tmp_path) as world:
        yield world


@pytest.mark.parametrize(
    ("resolve", "pause", "end"),
    [
        (10 * DAY, Pause(), DAY),
        (400, Pause(), 100),
        (10 * DAY, Pause(CLOSE - DAY, CLOSE), DAY),
        (10 * DAY, Pause(CLOSE - DAY, CLOSE + 60), DAY + 60),
        (10 * DAY, Pause(CLOSE + DAY - 1, CLOSE + 2 * DAY), 2 * DAY + 1),
        (10 * DAY, Pause(CLOSE + DAY, CLOSE + 2 * DAY), DAY),
        (10 * DAY, Pause(CLOSE, CLOSE + 7 * DAY), 5 * DAY),
        (400, Pause(CLOSE + 50, CLOSE + 50), 100),
    ],
)
def test_a_pause_extends_a_lock_window_by_their_overlap_up_to_the_middle(
    resolve: int, pause: Pause, end: int
) -> None:
    assert lock_end(CLOSE, CLOSE + resolve, DAY, pause) == CLOSE + end


def test_no_pause_extends_a_lock_window_beyond_its_latest_end() -> None:
    generator = np.random.default_rng(1)
    for scoring, since, lasts in generator.integers(1, 8 * DAY, (2_000, 3)).tolist():
        pause = Pause(CLOSE + since - DAY, CLOSE + since - DAY + lasts)
        end = lock_end(CLOSE, CLOSE + scoring, DAY, pause)
        assert (
            lock_end(CLOSE, CLOSE + scoring, DAY, Pause()) <= end <= latest_lock_end(CLOSE, CLOSE + scoring)
        )


@pytest.mark.parametrize("begins", [-100, 60, 890, 900])
def test_a_record_has_the_end_that_the_contract_says(world: World, begins: int) -> None:
    tournament, guardian = world.suite.tournament.functions, world.guardian
    round_id = world.open()
    close = world.record(round_id).close_at
    assert world.record(round_id).lock_until == tournament.lockEnd(round_id).call() == close + 900

    world.anvil.advance_to(close + begins)
    guardian.send(tournament.pause(600))

    record = world.record(round_id)
    overlaps = begins < 900
    assert record.lock_until == tournament.lockEnd(round_id).call()
    assert (record.lock_until > close + 900) == overlaps
    assert record.lock_until <= record.latest_lock_until


def test_a_round_that_a_pause_kept_from_being_locked_is_sealed_after_it(world: World) -> None:
    round_id = world.open()
    world.submit_all(round_id)
    close = world.record(round_id).close_at
    world.anvil.advance_to(close)
    world.guardian.send(world.suite.tournament.functions.pause(1_200))
    world.anvil.advance_to(close + 1_300)
    assert world.record(round_id).lock_until > close + 1_300

    world.close_and_seal(round_id)

    assert world.record(round_id).state == RoundState.SEALED
