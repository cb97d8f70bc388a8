"""A round's scores day by day, as numerapi reads them, from what a quorum of members published."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numerapi import base_api

from scorer.isolation import SHARED_READER
from scorer.rewards import settle
from scorer.storage.interim_files import LARGEST, published_days, read_interim, write_interim
from tests.encrypted_world import encrypted_world
from tests.oracle.test_interim_scoring import interim_targets
from tests.server.site import Site, running_site
from tests.server.test_read_model import content
from tests.world import World


@pytest.fixture
def secret_site(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server that reads what three members publish."""
    secret = encrypted_world(world)
    folders = [member.paths.exchange for member in secret.members]
    with running_site(secret, tmp_path / "server", bundles=tuple(filter(None, folders))) as running:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", running.url)
        yield running


def running_round(site: Site) -> int:
    """A sealed round of which two days are known."""
    round_id = site.world.sealed_round()
    for day in (1, 2):
        for member in range(3):
            interim_targets(site.world, round_id, day, member)
        site.world.cycle()
    site.step()
    return round_id


def test_scores_are_shown_day_by_day_and_are_gone_once_the_round_is_over(secret_site: Site) -> None:
    world, client = secret_site.world, secret_site.client(secret_site.key(secret_site.account_of(1)))
    round_id = running_round(secret_site)
    rows = client.submission_scores("1")
    assert {(row["day"], row["resolved"]) for row in rows} == {(1, False), (2, False)}
    path = published_days(world.members[0].paths.exchange_bundle(round_id).folder)[2]
    signed = read_interim(path, path.stat().st_size, LARGEST, SHARED_READER)
    assert signed is not None
    second = {row["displayName"]: row for row in client.submission_scores("1", day=2)}
    for factor, values in signed.interim.scores.items():
        assert second[factor]["value"] == values[0] / 1e6  # type: ignore[operator]
        below = sum(value < values[0] for value in values)  # type: ignore[operator]
        assert second[factor]["percentile"] == below / len(values)
    with pytest.warns(DeprecationWarning, match="submission_scores"):
        (performance,) = client.round_model_performances_v2("1")
    latest = max(performance["submissionScores"], key=lambda each: each["day"])
    record = world.record(round_id)
    position = int(performance["atRisk"] * 10**9)
    amounts = np.array([position], dtype=np.uint64), np.array(signed.interim.reward_scores[:1])
    pending = settle(*amounts, factor=record.payout_factor, cap=record.cap)
    assert int(latest["payoutPending"] * 10**9) == pending.total_payout - pending.total_burn
    assert len(client.submission_scores("1", distinct_on_round=True)) == 1
    world.settle(round_id)
    for _ in range(2):
        secret_site.step()
    rows = client.submission_scores("1")
    assert {(row["day"], row["resolved"]) for row in rows} == {(20, True)}


def test_what_fewer_than_a_quorum_say_is_not_shown_and_a_liar_is_outvoted(secret_site: Site) -> None:
    world, database = secret_site.world, secret_site.follower.database
    round_id = world.sealed_round()
    for member in range(3):
        interim_targets(world, round_id, 1, member, seed=8 if member == 2 else 7)
    world.cycle(0)
    world.cycle(2)
    secret_site.step()
    assert content(database)["interim_day"] == []
    folder = world.members[2].paths.exchange_bundle(round_id).folder
    path = published_days(folder)[1]
    lie = read_interim(path, path.stat().st_size, LARGEST, SHARED_READER)
    assert lie is not None
    write_interim(folder, replace(lie, member=world.members[1].address))
    secret_site.step()
    assert content(database)["interim_day"] == []
    twice = world.members[1].paths.exchange_bundle(round_id).folder
    (twice / "interim").mkdir(exist_ok=True)
    first = published_days(world.members[0].paths.exchange_bundle(round_id).folder)[1]
    (twice / "interim" / "001.json").write_bytes(first.read_bytes())
    secret_site.step()
    assert content(database)["interim_day"] == [], "one member counts once"
    (twice / "interim" / "001.json").write_bytes(b" " * (2 * 2**20) + first.read_bytes())
    secret_site.step()
    assert content(database)["interim_day"] == []
    (twice / "interim" / "001.json").unlink()
    world.cycle(1)
    secret_site.step()
    assert [row["day"] for row in content(database)["interim_day"]] == [1]
    before = content(database)
    secret_site.follower.rebuild()
    assert content(database) == before
