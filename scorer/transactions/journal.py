"""The memory of what was signed: SQLite in one file, or PostgreSQL by URL.

The chain is the truth; the journal only remembers what was signed, so that it is signed once. It belongs to
one process at a time, by a lock, and everything is committed to the disk before anybody acts on it.
"""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import sqlalchemy as sa
from eth_hash.auto import keccak
from sqlalchemy.pool import NullPool

from scorer.chain.fees import Bid
from scorer.chain.rpc_errors import Answer
from scorer.errors import CupelError
from scorer.redaction import clean, described
from scorer.transactions.attempts import OPEN, Attempt, Call, Intent, Mined, State
from scorer.transactions.pruning import WHOLE, lighten, remove, remove_events, rounds_in_stage
from scorer.transactions.schema import ATTEMPT, EVENT, INTENT, IS_OPEN, NOTE, NewerSchema, parts_of, prepare

IDLE_PAGES: Final = 4096
"""Pages of 4 kB that a file may have to spare, or half of it, before it is made smaller."""


class JournalError(CupelError):
    """The journal cannot be used; the message says why, and what to do."""


@dataclass(frozen=True)
class Event:
    """A line of the append-only log. `at` is chain time."""

    at: int
    kind: str
    detail: str


class Journal:
    """Intents, their signed attempts, and a log of what happened to them.

    One connection is held for good: with PostgreSQL the lock lives and dies with it, and a journal whose
    connection broke writes nothing any more.
    """

    def __init__(self, connection: sa.Connection, lock: IO[str] | None) -> None:
        self._connection = connection
        self._lock = lock

    @classmethod
    def open(cls, location: str | Path) -> Self:
        """Open a journal, and create it where there is none.

        Parameters
        ----------
        location
            A file for SQLite, or a URL such as ``postgresql+psycopg://user@host/name``.

        Raises
        ------
        JournalError
            When another process holds it, or it cannot be opened.
        """
        if "://" in str(location):
            return cls._open(_engine(str(location)), None)
        path = Path(location).resolve()  # a link to a journal has the journal's lock
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.with_name(path.name + ".lock").open("a")
        except OSError as error:
            raise JournalError(
                f"journal {path}: expected a file that can be written there, found {error.strerror}"
            ) from None
        lock = _locked(file, path)
        return cls._open(
            sa.create_engine(f"sqlite:///{path}", poolclass=NullPool, hide_parameters=True), lock
        )

    @classmethod
    def _open(cls, engine: sa.Engine, lock: IO[str] | None) -> Self:
        connection: sa.Connection | None = None
        try:
            connection = engine.connect()
            if engine.dialect.name == "sqlite":
                _make_durable(connection)
            else:
                _advisory_lock(connection)
            prepare(connection)
            if engine.dialect.name == "sqlite":
                _shrink(connection)
        except NewerSchema as error:
            _let_go(connection, lock)
            raise JournalError(
                f"journal {_where(engine.url)}: {error}; install the release that wrote it, or a newer "
                "one: what this one would misread must not be written to"
            ) from None
        except sa.exc.SQLAlchemyError as error:
            _let_go(connection, lock)
            raise JournalError(
                f"journal {_where(engine.url)}: expected a database that can be opened and written, "
                f"found {type(error).__name__}; check the location and its rights"
            ) from None
        return cls(connection, lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database and of the lock."""
        self._connection.close()
        if self._lock is not None:
            self._lock.close()

    def latest(self, key: str) -> Intent | None:
        """The newest generation of an intent."""
        found = self._read(sa.select(INTENT).where(INTENT.c.key == key).order_by(INTENT.c.generation.desc()))
        return _intent(found[0]) if found else None

    def plan(self, key: str, account: str, call: Call, not_after: int | None) -> Intent:
        """Write down what is to be done; nothing is signed yet.

        An intent of this key that was planned and never signed is planned anew in its place.
        """
        before = self.latest(key)
        if before is not None and before.state == State.PLANNED:
            self._write(sa.delete(INTENT).where(INTENT.c.id == before.id))
        generation = 0 if before is None else before.generation + (before.state != State.PLANNED)
        row = {
            "key": key,
            "generation": generation,
            **parts_of(key),
            "account": account,
            "to": call.to,
            "data": call.data,
            "value": str(call.value),
            "gas": call.gas,
            "not_after": not_after,
            "state": State.PLANNED.value,
        }
        self._write(sa.insert(INTENT).values(row))
        planned = self.latest(key)
        if planned is None:
            raise JournalError(f"journal: expected the intent {key} just written, found none")
        return planned

    def sign(self, intent: Intent, nonce: int, attempt: Attempt) -> Intent:
        """Commit an attempt, the nonce and the gas it has, together. Only then may it be sent."""
        row = {
            "hash": attempt.hash,
            "intent": intent.id,
            "raw": attempt.raw,
            "tip": str(attempt.bid.tip),
            "cap": str(attempt.bid.cap),
            "cancels": attempt.cancels,
            "signed_at": attempt.signed_at,
            "refusal": None if attempt.refusal is None else attempt.refusal.value,
            "least_tip": "0",
        }
        state = State.SENT if intent.state == State.PLANNED else intent.state
        self._write(
            sa.update(INTENT)
            .where(INTENT.c.id == intent.id)
            .values(nonce=nonce, state=state.value, gas=intent.call.gas),
            sa.insert(ATTEMPT).values(row),
        )
        return replace(intent, nonce=nonce, state=state)

    def answered(self, attempt: Attempt, refusal: Answer | None, least_tip: int = 0) -> None:
        """Keep why a node did not take an attempt, or that it did."""
        self._write(
            sa.update(ATTEMPT)
            .where(ATTEMPT.c.hash == attempt.hash)
            .values(refusal=None if refusal is None else refusal.value, least_tip=str(least_tip))
        )

    def become(self, intent: Intent, state: State, mined: Mined | None, finalised: int) -> Intent:
        """Keep how far an intent is."""
        changed = replace(
            intent,
            state=state,
            block=None if mined is None else mined.block,
            gas_used=None if mined is None else mined.gas_used,
            ok=None if mined is None else mined.ok,
            finished_at=None if state in OPEN else finalised,
        )
        self._write(
            sa.update(INTENT)
            .where(INTENT.c.id == intent.id)
            .values(
                state=state.value,
                block=changed.block,
                gas_used=changed.gas_used,
                ok=changed.ok,
                finished_at=changed.finished_at,
            )
        )
        return changed

    def attempts(self, intent: Intent) -> list[Attempt]:
        """All that was ever signed for an intent, oldest first."""
        rows = self._read(sa.select(ATTEMPT).where(ATTEMPT.c.intent == intent.id).order_by(ATTEMPT.c.id))
        return [_attempt(row) for row in rows]

    def open_intents(self, account: str) -> list[Intent]:
        """What an account signed and what is not finished, in the order of the nonces."""
        query = sa.select(INTENT).where(INTENT.c.account == account, IS_OPEN)
        return [_intent(row) for row in self._read(query.order_by(INTENT.c.nonce))]

    def intents(self, part: str = "") -> list[Intent]:
        """All intents whose key contains `part`, oldest first."""
        query = sa.select(INTENT).where(INTENT.c.key.contains(part, autoescape=True)).order_by(INTENT.c.id)
        return [_intent(row) for row in self._read(query)]

    def generations(self, key: str) -> list[Intent]:
        """All intents of a key, oldest first."""
        query = sa.select(INTENT).where(INTENT.c.key == key).order_by(INTENT.c.generation)
        return [_intent(row) for row in self._read(query)]

    def acts(self, scope: str, act: str) -> list[Intent]:
        """All intents of a tournament that are of one kind, oldest first; see `scorer.transactions.keys`."""
        query = sa.select(INTENT).where(INTENT.c.scope == scope, INTENT.c.act == act)
        return [_intent(row) for row in self._read(query.order_by(INTENT.c.id))]

    def unfinished(self) -> int:
        """How many intents of all accounts are planned, or signed and not finished."""
        query = sa.select(sa.func.count()).select_from(INTENT).where(INTENT.c.finished_at.is_(None))
        return int(self._read(query)[0][0])

    def whole_rounds(self, scope: str) -> list[int]:
        """The rounds of a tournament whose signed bytes are kept, oldest first."""
        with _in_words("read"), self._connection.begin():
            return rounds_in_stage(self._connection, scope, WHOLE)

    def prune(self, scope: str, over: Sequence[int], finalised: int, before: int) -> tuple[int, int]:
        """Drop what need not be kept of a tournament's rounds; see `scorer.transactions.pruning`.

        Parameters
        ----------
        over
            Rounds that are over in the block `finalised`: their bytes go, hash, nonce and key stay.
        before
            Chain time: rounds whose bytes went and that signed nothing since go, and the log before it.

        Returns
        -------
        tuple[int, int]
            Of how many rounds the bytes went, and how many were removed: some at a time.
        """
        with _in_words("write"), self._connection.begin():
            light = lighten(self._connection, scope, over, finalised)
            removed = remove(self._connection, scope, before)
            remove_events(self._connection, before)
        return light, removed

    def next_nonce(self, account: str) -> int:
        """One more than the highest nonce ever signed for an account; 0 when none was."""
        query = sa.select(sa.func.max(INTENT.c.nonce)).where(INTENT.c.account == account)
        highest = self._read(query)[0][0]
        return 0 if highest is None else int(highest) + 1

    def holder(self, account: str, nonce: int) -> Intent | None:
        """What was signed for an account with a nonce."""
        query = sa.select(INTENT).where(INTENT.c.account == account, INTENT.c.nonce == nonce)
        found = self._read(query)
        return _intent(found[0]) if found else None

    def recall(self, intent: Intent) -> Intent:
        """Take up again what was displaced, as something whose time is over: its nonce is to be used up."""
        values = {"state": State.SENT.value, "not_after": 0, "finished_at": None}
        self._write(sa.update(INTENT).where(INTENT.c.id == intent.id).values(values))
        return replace(intent, state=State.SENT, not_after=0, finished_at=None)

    def log(self, at: int, kind: str, detail: str) -> None:
        """Append to the log."""
        self._write(sa.insert(EVENT).values(at=at, kind=kind, detail=detail))

    def events(self, kind: str | None = None) -> list[Event]:
        """The log, or what it has of one kind, oldest first."""
        query = sa.select(EVENT).order_by(EVENT.c.id)
        rows = self._read(query if kind is None else query.where(EVENT.c.kind == kind))
        return [Event(row.at, row.kind, row.detail) for row in rows]

    def note(self, key: str) -> str | None:
        """What was noted under a key, or None."""
        rows = self._read(sa.select(NOTE.c.value).where(NOTE.c.key == key))
        return str(rows[0][0]) if rows else None

    def set_note(self, key: str, value: str) -> None:
        """Note a value under a key, in place of the one before."""
        self._write(sa.delete(NOTE).where(NOTE.c.key == key), sa.insert(NOTE).values(key=key, value=value))

    def _read(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with _in_words("read"), self._connection.begin():
            return self._connection.execute(query).all()

    def _write(self, *statements: sa.Executable) -> None:
        with _in_words("write"), self._connection.begin():
            for statement in statements:
                self._connection.execute(statement)


def _engine(url: str) -> sa.Engine:
    """A database's engine; of a URL that is none, nothing is shown, as its password is anywhere in it."""
    try:
        return sa.create_engine(url, poolclass=NullPool, hide_parameters=True)
    except (sa.exc.ArgumentError, ImportError, ValueError) as error:
        raise JournalError(
            "journal: expected a URL such as postgresql+psycopg://user@host/name, found "
            f"{described(url)} ({type(error).__name__})"
        ) from None


def _where(url: sa.URL) -> str:
    """What messages call a database: a URL's user, password and parameters are left out."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"{url.host}:{url.port}" if url.port else str(url.host)


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.OperationalError as error:
        raise JournalError(
            f"journal: expected to {what} it, found {clean(str(error.orig))}; nothing is sent that is not "
            "in it: make room on its disk, or bring its database back, and start again"
        ) from None


def _locked(lock: IO[str], path: Path) -> IO[str]:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise JournalError(
            f"journal {path}: expected it to be free, found another process at work with it; two must not "
            "share a key: stop the other one, or give this one a journal and a key of its own"
        ) from None
    return lock


def _let_go(connection: sa.Connection | None, lock: IO[str] | None) -> None:
    if connection is not None:
        connection.close()
    if lock is not None:
        lock.close()


def _shrink(connection: sa.Connection) -> None:
    """Give back what pruning left over, where it is much; while the disk is full, another time."""
    pages = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    idle = int(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one())
    connection.commit()
    if idle > IDLE_PAGES and 2 * idle > pages:
        with suppress(sa.exc.OperationalError):
            connection.exec_driver_sql("VACUUM")
        connection.rollback()


def _make_durable(connection: sa.Connection) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.exec_driver_sql(f"PRAGMA {pragma}")
    connection.commit()


def _advisory_lock(connection: sa.Connection) -> None:
    """PostgreSQL frees an advisory lock when its session ends, however it ends."""
    number = int.from_bytes(keccak(b"cupel transaction journal")[:8], "big", signed=True)
    taken = connection.execute(sa.select(sa.func.pg_try_advisory_lock(number))).scalar_one()
    connection.commit()
    if not taken:
        raise JournalError(
            "journal: expected the database to be free, found another process at work with it; two must not "
            "share a key: stop the other one, or give this one a database and a key of its own"
        )


def _intent(row: sa.Row[Any]) -> Intent:
    return Intent(
        id=row.id,
        key=row.key,
        generation=row.generation,
        account=row.account,
        call=Call(row.to, row.data, row.gas, int(row.value)),
        not_after=row.not_after,
        state=State(row.state),
        nonce=row.nonce,
        block=row.block,
        gas_used=row.gas_used,
        ok=row.ok,
        finished_at=row.finished_at,
    )


def _attempt(row: sa.Row[Any]) -> Attempt:
    return Attempt(
        hash=row.hash,
        raw=row.raw,
        bid=Bid(int(row.tip), int(row.cap)),
        cancels=row.cancels,
        signed_at=row.signed_at,
        refusal=None if row.refusal is None else Answer(row.refusal),
        least_tip=int(row.least_tip),
    )
