"""Seasons: the API ranks accounts as the command line does, from the read model."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scorer.evaluation.standings import score_table
from scorer.rewards.reputation import season
from scorer.rewards.season_rules import CLASSIC_SEASON
from scorer.server import seasons
from scorer.storage.bundle import Bundle, round_folder
from tests.server.site import Site, running_site
from tests.world import World, begins, two_settled

pytestmark = begins(two_settled)

SEASON = (
    "query ($y: Int, $s: String, $l: Int!, $o: Int!) { seasonLeaderboard(year: $y, score: $s, limit: $l, "
    "offset: $o) { year rank tier username seasonScore qualifiedRounds } }"
)
RULES = replace(CLASSIC_SEASON, qualified_rounds=2)


@pytest.fixture
def site(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server of a world with two settled rounds, which are enough for a season."""
    monkeypatch.setitem(seasons.SEASONS, "classic", RULES)
    with running_site(world, tmp_path / "server") as running:
        running.step()
        yield running


def by_command(site: Site, score: str) -> pd.DataFrame:
    """The season as `cupel leaderboard --season` computes it, from bundles."""
    suite = site.world.suite
    rounds = []
    for number in (1, 2):
        folder = round_folder(site.world.members[0].paths.rounds, suite.addresses.tournament, number)
        day = datetime.fromtimestamp(site.world.record(number).resolve_at, UTC).date()
        rounds.append((Bundle(folder).scored_round(), day))
    owners = {number: site.services.accounts.model(number) for number in range(1, 11)}
    table = score_table(rounds, {number: model.owner for number, model in owners.items() if model})
    return season(table, score, rounds[0][1].year, RULES)


@pytest.mark.parametrize("score", [None, "mmc_target_20d2l"])
def test_a_season_is_that_of_the_command_line_to_the_bit(site: Site, score: str | None) -> None:
    expected = by_command(site, score or "reward_score")
    answer = site.ask(SEASON, s=score, l=50, o=0)
    rows: list[dict[str, Any]] = answer["data"]["seasonLeaderboard"]
    assert [row["username"] for row in rows] == list(expected.index)
    assert [row["seasonScore"] for row in rows] == list(expected["season_score"])
    assert [(row["rank"], row["tier"]) for row in rows] == list(
        zip(expected["rank"], expected["tier"], strict=True)
    )
    assert rows[0]["tier"] == "grandmaster"
    assert {row["qualifiedRounds"] for row in rows} == {2}
    second = site.ask(SEASON, s=score, l=1, o=1)["data"]["seasonLeaderboard"]
    assert second == rows[1:2]


def test_another_round_changes_a_season_that_was_computed(site: Site) -> None:
    before = site.ask(SEASON, l=50, o=0)
    assert site.ask(SEASON, l=50, o=0) == before
    site.world.settle(site.world.sealed_round())
    site.step()
    after = site.ask(SEASON, l=50, o=0)["data"]["seasonLeaderboard"]
    assert {row["qualifiedRounds"] for row in after} == {3}


def test_a_season_without_scores_is_refused(site: Site) -> None:
    for wrong in ({"y": 1999}, {"y": -1}, {"y": 10**9}, {"s": "none"}, {"s": "x" * 90}):
        answer = site.ask(SEASON, l=5, o=0, **wrong)
        assert "expected a year with scores" in json.dumps(answer["errors"]), wrong
