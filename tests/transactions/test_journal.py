"""The journal keeps what was signed, belongs to one process, and works on SQLite and on PostgreSQL."""

from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from scorer.chain.fees import Bid
from scorer.chain.rpc_errors import Answer
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.transactions.intents import Attempt, Call, IntentState, Mined
from scorer.transactions.journal import Event, Journal, JournalError, NumberedRequest
from scorer.transactions.schema import METADATA
from tests.postgresql import postgres as postgres

CALL = Call("0x" + "11" * 20, b"\x01\x02", 21_000, 2**70)
ATTEMPT = Attempt(b"\x07" * 32, b"raw", Bid(2**65, 2**66), cancels=False, signed_at=5)


def exercise(location: str | Path) -> None:
    """Write everything, close, and read it again."""
    with Journal.open(location) as journal:
        intent = journal.plan("137:a:settle:1", "0xme", CALL, 99)
        signed = journal.sign(intent, 7, ATTEMPT)
        assert (signed.state, signed.nonce) == (IntentState.SENT, 7)
        journal.answered(ATTEMPT, Answer.TIP_TOO_LOW, 25)
        journal.become(signed, IntentState.MINED, Mined(ATTEMPT.hash, 3, ok=True, gas_used=20_000), 1)
        journal.log(5, "kind", "detail")
        journal.set_note("n", "1")
        journal.set_note("n", "2")
        journal.set_numbered("k", NumberedRequest("old", 0, 5))
        journal.set_numbered("k", NumberedRequest("deposit 5 NMR", 3, 2**70))
    with Journal.open(location) as journal:
        (found,) = journal.open_intents("0xme")
        assert (found.call, found.not_after, found.block, found.ok) == (CALL, 99, 3, True)
        (attempt,) = journal.attempts(found)
        assert (attempt.raw, attempt.bid) == (ATTEMPT.raw, ATTEMPT.bid)
        assert (attempt.refusal, attempt.least_tip) == (Answer.TIP_TOO_LOW, 25)
        assert journal.next_nonce("0xme") == 8
        assert journal.next_nonce("0xother") == 0
        assert journal.events() == [Event(5, "kind", "detail")]
        assert journal.note("n") == "2"
        assert journal.numbered("k") == NumberedRequest("deposit 5 NMR", 3, 2**70)
        assert journal.numbered("never") == NumberedRequest(None, 0, None)
        final = journal.become(found, IntentState.FINAL, Mined(ATTEMPT.hash, 3, ok=True, gas_used=20_000), 9)
        assert final.finished_at == 9
        assert journal.open_intents("0xme") == []
        assert journal.plan(found.key, "0xme", CALL, None).generation == 1


def test_a_journal_in_a_file_remembers_everything(tmp_path: Path) -> None:
    exercise(tmp_path / "new" / "folder" / "journal.sqlite")


def test_a_journal_in_postgresql_remembers_everything_and_is_held_by_one(postgres: str) -> None:
    exercise(postgres)
    with (
        Journal.open(postgres),
        pytest.raises(JournalError, match="found another process at work"),
    ):
        Journal.open(postgres)
    Journal.open(postgres).close()


