"""A journal of years: its schema changes, what need not be kept goes, and nothing is read by scanning it."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer import failpoints
from scorer.chain.fees import Bid
from scorer.failpoints import VARIABLE
from scorer.lab.processes import Fork
from scorer.transactions import database
from scorer.transactions.intents import OPEN, Attempt, Call, Intent, IntentState, Mined
from scorer.transactions.journal import Journal, JournalError, NumberedRequest
from scorer.transactions.request import RequestKey
from scorer.transactions.schema import INDICES, METADATA, VERSION, columns_of
from tests.postgresql import postgres as postgres
from tests.transactions import old_journal

SCOPE = "137:0xAb"
FAR = 10**9
"""A block, and a time, later than all others."""


def contents(journal: Journal) -> list[tuple[object, ...]]:
    """All that a journal holds."""
    return [
        (i.key, i.generation, i.account, i.call, i.state, i.nonce, i.block, i.finished_at, tuple(attempts))
        for i in journal.intents()
        for attempts in [journal.attempts(i)]
    ]


def check_migrated(journal: Journal, copies: int = 1) -> None:
    """Everything of an old journal is there, and what it belongs to is known."""
    found = contents(journal)
    assert [row[0] for row in found] == [*old_journal.KEYS] * copies
    assert [row[4] for row in found] == [IntentState(state) for state in old_journal.STATES] * copies
    assert all(row[3] == Call("0xt", b"call", 21_000, 1) for row in found)
    assert [row[8][0].hash for row in found] == [n.to_bytes(32, "big") for n in range(len(found))]  # type: ignore[index]
    assert [i.generation for i in journal.intents_of(SCOPE, "challenge")] == list(range(copies))
    assert journal.whole_rounds(SCOPE) == [7, 8]
    assert journal.note("n") == "1"
    assert journal.numbered("0xme:deposit:0xT:1:25") == NumberedRequest("deposit 25 NMR", 1, 2**70)
    assert journal.numbered("0xme:register:0xR:0xme") == NumberedRequest("register", 0, None)
    assert journal.numbered("0xme:approve:0xT") == NumberedRequest(None, 3, None)
    assert [journal.note(f"{prefix}:{key}") for prefix, key, _ in old_journal.NOTES] == [None] * 6
    assert [event.kind for event in journal.events("CEILING")] == ["CEILING"]
    assert journal.next_nonce("0xme") == len(found)
    assert len(journal.open_intents("0xme")) == copies


def test_a_journal_of_the_first_releases_is_migrated_once(tmp_path: Path) -> None:
    old_journal.write(tmp_path / "j", copies=400)
    for _ in range(2):
        with Journal.open(tmp_path / "j") as journal:
            check_migrated(journal, copies=400)
    with closing(sqlite3.connect(tmp_path / "j")) as file:
        assert file.execute("select version from journal_schema").fetchall() == [(VERSION,)]
        names = {name for (name,) in file.execute("select name from sqlite_master where type = 'index'")}
    assert {str(index.name) for index in INDICES} <= names


def test_a_migrated_journal_is_of_the_same_shape_as_a_new_one(tmp_path: Path) -> None:
    old_journal.write(tmp_path / "old")
    shapes = []
    for name in ("old", "new"):
        Journal.open(tmp_path / name).close()
        engine = sa.create_engine(f"sqlite:///{tmp_path / name}")
        found = sa.inspect(engine)
        shapes.append(
            {
                table: (
                    [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)],
                    sorted(str(index["name"]) for index in found.get_indexes(table)),
                )
                for table in found.get_table_names()
            }
        )
        engine.dispose()
    assert shapes[0] == shapes[1]


def test_a_journal_in_postgresql_is_migrated_and_pruned_and_a_newer_one_refused(postgres: str) -> None:
    old_journal.write(postgres, copies=2)
    with Journal.open(postgres) as journal:
        check_migrated(journal, copies=2)
        assert journal.prune(SCOPE, [7, 8], FAR, FAR) == (1, 1)
        assert [i.key for i in journal.intents_of(SCOPE, "settle")] == []
        assert len(journal.intents_of(SCOPE, "challenge")) == len(journal.open_intents("0xme")) == 2
    engine = sa.create_engine(postgres)
    with engine.begin() as connection:
        connection.exec_driver_sql("update journal_schema set version = 99")
    engine.dispose()
    with pytest.raises(JournalError, match="expected a schema of version 3 or older, found version 99"):
        Journal.open(postgres)


def test_a_journal_of_a_newer_release_is_refused_in_words_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "j"
    Journal.open(path).close()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("update journal_schema set version = 4")
        file.execute("drop index event_at")
    for _ in range(2):  # and is let go of
        with pytest.raises(JournalError, match="found version 4; install the release that wrote it"):
            Journal.open(path)
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("select count(*) from sqlite_master where name = 'event_at'").fetchone() == (0,)


def killed_at(path: Path, label: str) -> int:
    """Open a journal, and prune it, in a process that SIGKILL ends at a point; its exit code."""

    def work() -> None:
        os.environ[VARIABLE] = label
        failpoints._die = lambda: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment, return-value]
        with Journal.open(path) as journal:
            journal.prune(SCOPE, [7, 9, 10], FAR, FAR)

    return Fork.of(work, path.with_name("crash")).wait()


MIGRATION = (
    *("scope", "round", "act", "stage", "rows", *(str(index.name) for index in INDICES)),
    *("numbered_request", "numbered rows", "notes"),
)


@pytest.mark.parametrize(
    "label",
    [*(f"journal-migrating@{step}" for step in MIGRATION), "journal-migrated@1", "journal-migrated@2"],
)
def test_a_process_that_is_killed_while_it_migrates_leaves_the_old_journal(
    tmp_path: Path, label: str
) -> None:
    old_journal.write(tmp_path / "j", copies=3)
    assert killed_at(tmp_path / "j", label) == -signal.SIGKILL
    with closing(sqlite3.connect(tmp_path / "j")) as file:
        columns = {row[1] for row in file.execute("pragma table_info(intent)")}
        tables = {name for (name,) in file.execute("select name from sqlite_master")}
    assert "stage" not in columns
    assert not {"journal_schema", "numbered_request"} & tables
    with Journal.open(tmp_path / "j") as journal:
        check_migrated(journal, copies=3)


def act(
    journal: Journal,
    key: str,
    nonce: int,
    state: IntentState = IntentState.FINAL,
    *,
    at: int = 0,
    finished: int = 5,
    account: str = "0xme",
) -> Intent:
    """A request in some state, signed at a time of the chain."""
    intent = journal.plan(key, account, Call("0xt", b"call", 21_000), None)
    if state == IntentState.PLANNED:
        return intent
    name = f"{account}{nonce}".encode()
    intent = journal.sign(intent, nonce, Attempt(name.ljust(32, b"."), b"raw", Bid(1, 2), False, at))
    if state == IntentState.SENT:
        return intent
    mined = Mined(name, 3, ok=state != IntentState.FAILED, gas_used=9)
    return journal.become(intent, state, None if state == IntentState.DISPLACED else mined, finished)


def kept(journal: Journal) -> dict[str, set[bytes]]:
    """The bytes that are left of each act."""
    found: dict[str, set[bytes]] = {}
    for intent in journal.intents():
        raw = {attempt.raw for attempt in journal.attempts(intent)}
        found.setdefault(intent.key.removeprefix(f"{SCOPE}:"), set()).update({intent.call.data, *raw})
    return found


WHOLE = {b"call", b"raw"}


def test_of_rounds_that_are_over_the_bytes_go_and_hash_nonce_and_key_stay(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        settled = act(journal, f"{SCOPE}:1:settle:0", 0)
        act(journal, f"{SCOPE}:2:settle:0", 1)
        act(journal, "137:0xOther:1:settle:0", 2)
        act(journal, "deployment:x#1", 3)
        assert journal.whole_rounds(SCOPE) == [1, 2]
        assert journal.prune(SCOPE, [1], 5, 0) == (1, 0)
        assert journal.whole_rounds(SCOPE) == [2]
        assert kept(journal) == {
            "1:settle:0": {b""},
            "2:settle:0": WHOLE,
            "137:0xOther:1:settle:0": WHOLE,
            "deployment:x#1": WHOLE,
        }
        (attempt,) = journal.attempts(settled)
        assert attempt.hash == b"0xme0".ljust(32, b".")
        again = journal.latest(settled.key)
        assert again is not None
        assert (again.nonce, again.state, again.generation) == (0, IntentState.FINAL, 0)


@pytest.mark.parametrize("state", [IntentState.SENT, IntentState.MINED])
def test_a_round_of_which_something_is_under_way_is_left_whole(tmp_path: Path, state: IntentState) -> None:
    with Journal.open(tmp_path / "j") as journal:
        act(journal, f"{SCOPE}:1:settle:0", 0)
        act(journal, f"{SCOPE}:1:settle:1", 1, state)
        assert journal.prune(SCOPE, [1], FAR, FAR) == (0, 0)
        assert kept(journal) == {"1:settle:0": WHOLE, "1:settle:1": WHOLE}


def test_what_was_finished_after_the_block_that_says_so_is_left_whole(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        act(journal, f"{SCOPE}:1:settle:0", 0, finished=7)
        assert journal.prune(SCOPE, [1], 6, FAR) == (0, 0)
        assert journal.prune(SCOPE, [1], 7, 0) == (1, 0)


def test_what_was_displaced_keeps_its_bytes_and_can_be_taken_up_again(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        displaced = act(journal, f"{SCOPE}:1:settle:0", 0, IntentState.DISPLACED)
        act(journal, f"{SCOPE}:1:settle:1", 1)
        act(journal, f"{SCOPE}:2:settle:1", 2)
        assert journal.prune(SCOPE, [1], FAR, FAR) == (1, 1)
        assert kept(journal) == {"1:settle:0": WHOLE, "2:settle:1": WHOLE}
        again = journal.recall(displaced)
        assert journal.open_intents("0xme") == [again]
        assert journal.prune(SCOPE, [1], FAR, FAR) == (0, 0)
        assert journal.open_intents("0xme") == [again]


def test_what_is_recalled_before_its_round_is_removed_is_not_removed(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        displaced = act(journal, f"{SCOPE}:1:settle:0", 0, IntentState.DISPLACED)
        act(journal, f"{SCOPE}:2:settle:0", 1)
        journal.prune(SCOPE, [1], FAR, 0)
        again = journal.recall(displaced)
        journal.prune(SCOPE, [1], FAR, FAR)
        assert journal.open_intents("0xme") == [again]
        assert [attempt.raw for attempt in journal.attempts(again)] == [b"raw"]


def test_rows_go_when_nothing_was_signed_for_so_long_and_challenges_never_do(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        act(journal, f"{SCOPE}:1:settle:0", 0, at=100)
        act(journal, f"{SCOPE}:1:challenge", 1, at=100)
        act(journal, f"{SCOPE}:1:begin:ff", 2, IntentState.PLANNED)
        act(journal, f"{SCOPE}:2:settle:0", 3, at=300)
        act(journal, f"{SCOPE}:3:settle:0", 4, at=100)
        journal.log(100, "CEILING", "early")
        journal.log(300, "CEILING", "late")
        assert journal.prune(SCOPE, [1, 2], FAR, 100) == (2, 0)
        assert journal.prune(SCOPE, [], FAR, 101) == (0, 1)
        assert set(kept(journal)) == {"1:challenge", "2:settle:0", "3:settle:0"}
        assert [event.detail for event in journal.events()] == ["late"]
        assert journal.prune(SCOPE, [1, 2], FAR, 101) == (0, 0)
        assert [i.key for i in journal.intents_of(SCOPE, "challenge")] == [f"{SCOPE}:1:challenge"]


def test_the_highest_nonce_of_each_account_is_known_after_all_else_is_gone(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        for nonce in range(3):
            act(journal, f"{SCOPE}:1:settle:{nonce}", nonce)
            act(journal, f"{SCOPE}:1:return:{nonce}", 10 + nonce, account="0xrelay")
        journal.prune(SCOPE, [1], FAR, FAR)
        assert (journal.next_nonce("0xme"), journal.next_nonce("0xrelay")) == (3, 13)
        assert set(kept(journal)) == {"1:settle:2", "1:return:2"}


def test_some_rounds_are_pruned_at_a_time_until_all_are(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        for number in range(1, 51):
            act(journal, f"{SCOPE}:{number}:settle:0", number)
        counts = []
        while over := journal.whole_rounds(SCOPE):
            counts.append(journal.prune(SCOPE, over, FAR, 0))
        assert counts == [(20, 0), (20, 0), (10, 0)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from(["settle:0", "challenge", "attest:aa:none", "collect:5"]),
            st.sampled_from(list(IntentState)),
            st.integers(0, 9),
        ),
        max_size=14,
    ),
    st.sets(st.integers(0, 4)),
    st.integers(0, 10),
    st.integers(0, 10),
)
def test_pruning_never_loses_what_guards_that_nothing_is_done_twice(
    acts: list[tuple[int, str, IntentState, int]], over: set[int], finalised: int, before: int
) -> None:
    with journal_in_memory() as journal:
        for nonce, (round_id, what, state, at) in enumerate(acts):
            act(journal, f"{SCOPE}:{round_id}:{what}", nonce, state, at=at, finished=at)
        was = {i.id: (i, journal.attempts(i)) for i in journal.intents()}
        next_nonce = journal.next_nonce("0xme")
        for _ in range(3):
            journal.prune(SCOPE, sorted(over), finalised, before)
        now = {i.id: (i, journal.attempts(i)) for i in journal.intents()}
    assert next_nonce == max((i.nonce + 1 for i, _ in now.values() if i.nonce is not None), default=0)
    for number, (intent, attempts) in was.items():
        key = RequestKey.parse(intent.key)
        assert key is not None
        must_stay = intent.state in OPEN or key.kind == "challenge" or key.round_id not in over - {0}
        may_be_light = key.round_id in over - {0} and intent.state not in (*OPEN, IntentState.DISPLACED)
        if must_stay or intent.state == IntentState.DISPLACED:
            assert number in now
        if number in now and not may_be_light:
            assert now[number] == (intent, attempts)
        if number in now:
            assert [each.hash for each in now[number][1]] == [each.hash for each in attempts]


@contextmanager
def journal_in_memory() -> Iterator[Journal]:
    with Journal(*database.connect(sa.create_engine("sqlite://"), None)) as journal:
        yield journal


@pytest.mark.parametrize(
    "label",
    [
        f"journal-pruning@{step} of {round_id}"
        for step, rounds in {"bytes": (7, 9, 10), "rows": (7, 9)}.items()
        for round_id in rounds
    ],
)
def test_a_process_that_is_killed_while_it_prunes_leaves_all_of_it(tmp_path: Path, label: str) -> None:
    with Journal.open(tmp_path / "j") as journal:
        for number in (7, 9, 10):
            act(journal, f"{SCOPE}:{number}:settle:0", number)
        before = contents(journal)
    assert killed_at(tmp_path / "j", label) == -signal.SIGKILL
    with Journal.open(tmp_path / "j") as journal:
        assert contents(journal) == before
    assert killed_at(tmp_path / "j", "never") == 0
    with Journal.open(tmp_path / "j") as journal:
        assert set(kept(journal)) == {"10:settle:0"}  # the highest nonce


def test_a_file_that_is_mostly_empty_is_made_smaller_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "IDLE_PAGES", 100)
    path = tmp_path / "j"
    with Journal.open(path) as journal:
        for number in range(1, 101):
            intent = journal.plan(f"{SCOPE}:{number}:settle:0", "0xme", Call("0xt", bytes(9_000), 1), None)
            signed = Attempt(bytes([number]) * 32, bytes(9_000), Bid(1, 2), False, 0)
            mined = Mined(signed.hash, 1, ok=True, gas_used=1)
            journal.become(journal.sign(intent, number, signed), IntentState.FINAL, mined, 1)
        while over := journal.whole_rounds(SCOPE):
            journal.prune(SCOPE, over, FAR, 0)
    large = path.stat().st_size
    with Journal.open(path) as journal:
        assert len(journal.intents()) == 100
    assert large > 1_800_000
    assert path.stat().st_size < large / 10


LOOKUPS: dict[str, Callable[[Journal], object]] = {
    "latest": lambda j: j.latest(f"{SCOPE}:1:settle:0"),
    "generations": lambda j: j.generations(f"{SCOPE}:1:settle:0"),
    "open_intents": lambda j: j.open_intents("0xme"),
    "attempts": lambda j: [j.attempts(intent) for intent in j.generations(f"{SCOPE}:1:settle:0")],
    "intents_of": lambda j: j.intents_of(SCOPE, "challenge"),
    "whole_rounds": lambda j: j.whole_rounds(SCOPE),
    "next_nonce": lambda j: j.next_nonce("0xme"),
    "holder": lambda j: j.holder("0xme", 3),
    "note": lambda j: j.note("n"),
    "numbered": lambda j: j.numbered("0xme:register"),
    "set_numbered": lambda j: j.set_numbered("0xme:register", NumberedRequest("t", 1, 2)),
    "events": lambda j: j.events("CEILING"),
    "set_note": lambda j: j.set_note("n", "1"),
    "plan, sign and become": lambda j: act(j, f"{SCOPE}:5:settle:0", 99),
    "prune": lambda j: j.prune(SCOPE, [1, 2], FAR, FAR),
}


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_no_lookup_of_a_cycle_reads_a_whole_table(tmp_path: Path, lookup: str) -> None:
    with Journal.open(tmp_path / "j") as journal:
        for number in range(1, 4):
            act(journal, f"{SCOPE}:{number}:settle:0", number)
        asked: list[tuple[str, object]] = []
        connection = journal._connection

        def heard(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
            asked.append((statement, parameters))

        sa.event.listen(connection.engine, "before_cursor_execute", heard)
        LOOKUPS[lookup](journal)
        sa.event.remove(connection.engine, "before_cursor_execute", heard)
        explained = [
            row
            for statement, parameters in asked
            if not statement.startswith("INSERT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
        ]
        connection.rollback()
    plans = [str(row[3]) for row in explained]
    assert plans
    tables = tuple(f"SCAN {table}" for table in METADATA.tables)
    assert not [plan for plan in plans if plan.startswith(tables)]


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("137:0xAb:7:settle:3", ("137:0xAb", 7, "settle")),
        ("137:0xAb:7:challenge", ("137:0xAb", 7, "challenge")),
        ("137:0xAb:0:open:ff:00", ("137:0xAb", 0, "open")),
        ("137:0xAb:7:challenged", ("137:0xAb", 7, "challenged")),
        ("gap:0xme:3", None),
        ("137:0xAb:settle", None),
        ("137:0xAb:7", None),
        ("137:0xAb:7:", None),
        ("137:0xAb:-7:settle", None),
        ("137:0xAb:\u0667:settle", None),
        ("x137:0xAb:7:settle", None),
        ("137:0xAb:99999999999999999999:settle", None),
        ("deposit#3", None),
        ("137:0xAb:7:deposit#3", None),
    ],
)
def test_a_key_is_taken_apart_or_is_none_of_a_tournament(
    key: str, parts: tuple[str, int, str] | None
) -> None:
    columns = columns_of(key)
    assert (columns["scope"], columns["round"], columns["act"]) == (parts or (None, None, None))
