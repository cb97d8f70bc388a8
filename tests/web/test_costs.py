"""What requests of pages and files cost: no page in memory, no round and no row more than was asked for."""

import csv
import io
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from sqlalchemy import event
from starlette.applications import Starlette

from scorer.server.application import application
from scorer.server.pages import file_answers
from scorer.server.pages.application import WebPages
from scorer.server.pages.model_page import read_model
from scorer.server.pages.rendering import PageCache
from scorer.server.queries import MOST_ROUNDS, Queries
from scorer.server.rate_limit import RateLimiter
from scorer.server.read_model import insert
from scorer.server.settled_bundles import SettledBundles
from scorer.server.tables import RESULT, ROUND_SCORE_SUMMARY, SCORE
from tests.server.loopback import served
from tests.server.site import Site
from tests.server.test_read_model import database as database
from tests.server.test_statements import counted
from tests.web.page_world import page

ADA = "127.0.0.1"
"""The address from which all requests of tests come."""


@pytest.fixture
def pages(shown: Site) -> Iterator[tuple[PageCache, Callable[[str], requests.Response]]]:
    """The memory of a web process of its own, and how to ask it for a page."""
    made = WebPages(shown.services)
    with served(Starlette(routes=made.routes())) as url:
        yield made.renderer.cache, lambda path: requests.get(url + path, timeout=60)


@pytest.mark.parametrize(
    ("path", "others"),
    [
        ("/", ("/?", "/?x=1", "/?page=2&sort=name", "/?q=a&q=b")),
        ("/rounds/1", ("/rounds/01", "/rounds/1?x", "/rounds/0001?utm_source=a", "/rounds/1?sort=rank&q=")),
        ("/models/1?", ("/models/1?a=1", "/models/1?a=2", "/models/001?x=3", "/models/1?%00=%ff")),
        ("/models/1/rounds/1", ("/models/01/rounds/01", "/models/1/rounds/1?page=1")),
        ("/accounts/ada", ("/accounts/ADA", "/accounts/Ada?x=1", "/accounts/ada?page=7")),
        (
            "/leaderboard?page=1",
            ("/leaderboard?page=01&x=1", "/leaderboard?x=2&page=0", "/leaderboard?page=x"),
        ),
        ("/embed/leaderboard", ("/embed/leaderboard?sort=name", "/embed/leaderboard?q=a")),
        ("/rounds/1/verify", ("/rounds/1/verify?rpc=https://x.example/", "/rounds/01/verify?x")),
    ],
)
def test_what_a_page_does_not_know_makes_no_page_of_its_own(pages: Any, path: str, others: Any) -> None:
    memory, get = pages
    first = get(path)
    assert first.status_code == 200
    for other in others:
        assert get(other).content == first.content, other
    assert len(memory._pages) == 1


@pytest.mark.parametrize(
    "paths",
    [
        ("/leaderboard", "/leaderboard?sort=name", "/leaderboard?sort=name&q=old", "/leaderboard/accounts"),
        ("/rounds/1", "/rounds/1?page=2", "/rounds/2"),
        ("/models/1", "/models/2", "/models/1/rounds/1", "/models/1/rounds/2", "/models/2/rounds/1"),
        ("/rounds", "/rounds?page=2"),
        ("/embed/leaderboard", "/embed/leaderboard?page=2"),
    ],
)
def test_what_a_page_knows_makes_a_page_of_its_own(pages: Any, paths: Any) -> None:
    memory, get = pages
    assert len({get(path).content for path in paths}) == len(paths) == len(memory._pages)


def test_a_parameter_in_another_order_or_twice_is_the_same_page(pages: Any) -> None:
    memory, get = pages
    first = get("/leaderboard?sort=-stake&q=o").content
    for query in ("q=o&sort=-stake", "q=x&q=o&sort=-stake", "sort=-stake&%71=%6F", "x=1&q=o&y=2&sort=-stake"):
        assert get(f"/leaderboard?{query}").content == first
    assert len(memory._pages) == 1


@pytest.mark.parametrize(
    "number",
    ["9" * 5_000, "-1", "1e9", "٣", "", "1.0"],
    ids=("long", "negative", "e", "other", "none", "dot"),
)
def test_a_page_number_that_is_none_is_the_first(pages: Any, number: str) -> None:
    assert pages[1](f"/leaderboard?page={number}").status_code == 200


