"""Numbers of pages: those of bundle and chain, added up, sorted and dated as the pages say."""

import csv
import io
import re

import numpy as np
import pytest
import sqlalchemy as sa

from scorer.server.pages.board import BoardRequest, read_board
from scorer.server.pages.charts import Line, exposure_chart, histogram, line_chart, ticks
from scorer.server.pages.formatting import nmr, percent, score, signed_nmr
from scorer.server.pages.rules_page import differences
from scorer.server.tables import ROUND, STANDING
from scorer.storage.bundle import Bundle, round_folder
from tests.server.site import Site
from tests.web.page_world import page
from tests.world import MODELS

NANO = re.compile(r'data-nano="(-?\d+)"')


def test_every_payout_adds_up_to_what_the_chain_paid(shown: Site) -> None:
    folder = shown.world.members[0].paths.rounds
    scored = Bundle(round_folder(folder, shown.services.suite.addresses.tournament, 1)).scored_round()
    for model in range(1, MODELS + 1):
        text = page(shown, f"/models/{model}/rounds/1").text
        *steps, net = map(int, NANO.findall(text))
        expected = scored.explain(model)
        assert steps == [step.amount for step in expected.steps]
        assert sum(steps) == net == expected.net
        result = next(row for row in shown.services.queries.results_of([model]) if row.id == 1)
        assert net == result.payout - result.burn
        for step in expected.steps:
            assert signed_nmr(step.amount) in text


def test_a_round_that_is_not_settled_says_what_is_at_risk(shown: Site) -> None:
    text = page(shown, "/models/1/rounds/3").text
    assert "are at risk" in text
    assert NANO.findall(text) == []


