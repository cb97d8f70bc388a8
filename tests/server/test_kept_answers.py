"""Answers that are kept are never those of before, never those of somebody, and never take much room."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.sql import visitors

from scorer.server import public_version, tables
from scorer.server.accounts import Accounts
from scorer.server.application import KEPT_ROOTS, ROOTS
from scorer.server.database import Database
from scorer.server.engine import GraphqlEngine, Root
from scorer.server.kept_answers import AnswerKeeper, EncodedAnswer, KeptAnswers
from scorer.server.queries import Queries
from scorer.server.seasons import SEASONS, Seasons
from scorer.server.services import RequestContext
from tests.server.site import Site
from tests.server.test_statements import busy as busy
from tests.server.test_statements import counted

PAGE = "(limit: 9, offset: 0) { rank username nmrStaked corr20Rep }"
BOARD = f"{{ v2Leaderboard{PAGE} }}"
KEPT = {
    "accountProfile": '(username: "alice") { models { displayName } }',
    "submissionScores": '(modelId: "1") { value day roundNumber }',
    "v3UserProfile": '(modelName: "model_4") { bio nmrStaked dailyModelPerformances { date corrRep } }',
    "v2SignalsProfile": '(modelName: "model_4") { dailyModelPerformances { date } }',
    "accountLeaderboard": "(limit: 9, offset: 0) { username nmrStaked return1y }",
    "seasonLeaderboard": "(limit: 9, offset: 0) { username seasonScore }",
    "v2Leaderboard": PAGE,
    **dict.fromkeys(("signalsLeaderboard", "cryptosignalsLeaderboard"), "(limit: 9, offset: 0) { username }"),
}
"""A query of each root whose answers are kept."""


def body(query: str) -> bytes:
    return json.dumps({"query": query}).encode()


def keeper(site: Site, database: Database | None = None, most: int = 2**20) -> AnswerKeeper:
    engine = GraphqlEngine(ROOTS, kept=KEPT_ROOTS)
    return AnswerKeeper(engine, database or site.services.database, KeptAnswers(most))


def asked(by: AnswerKeeper, site: Site, query: str, key: str | None = None) -> Any:
    return json.loads(by.answer(body(query), RequestContext(site.services, key, "127.0.0.1")).content)


def header(site: Site) -> str:
    key = site.key(site.account_of(1))
    return f"Token {key.public_id}${key.secret}"


@contextmanager
def read_tables(database: Database) -> Iterator[set[sa.Table]]:
    """The tables that statements name meanwhile."""
    found = set[sa.Table]()

    def note(_connection: Any, statement: Any, *_rest: Any) -> None:
        found.update(each for each in visitors.iterate(statement) if isinstance(each, sa.Table))

    event.listen(database.engine, "before_execute", note)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_execute", note)


def version(database: Database) -> int:
    with database.reading() as connection:
        return public_version.number(connection)


def test_an_answer_is_given_again_for_one_statement(busy: Site) -> None:
    by = keeper(busy)
    first = asked(by, busy, BOARD)
    assert len(first["data"]["v2Leaderboard"]) > 2
    with counted(busy) as statements:
        assert asked(by, busy, BOARD) == first
    assert [text for text in statements if "SELECT" in text] == [
        "SELECT public_version.number \nFROM public_version"
    ]


@pytest.mark.parametrize("root", sorted(KEPT_ROOTS))
def test_kept_roots_read_public_tables_and_nothing_else(busy: Site, root: str) -> None:
    """Without key, clock, chain and files: a root that looks at one fails here."""
    database = busy.services.database

    def clock() -> int:
        raise AssertionError("a kept answer depends on the time")

    only: dict[str, Any] = dict.fromkeys(vars(busy.services)) | {"kind": "classic"}
    accounts, queries = Accounts(database, clock, None), Queries(database, clock)
    seasons = Seasons(database, SEASONS["classic"])
    services = replace(busy.services, **only | {"accounts": accounts, "queries": queries, "seasons": seasons})
    context, engine = RequestContext(services, None, ""), GraphqlEngine(ROOTS)
    with read_tables(database) as found:
        answer = engine.answer(body(f"{{ {root}{KEPT[root]} }}"), context)
    assert "errors" not in answer, answer
    assert answer["data"][root]
    assert found
    assert found <= tables.PUBLIC, {table.name for table in found - tables.PUBLIC}


@pytest.mark.parametrize(
    "query",
    [
        "{ account { username } %s }",
        "{ ...own %s } fragment own on Query { account { username } }",
        "{ ... on Query { account { username } } %s }",
        "query a { v2Leaderboard(limit: 1, offset: 0) { rank } } query b { account { username } }",
    ],
)
def test_a_document_with_a_private_root_is_not_kept(busy: Site, query: str) -> None:
    by, text = keeper(busy), query % BOARD[2:-2] if "%" in query else query
    made = json.dumps({"query": text, "operationName": "b" if "query b" in query else None}).encode()
    for key, expected in ((header(busy), "data"), (None, "errors"), (header(busy), "data")):
        answer = json.loads(by.answer(made, RequestContext(busy.services, key, "")).content)
        assert ("errors" in answer) == (expected == "errors")
        own = (answer.get("data") or {}).get("account")
        assert (own is not None) == (expected == "data")
    assert by.kept.size == 0


def test_errors_are_never_kept(busy: Site) -> None:
    by = keeper(busy)
    for query in ('{ v3UserProfile(modelName: "nobody") { id } }', "{ v2Leaderboard }", "{"):
        assert "errors" in asked(by, busy, query)
    assert by.kept.size == 0


def test_a_kept_root_learns_nothing_of_who_asks(busy: Site) -> None:
    def looks(context: RequestContext, limit: int, offset: int) -> list[dict[str, Any]]:
        return [{"username": context.caller().account.username}]

    roots: dict[str, Root] = {"v2Leaderboard": looks}
    by = AnswerKeeper(GraphqlEngine(roots, kept=KEPT_ROOTS), busy.services.database)
    assert "errors" in asked(by, busy, "{ v2Leaderboard(limit: 1, offset: 0) { username } }", header(busy))
    assert by.kept.size == 0


def test_a_model_that_is_named_has_its_name_in_the_next_answer(busy: Site) -> None:
    key = busy.key(busy.account_of(1))
    names = []
    for name in ("first_name", "second_name"):
        renamed = busy.ask(f'mutation {{ setModelName(modelId: "1", name: "{name}") }}', key)
        assert "errors" not in renamed
        names.append({row["username"] for row in busy.ask(BOARD)["data"]["v2Leaderboard"]})
    assert [[name in found for name in ("first_name", "second_name")] for found in names] == [
        [True, False],
        [False, True],
    ]


def test_what_another_process_writes_is_in_the_next_answer(busy: Site) -> None:
    by, profile = keeper(busy), f"{{ v3UserProfile{KEPT['v3UserProfile']} }}"
    assert asked(by, busy, profile)["data"]["v3UserProfile"]["bio"] == ""
    path = busy.services.database.engine.url.database
    program = (
        "from scorer.server.database import Database; from scorer.server.accounts import Accounts; "
        f"Accounts(Database.open({path!r}), lambda: 1).edit_model(4, bio='of another process')"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
    assert asked(by, busy, profile)["data"]["v3UserProfile"]["bio"] == "of another process"


def test_answers_outlive_blocks_in_which_nothing_happens_and_no_rebuild(busy: Site) -> None:
    busy.step()
    by = keeper(busy)
    first, before = asked(by, busy, BOARD), version(busy.services.database)
    busy.world.anvil.advance_to(busy.world.now + 5)
    busy.step()
    assert version(busy.services.database) == before
    busy.follower._clear()
    assert asked(by, busy, BOARD)["data"]["v2Leaderboard"] == []
    busy.follower.rebuild()
    assert asked(by, busy, BOARD) == first
    assert version(busy.services.database) != before


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "server.sqlite")
    opened.migrate()
    yield opened
    opened.close()


def row(table: sa.Table) -> dict[str, Any]:
    """A row of a table."""
    needed = [column for column in table.c if not column.nullable]
    return {column.name: 1 if "INT" in str(column.type) else "1" for column in needed} | {
        column.name: False for column in needed if isinstance(column.type, sa.Boolean)
    }


@pytest.mark.parametrize("table", sorted(tables.PUBLIC, key=str), ids=str)
def test_every_change_of_a_public_table_changes_the_version(database: Database, table: sa.Table) -> None:
    found = [version(database)]
    key = next(iter(table.primary_key))
    with database.writing() as connection:
        connection.execute(sa.delete(table))
    assert version(database) == found[0], "nothing was there to delete"
    same = sa.update(table).values({key: key})
    for statement in (sa.insert(table).values(row(table)), same, same.returning(key), sa.delete(table)):
        with database.writing() as connection:
            connection.execute(statement)
        found.append(version(database))
    assert len(set(found)) == len(found)


def test_other_changes_and_those_rolled_back_do_not(database: Database) -> None:
    nonce = {"nonce": "1", "expires_at": 1}
    with database.writing() as connection:
        connection.execute(sa.insert(tables.LOGIN_NONCE).values(nonce))
    with pytest.raises(sa.exc.IntegrityError), database.writing() as connection:
        connection.execute(sa.insert(tables.LANE), [row(tables.LANE)] * 2)
    assert version(database) == 0
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE lane SET idle = 2"))
    assert version(database) != 0, "a statement in text may change anything"


def test_an_answer_and_its_version_are_of_one_moment(database: Database) -> None:
    with database.one_moment() as connection:
        before = public_version.number(connection)
        with database.writing() as other:
            other.execute(sa.insert(tables.LANE).values(row(tables.LANE)))
        with database.reading() as again:
            assert again.scalar(sa.select(sa.func.count()).select_from(tables.LANE)) == 0
            assert public_version.number(again) == before
    assert version(database) != before


def test_those_not_asked_for_the_longest_make_room() -> None:
    answer = EncodedAnswer(b"x" * 1000, 1)
    kept = KeptAnswers(most=40_000)
    for number in range(100):
        kept.put(1, b"%d" % number, answer)
        assert kept.get(1, b"0") is answer
        assert kept.size <= kept.most
    found = [number for number in range(100) if kept.get(1, b"%d" % number) is not None]
    assert found == [0, *range(100 - len(found) + 1, 100)]
    assert 20 < len(found) < 40


def test_one_large_answer_does_not_take_the_room_of_all() -> None:
    kept = KeptAnswers(most=40_000)
    kept.put(1, b"", EncodedAnswer(b"x" * 3_000, 1))
    assert (kept.size, kept.get(1, b"")) == (0, None)
    kept.put(1, b"", EncodedAnswer(b"x", 1))
    assert kept.get(2, b"") is None, "that of another version"