@contextmanager
def charged(site: Site, burst: int) -> Iterator[tuple[str, Callable[[], float]]]:
    """A server on the same services whose visitors may ask so much; its URL, and how much is left."""
    limiter = RateLimiter(per_minute=0.001, burst=burst)
    with served(application(site.services, limiter)) as url:
        yield url, lambda: burst - round(limiter._buckets[ADA].left)


@pytest.fixture
def rounds_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rounds whose bundles are asked for meanwhile."""
    found: list[int] = []
    bundle = SettledBundles.bundle

    def noted(bundles: SettledBundles, round_id: int) -> Any:
        found.append(round_id)
        return bundle(bundles, round_id)

    monkeypatch.setattr(SettledBundles, "bundle", noted)
    return found


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_statement_reads_rounds_of_its_year_alone_and_each_once(
    shown: Site, rounds_read: list[int]
) -> None:
    assert len(lines(page(shown, "/accounts/ada/statement.csv?year=1999").text)) == 1
    assert rounds_read == []
    found = lines(page(shown, "/accounts/ada/statement.csv?year=2023").text)[:-1]
    assert len(found) > len(rounds_read) == 2
    assert rounds_read == [1, 2]
    assert [row["round"] for row in found] == sorted(row["round"] for row in found)


def test_the_year_of_a_result_is_that_of_its_settlement_in_utc(shown: Site) -> None:
    """A second before and after midnight of New Year."""
    midnight = 1_704_067_200
    where = sa.and_(RESULT.c.model == 1, RESULT.c.round == 2)
    with shown.services.database.reading() as connection:
        before = connection.scalar(sa.select(RESULT.c.settled_at).where(where))
    for settled_at, years in ((midnight - 1, {"2023": 2, "2024": 0}), (midnight, {"2023": 1, "2024": 1})):
        with shown.services.database.writing() as connection:
            connection.execute(sa.update(RESULT).where(where).values(settled_at=settled_at))
        for year, expected in years.items():
            text = page(shown, f"/models/1/statement.csv?year={year}").text
            assert len(lines(text)) == expected + 1, (settled_at, year)
    with shown.services.database.writing() as connection:
        connection.execute(sa.update(RESULT).where(where).values(settled_at=before))


@pytest.mark.parametrize("year", ["0000", "1969", "9999", "999", "٢٠٢٣", "2023x", "20 3", "+202"])
def test_a_year_that_is_none_is_refused_in_words(shown: Site, year: str) -> None:
    answer = page(shown, f"/models/1/statement.csv?year={year}")
    assert answer.status_code == 400
    assert answer.text.startswith("year: expected four digits")


def test_a_statement_that_would_be_too_long_is_refused_and_never_cut(
    shown: Site, monkeypatch: pytest.MonkeyPatch, rounds_read: list[int]
) -> None:
    monkeypatch.setattr(file_answers, "MOST_RESULTS", 2)
    assert len(lines(page(shown, "/models/1/statement.csv").text)) == 3
    monkeypatch.setattr(file_answers, "MOST_RESULTS", 1)
    del rounds_read[:]
    answer = page(shown, "/models/1/statement.csv")
    assert answer.status_code == 400
    assert "expected at most 1 results, found more; ask for one year" in answer.text
    assert rounds_read == []


def test_a_statement_without_a_bundle_is_refused_as_a_whole(
    shown: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = shown.services.bundles._reads
    monkeypatch.setattr(reads, "_results", OrderedDict())
    monkeypatch.setattr(reads, "_failures", OrderedDict({2: (float("inf"), "round 2: expected its bundle")}))
    answer = page(shown, "/models/1/statement.csv?year=2023")
    assert answer.status_code == 503
    assert answer.text == "round 2: expected its bundle; try again in a minute\n"


def test_all_results_of_a_model_are_there_however_many(database: Any) -> None:
    count = MOST_ROUNDS + 500
    outcome = {"model": 1, "position": 5, "reward_score": 0, "rate": 0, "payout": 1, "burn": 0}
    with database.writing() as connection:
        rows = ({**outcome, "round": number, "settled_at": number} for number in range(count))
        insert(connection, RESULT, rows)
    queries = Queries(database, lambda: 0)
    assert [row.round for row in queries.earned([1], count + 1)] == list(range(count))
    assert [row.round for row in queries.earned([1], 9, (10, 13))] == [10, 11, 12]
    assert queries.result(1, 0) is not None  # the oldest, which no list of the newest has


def test_a_statement_costs_a_request_for_each_round_that_it_reads(shown: Site) -> None:
    with charged(shown, burst=100) as (url, spent):
        for path, cost in (("year=1999", 2), ("year=2023", 4), ("year=1998", 2)):
            before = spent() if path != "year=1999" else 0
            requests.get(f"{url}/accounts/ada/statement.csv?{path}", timeout=60)
            assert spent() - before == cost, path


def test_who_has_spent_all_on_statements_gets_no_other(shown: Site) -> None:
    with charged(shown, burst=3) as (url, _):
        statuses = [requests.get(f"{url}/models/1/statement.csv", timeout=60).status_code for _ in range(3)]
    assert statuses == [200, 429, 429]


def test_all_payouts_of_a_round_cost_what_they_are_many(shown: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_answers, "COST_OF_REQUEST", 10)
    with charged(shown, burst=1_000) as (url, spent):
        rows = requests.get(f"{url}/rounds/1/payouts.json", timeout=60).json()
        assert spent() == 1 + 5 * len(rows) // 10


def test_a_badge_reads_a_name_and_a_rank_and_no_more(shown: Site) -> None:
    with counted(shown) as statements:
        assert "old_faithful" in page(shown, "/models/1/badge.svg").text
    assert len([text for text in statements if text.startswith("SELECT")]) == 2
    assert page(shown, "/models/999/badge.svg").status_code == 404


def plans(site: Site, path: str) -> list[str]:
    """The steps by which SQLite answers what a page asks it."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    engine = site.services.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        assert page(site, path).status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        selects = [found for found in asked if found[0].startswith("SELECT")]
        explained = [
            connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given) for text, given in selects
        ]
        return [row.detail for rows in explained for row in rows]