def test_a_journal_is_on_the_disk_before_anything_is_sent(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        read = journal._connection.exec_driver_sql
        assert read("PRAGMA journal_mode").scalar() == "wal"
        assert read("PRAGMA synchronous").scalar() == 2
        journal._connection.rollback()


def test_two_processes_cannot_share_a_journal(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j"), pytest.raises(JournalError, match="found another process at work"):
        Journal.open(tmp_path / "j")
    Journal.open(tmp_path / "j").close()


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b"no database" * 100)
    with pytest.raises(JournalError, match=r"expected a database that can be opened and written"):
        Journal.open(tmp_path / "j")


def test_a_planned_request_is_planned_anew_in_its_place(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        journal.plan("k", "0xme", CALL, None)
        again = journal.plan("k", "0xme", CALL, 5)
        assert (again.generation, again.not_after) == (0, 5)
        assert journal.intents("k") == [again]


def test_a_link_to_a_journal_is_held_by_whoever_holds_the_journal(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "j")
    with Journal.open(tmp_path / "j"), pytest.raises(JournalError, match="found another process at work"):
        Journal.open(tmp_path / "link")


def test_a_nonce_is_given_to_one_request_only(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        first, second = (journal.plan(key, "0xme", CALL, None) for key in "ab")
        journal.sign(first, 7, ATTEMPT)
        other = Attempt(b"\x08" * 32, b"raw", ATTEMPT.bid, cancels=False, signed_at=5)
        with pytest.raises(sa.exc.IntegrityError):
            journal.sign(second, 7, other)
        assert journal.attempts(second) == []


def test_a_file_that_is_no_journal_is_let_go_of_again(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b"no database" * 100)
    for _ in range(2):
        with pytest.raises(JournalError, match=r"expected a database that can be opened and written"):
            Journal.open(tmp_path / "j")


def test_a_database_that_cannot_be_reached_keeps_its_password() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(JournalError) as caught:
        Journal.open("postgresql+psycopg://cupel:secret@127.0.0.1:9/journal?connect_timeout=1")
    assert "127.0.0.1:9" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_journal_refuses_a_second_signature_of_one_hash_and_one_without_an_act(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        first, second = (journal.plan(key, "0xme", CALL, None) for key in "ab")
        journal.sign(first, 7, ATTEMPT)
        with pytest.raises(sa.exc.IntegrityError):
            journal.sign(second, 8, ATTEMPT)
        unknown = replace(second, id=99)
        with pytest.raises(sa.exc.IntegrityError):
            journal.sign(unknown, 9, replace(ATTEMPT, hash=b"\x09" * 32))
        assert journal.next_nonce("0xme") == 8


def test_only_what_is_not_known_yet_may_be_missing() -> None:
    missing = {
        table.name: {column.name for column in table.c if column.nullable} for table in METADATA.sorted_tables
    }
    assert missing == {
        "intent": {"not_after", "nonce", "block", "gas_used", "ok", "finished_at", "scope", "round", "act"},
        "attempt": {"refusal"},
        "event": set(),
        "note": set(),
        "numbered_request": {"title", "ceiling"},
        "journal_schema": set(),
    }


def test_texts_have_room_for_all_that_is_written() -> None:
    columns = {
        table.name: {column.name: column.type for column in table.c} for table in METADATA.sorted_tables
    }
    room = {
        (table, name): kind.length
        for table, kinds in columns.items()
        for name, kind in kinds.items()
        if isinstance(kind, sa.String) and kind.length is not None
    }
    assert room["intent", "account"] >= len("0x" + "11" * 20) <= room["intent", "to"]
    assert room["intent", "state"] >= max(map(len, IntentState))
    assert room["attempt", "refusal"] >= max(map(len, Answer))
    assert room["event", "kind"] >= max(map(len, AlarmReason.__members__))


def test_requests_are_found_by_a_part_of_their_key_to_the_letter(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        for key in ("a_1", "ab1", "a%1"):
            journal.plan(key, "0xme", CALL, None)
        assert [intent.key for intent in journal.intents("a_")] == ["a_1"]
        assert [intent.key for intent in journal.intents("%")] == ["a%1"]
        assert [intent.key for intent in journal.intents()] == ["a_1", "ab1", "a%1"]


def test_a_planned_request_has_no_nonce_and_is_not_under_way(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        planned = journal.plan("k", "0xme", CALL, None)
        assert (planned.state, planned.nonce, planned.generation) == (IntentState.PLANNED, None, 0)
        assert (planned.account, planned.key, planned.finished_at) == ("0xme", "k", None)
        assert journal.open_intents("0xme") == []
        assert journal.holder("0xme", 0) is None


def test_a_raise_keeps_the_state_and_every_attempt_in_its_order(tmp_path: Path) -> None:
    raised = replace(ATTEMPT, hash=b"\x08" * 32, raw=b"higher", cancels=True)
    with Journal.open(tmp_path / "j") as journal:
        intent = journal.sign(journal.plan("k", "0xme", CALL, None), 0, ATTEMPT)
        mined = journal.become(intent, IntentState.MINED, Mined(ATTEMPT.hash, 3, ok=False, gas_used=9), 1)
        assert (mined.block, mined.gas_used, mined.ok, mined.finished_at) == (3, 9, False, None)
        assert journal.sign(mined, 0, raised).state == IntentState.MINED
        assert [(each.raw, each.cancels) for each in journal.attempts(intent)] == [
            (b"raw", False),
            (b"higher", True),
        ]
        back = journal.become(mined, IntentState.SENT, None, 5)
        assert (back.block, back.gas_used, back.ok, back.finished_at) == (None, None, None, None)
        assert journal.latest("k") == back
        assert journal.holder("0xme", 0) == back
        assert journal.holder("0xother", 0) is None
        assert journal.holder("0xme", 1) is None


def test_what_was_displaced_is_taken_up_again_as_something_whose_time_is_over(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        sent = journal.sign(journal.plan("k", "0xme", CALL, 1000), 4, ATTEMPT)
        later = replace(ATTEMPT, hash=b"\x08" * 32, raw=b"later")
        other = journal.sign(journal.plan("l", "0xme", CALL, 1000), 5, later)
        back = journal.recall(journal.become(sent, IntentState.DISPLACED, None, 6))
        assert (back.state, back.not_after, back.finished_at, back.nonce) == (IntentState.SENT, 0, None, 4)
        assert journal.latest("k") == back
        assert journal.open_intents("0xme") == [back, other]
        assert journal.attempts(back) == journal.attempts(sent)


def test_what_is_under_way_comes_in_the_order_of_its_nonces_and_is_ones_own(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        for key, nonce in (("late", 9), ("early", 4)):
            attempt = replace(ATTEMPT, hash=bytes([nonce]) * 32)
            journal.sign(journal.plan(key, "0xme", CALL, None), nonce, attempt)
        attempt = replace(ATTEMPT, hash=b"\x05" * 32)
        journal.sign(journal.plan("other", "0xother", CALL, None), 4, attempt)
        assert [intent.key for intent in journal.open_intents("0xme")] == ["early", "late"]
        assert journal.next_nonce("0xme") == 10


def test_a_refusal_is_forgotten_when_the_node_takes_it_after_all(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        intent = journal.sign(journal.plan("k", "0xme", CALL, None), 0, ATTEMPT)
        (fresh,) = journal.attempts(intent)
        assert (fresh.refusal, fresh.least_tip, fresh.signed_at, fresh.hash) == (None, 0, 5, ATTEMPT.hash)
        journal.answered(ATTEMPT, Answer.TIP_TOO_LOW, 25)
        journal.answered(ATTEMPT, None)
        (taken,) = journal.attempts(intent)
        assert (taken.refusal, taken.least_tip) == (None, 0)


def test_the_log_is_kept_by_kind_and_a_note_that_was_never_made_is_none(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        journal.log(1, "a", "first")
        journal.log(2, "b", "second")
        journal.log(3, "a", "third")
        assert [event.detail for event in journal.events("a")] == ["first", "third"]
        assert [event.at for event in journal.events()] == [1, 2, 3]
        assert journal.note("never") is None


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Event(1, "kind", "detail").at = 2  # type: ignore[misc]


def test_a_disk_that_is_full_is_reported_in_words(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        journal._connection.exec_driver_sql("PRAGMA max_page_count=1")
        journal._connection.commit()
        large = replace(CALL, data=bytes(100_000))
        with pytest.raises(JournalError, match=r"expected to write it, found .*full; nothing is sent"):
            journal.plan("k", "0xme", large, None)


def test_a_journal_that_cannot_be_made_is_reported_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="expected a file that can be written there, found"):
        Journal.open(tmp_path / "file" / "j")
    (tmp_path / "j.lock").mkdir()
    with pytest.raises(JournalError, match="expected a file that can be written there, found"):
        Journal.open(tmp_path / "j")
