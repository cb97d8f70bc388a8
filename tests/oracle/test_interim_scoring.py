"""Scores while a round runs: every member publishes the same, made in the way of the final ones."""

import numpy as np
import pytest

from scorer.isolation import SHARED_READER
from scorer.protocol.interim_scores import SignedInterimScores
from scorer.storage.bundle import SCORES, Bundle
from scorer.storage.interim_files import (
    LARGEST,
    InterimDay,
    day_bundle,
    published_days,
    read_interim,
    write_day,
)
from tests.encrypted_world import encrypted_world, one_sealed_in_secret
from tests.world import FIRST, World, begins

DAYS = 20


@pytest.fixture
def secret(world: World) -> World:
    """A world with encrypted submissions, in which members publish in folders of their own."""
    return encrypted_world(world)


def interim_targets(world: World, round_id: int, day: int, member: int, seed: int = 7) -> None:
    """A member's own targets after some sessions."""
    bundle = day_bundle(world.members[member].paths.targets_bundle(round_id).folder, day)
    bundle.folder.mkdir(parents=True)
    outcome = np.random.default_rng([seed, day]).choice([0.0, 0.25, 0.5, 0.75, 1.0], len(world.ids))
    bundle.write_targets(world.ids, {"target_20d2l": outcome})
    write_day(bundle, InterimDay(day, DAYS, f"2007-01-{day:02d}"))


def found(world: World, round_id: int) -> list[dict[int, SignedInterimScores]]:
    """What each member published, by day."""
    folders = [member.paths.exchange_bundle(round_id).folder for member in world.members]
    return [
        {
            day: signed
            for day, path in published_days(folder).items()
            if (signed := read_interim(path, path.stat().st_size, LARGEST, SHARED_READER)) is not None
        }
        for folder in folders
    ]


@begins(one_sealed_in_secret)
def test_members_publish_the_same_scores_of_each_session_signed(secret: World) -> None:
    round_id = FIRST
    for member in range(3):
        for day in (1, 2):
            interim_targets(secret, round_id, day, member)
    secret.cycle()
    assert [sorted(each) for each in found(secret, round_id)] == [[1]] * 3
    secret.cycle()
    published = found(secret, round_id)
    assert [sorted(each) for each in published] == [[1, 2]] * 3
    for day in (1, 2):
        assert len({each[day].interim.message for each in published}) == 1
        assert [each[day].member for each in published] == [member.address for member in secret.members]
        assert all(each[day].is_signed for each in published)
    interim = published[0][2].interim
    assert (interim.models, interim.days, interim.session) == (tuple(range(1, 11)), DAYS, "2007-01-02")


@begins(one_sealed_in_secret)
def test_scores_of_the_whole_horizon_are_those_of_the_report(secret: World) -> None:
    """Of the same targets: then nothing but their time tells interim scores from final ones."""
    round_id = FIRST
    for member in range(3):
        interim_targets(secret, round_id, 3, member)
    secret.cycle()
    interim = found(secret, round_id)[0][3].interim
    outcome = np.random.default_rng([7, 3]).choice([0.0, 0.25, 0.5, 0.75, 1.0], len(secret.ids))
    secret.resolve(round_id, dict.fromkeys(range(3), outcome))
    secret.cycle()
    bundle = secret.members[0].bundle(round_id)
    assert bundle.has(SCORES)
    scores = bundle.scores()
    assert interim.reward_scores == tuple(scores["reward_score"].tolist())
    for name, values in interim.scores.items():
        assert values == tuple(np.rint(scores[name] * 1e6).astype(int).tolist())


def test_before_the_seal_and_without_predictions_nothing_is_published(secret: World) -> None:
    round_id = secret.locked_round()
    for member in range(3):
        interim_targets(secret, round_id, 1, member)
    secret.cycle(0)
    assert found(secret, round_id) == [{}, {}, {}]
    for _ in range(2):
        secret.cycle(0, 1)
    secret.pass_half_of_the_lock_window(round_id)
    for _ in range(2):
        secret.cycle(0, 1)
    assert [sorted(each) for each in found(secret, round_id)] == [[1], [1], []]


@begins(one_sealed_in_secret)
def test_a_day_whose_targets_are_broken_stops_nothing_else(secret: World) -> None:
    round_id = FIRST
    alarms: list[str] = []
    secret.members[0].raise_alarm = lambda reason, detail: alarms.append(f"{reason.name}: {detail}")
    interim_targets(secret, round_id, 1, 0)
    broken: Bundle = day_bundle(secret.members[0].paths.targets_bundle(round_id).folder, 1)
    (broken.folder / "targets.parquet").write_bytes(b"nothing")
    secret.cycle(0)
    assert any("interim scores of round 1" in alarm for alarm in alarms), alarms
    secret.settle(round_id)