@pytest.mark.parametrize(
    "path", ["/leaderboard?sort=name", "/leaderboard?sort=-name&q=a", "/leaderboard?q=old", "/models/1"]
)
def test_no_page_reads_all_scores_or_compares_all_names(
    shown: Site, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(PageCache, "get", lambda *_: None)
    steps = plans(shown, path)
    assert any(step.startswith("SEARCH") for step in steps)
    assert not [step for step in steps if re.match(r"SCAN (score|model_profile|result)\b", step)], steps
    assert not [step for step in steps if re.match(r"SEARCH score .*\(round=\?\)", step)], steps


def test_a_model_s_page_takes_medians_from_their_table(shown: Site) -> None:
    services = shown.services
    with services.database.reading() as connection:
        medians = {
            (row.round, row.factor): row.median for row in connection.execute(sa.select(ROUND_SCORE_SUMMARY))
        }
        values: dict[tuple[int, str], list[float]] = {}
        for row in connection.execute(sa.select(SCORE)):
            values.setdefault((row.round, row.factor), []).append(row.value)
    facts = read_model(services, 1)
    assert facts is not None
    found = {(day.round_id, factor): day.median for factor, days in facts.scores.items() for day in days}
    assert found == medians
    for key, scores in values.items():
        ordered = sorted(scores)
        assert medians[key] == ordered[len(ordered) // 2]  # no two models have the same score here


def test_a_model_s_rounds_come_in_pages_whether_it_has_a_result_or_a_score(database: Any) -> None:
    outcome = {"model": 1, "position": 1, "payout": 0, "burn": 0}
    with database.writing() as connection:
        insert(connection, RESULT, ({"round": number, **outcome} for number in range(1, 6)))
        scored = {"model": 1, "factor": "corr", "value": 0.1, "percentile": 0.5}
        insert(connection, SCORE, ({"round": number, **scored} for number in range(4, 8)))
    queries = Queries(database, lambda: 0)
    assert queries.rounds_of(1, 1, 3) == ([7, 6, 5], 7)
    assert queries.rounds_of(1, 3, 3) == ([1], 7)
    assert queries.rounds_of(1, 4, 3) == ([], 7)
    assert queries.rounds_of(2, 1, 3) == ([], 0)
