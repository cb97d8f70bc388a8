"""The journal keeps what was signed, belongs to one process, and works on SQLite and on PostgreSQL."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from scorer.chain.answers import Answer
from scorer.chain.fees import Bid
from scorer.chain.journal import Event, Journal, JournalError
from scorer.chain.transactions import Attempt, Call, Mined, State

CALL = Call("0x" + "11" * 20, b"\x01\x02", 21_000, 2**70)
ATTEMPT = Attempt(b"\x07" * 32, b"raw", Bid(2**65, 2**66), cancels=False, signed_at=5)


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    """A PostgreSQL server of its own, on a socket in the test's folder."""
    if shutil.which("initdb") is None and not Path("/usr/lib/postgresql/15/bin/initdb").exists():
        pytest.skip("no PostgreSQL here")
    programs = Path(shutil.which("initdb") or "/usr/lib/postgresql/15/bin/initdb").resolve().parent
    data = tmp_path / "data"
    if os.getuid() == 0 and shutil.which("runuser") is None:
        pytest.skip("PostgreSQL does not run as root, and there is no runuser here")
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if as_user:
        for folder in [tmp_path, *tmp_path.parents]:
            if folder.stat().st_uid == os.getuid() and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o011)
        data.mkdir()
        shutil.chown(data, "postgres")
    run = {"check": True, "capture_output": True, "cwd": "/"}
    subprocess.run([*as_user, programs / "initdb", "-D", data, "-A", "trust", "-U", "cupel"], **run)  # type: ignore[call-overload]
    options = f"-c listen_addresses='' -c unix_socket_directories={data}"
    start = [*as_user, programs / "pg_ctl", "-D", data, "-w", "-l", data / "log", "-o", options, "start"]
    subprocess.run(start, **run)  # type: ignore[call-overload]
    try:
        yield f"postgresql+psycopg://cupel@/postgres?host={data}"
    finally:
        subprocess.run([*as_user, programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **run)  # type: ignore[call-overload]


def exercise(location: str | Path) -> None:
    """Write everything, close, and read it again."""
    with Journal.open(location) as journal:
        intent = journal.plan("137:a:settle:1", "0xme", CALL, 99)
        signed = journal.sign(intent, 7, ATTEMPT)
        assert (signed.state, signed.nonce) == (State.SENT, 7)
        journal.answered(ATTEMPT, Answer.TIP_TOO_LOW, 25)
        journal.become(signed, State.MINED, Mined(ATTEMPT.hash, 3, ok=True, gas_used=20_000), 1)
        journal.log(5, "kind", "detail")
        journal.set_note("n", "1")
        journal.set_note("n", "2")
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
        final = journal.become(found, State.FINAL, Mined(ATTEMPT.hash, 3, ok=True, gas_used=20_000), 9)
        assert final.finished_at == 9
        assert journal.open_intents("0xme") == []
        assert journal.plan(found.key, "0xme", CALL, None).generation == 1


def test_a_journal_in_a_file_remembers_everything(tmp_path: Path) -> None:
    exercise(tmp_path / "new" / "journal.sqlite")


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


def test_a_planned_act_is_planned_anew_in_its_place(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        journal.plan("k", "0xme", CALL, None)
        again = journal.plan("k", "0xme", CALL, 5)
        assert (again.generation, again.not_after) == (0, 5)
        assert journal.intents("k") == [again]


def test_a_nonce_is_given_to_one_act_only(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        first, second = (journal.plan(key, "0xme", CALL, None) for key in "ab")
        journal.sign(first, 7, ATTEMPT)
        other = Attempt(b"\x08" * 32, b"raw", ATTEMPT.bid, cancels=False, signed_at=5)
        with pytest.raises(sa.exc.IntegrityError):
            journal.sign(second, 7, other)
        assert journal.attempts(second) == []