def test_a_statement_has_a_line_a_round_and_adds_up(shown: Site) -> None:
    text = page(shown, "/models/1/statement.csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["round"] for row in rows] == ["1", "2", ""]
    results = {row.id: row for row in shown.services.queries.results_of([1])}
    for row in rows[:-1]:
        result = results[int(row["round"])]
        assert row["net_nmr"] == f"{(result.payout - result.burn) / 10**9:.9f}".rstrip("0").rstrip(".")
        assert row["transaction"] == result.transaction_hash
        assert row["block"] == ""
        reasons = sum(round(float(value) * 10**9) for name, value in row.items() if name.endswith("(NMR)"))
        assert reasons == round(float(row["net_nmr"]) * 10**9)
    whole = page(shown, "/accounts/ada/statement.csv?year=2023").text
    assert len(whole.splitlines()) > len(text.splitlines())
    assert len(page(shown, "/accounts/ada/statement.csv?year=1999").text.splitlines()) == 2
    assert page(shown, "/models/1/statement.csv?year=next").status_code == 400


@pytest.mark.parametrize(
    "column", ["rank", "name", "reward", "stake", "day", "quarter", "year", "net", "rounds"]
)
def test_a_leaderboard_is_sorted_by_the_column_that_is_asked_for(shown: Site, column: str) -> None:
    def values(sort: str) -> list[object]:
        board = read_board(shown.services, BoardRequest(is_account=False, sort=sort))
        values = {
            "rank": lambda row: row.rank,
            "name": lambda row: row.name,
            "reward": lambda row: row.reward,
            "stake": lambda row: row.stake,
            "day": lambda row: row.returns[1],
            "quarter": lambda row: row.returns[91],
            "year": lambda row: row.returns[364],
            "net": lambda row: row.net,
            "rounds": lambda row: row.rounds,
        }
        return [values[column](row) for row in board.rows]

    rising, falling = values(column), values(f"-{column}")
    assert len(rising) == MODELS
    assert rising == sorted(rising)  # type: ignore[type-var]
    assert falling == sorted(rising, reverse=True)  # type: ignore[type-var]


def test_a_leaderboard_sorts_by_a_score_and_finds_names(shown: Site) -> None:
    by_corr = read_board(shown.services, BoardRequest(is_account=False, sort="-corr_target_20d2l"))
    scores = [row.scores["corr_target_20d2l"] for row in by_corr.rows]
    assert scores == sorted(scores, reverse=True)
    found = read_board(shown.services, BoardRequest(is_account=False, text="WHISK"))
    assert [row.name for row in found.rows] == ["tin_whisker"]
    assert read_board(shown.services, BoardRequest(is_account=False, text="%")).count == 0
    accounts = read_board(shown.services, BoardRequest(is_account=True, text="ad", sort="-stake"))
    assert [row.name for row in accounts.rows] == ["ada"]
    assert read_board(shown.services, BoardRequest(is_account=False, sort="nonsense")).rows[0].rank == 1


def test_places_gained_are_those_against_the_ranking_of_that_day(shown: Site) -> None:
    with shown.services.database.reading() as connection:
        newest = connection.scalar(sa.select(sa.func.max(ROUND.c.resolve_at)).where(ROUND.c.is_scored))
        before = sa.select(ROUND.c.id).where(ROUND.c.is_scored, ROUND.c.resolve_at <= newest - 86_400)
        rounds = set(connection.scalars(before))
        rows = {row.holder: row for row in connection.execute(sa.select(STANDING))}
    results = shown.services.queries.results_of(range(1, MODELS + 1))
    means = {
        model: np.mean([row.reward_score for row in results if row.model == model and row.id in rounds])
        for model in range(1, MODELS + 1)
        if rounds
    }
    ranked = sorted(means, key=lambda model: -means[model])
    for model in range(1, MODELS + 1):
        expected = ranked.index(model) + 1 if rounds else None
        assert rows[str(model)].rank_1 == expected
        assert rows[str(model)].rank_364 is None


def test_every_payout_of_a_round_is_there_for_a_browser_to_recompute(shown: Site) -> None:
    rows = page(shown, "/rounds/1/payouts.json").json()
    found = shown.services.queries.round(1)
    assert found is not None
    assert sum(int(row["payout"]) for row in rows) == found.paid
    assert sum(int(row["burn"]) for row in rows) == found.burned
    assert len(rows) == MODELS


def test_pages_are_sent_once_and_compressed(shown: Site) -> None:
    first = page(shown, "/rounds/1")
    assert first.headers["Content-Encoding"] == "gzip"
    again = page(shown, "/rounds/1", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.content == b""
    plain = page(shown, "/rounds/1", headers={"Accept-Encoding": "identity"})
    assert plain.text == first.text


def test_unknown_pages_are_answered_in_words(shown: Site) -> None:
    for path in ("/models/999", "/rounds/99", "/accounts/nobody", "/models/1/rounds/99", "/rules/0x00"):
        answer = page(shown, path)
        assert answer.status_code == 404, path
        assert "There is no such" in answer.text


def test_amounts_are_exact_and_line_up() -> None:
    assert nmr(1_234_567_890_123) == "1,234.567890123"
    assert nmr(-5) == "−0.000000005"
    assert nmr(1_999_999_999, 2) == "1.99"
    assert signed_nmr(1) == "+0.000000001"
    assert signed_nmr(0) == "0.000000000"
    assert percent(-0.051234) == "−5.12 %"
    assert percent(None) == "–"
    assert score(-0.00001) == "0.0000"


def test_differences_of_rules_are_lines_added_and_removed() -> None:
    lines = differences('{\n "cap": "0.05"\n}', '{\n "cap": "0.1"\n}')
    assert [(line.kind, line.text) for line in lines if line.kind in ("added", "removed")] == [
        ("removed", ' "cap": "0.05"'),
        ("added", ' "cap": "0.1"'),
    ]


def test_charts_have_a_bar_a_value_and_round_ticks() -> None:
    chart = histogram([-1.0, -0.2, 0.0, 0.3, 0.3, 1.0], "scores", "score")
    heights = re.findall(r'height="([\d.]+)" class="bar', chart)
    assert len(heights) == 5
    assert 'aria-label="scores"' in chart
    assert histogram([], "scores", "score") == ""
    assert ticks(0, 10) == [0, 2.5, 5, 7.5, 10]
    bars = exposure_chart([("<b>", 0.5), ("plain", -0.25)], "exposures")
    assert [float(width) for width in re.findall(r'width="([\d.]+)" height', bars)] == [145.6, 72.8]
    assert "<b>" not in bars
    assert "−0.2500" in bars
    assert exposure_chart([], "exposures") == ""
    line = line_chart([1, 2, 3], [Line("a", [1.0, None, 2.0], "series-1")], "<title>")
    assert line.count("M") == 2
    assert "<title>" not in line
