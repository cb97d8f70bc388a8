"""Records what was signed, so that it is signed once: in a SQLite file, or in PostgreSQL by URL.

The chain is the truth; the journal is the memory of signatures alone. It belongs to one process at a time, by
a lock, and everything is committed to the disk before anybody acts on it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import sqlalchemy as sa

from scorer.chain.fees import Bid
from scorer.chain.rpc_errors import Answer
from scorer.redaction import clean
from scorer.transactions.database import JournalError as JournalError
from scorer.transactions.database import close, open_database
from scorer.transactions.intents import OPEN, Attempt, Call, Intent, IntentState, Mined
from scorer.transactions.pruning import WHOLE, lighten, remove, remove_events, rounds_in_stage
from scorer.transactions.schema import ATTEMPT, EVENT, INTENT, IS_OPEN, NOTE, NUMBERED, columns_of


@dataclass(frozen=True)
class Event:
    """A line of the append-only log; `at` is chain time, seconds since the epoch."""

    at: int
    kind: str
    detail: str


@dataclass(frozen=True)
class NumberedRequest:
    """The state of a request that a person may make again, whose keys are numbered.

    Attributes
    ----------
    title
        The latest one in words; None where none was ever made.
    acknowledged
        Number of those that are finished and were reported; also the number of the next one.
    ceiling
        The highest fee cap that was agreed to for the next one, wei per gas; None: as the fee policy has it.
    """

    title: str | None = None
    acknowledged: int = 0
    ceiling: int | None = None


class Journal:
    """Intents, their signed attempts, and a log of what happened to them.

    One connection is held as long as the journal is open: with PostgreSQL the lock ends with it, and a
    journal whose connection broke writes nothing any more.
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
        return cls(*open_database(location))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database, and release the lock."""
        close(self._connection, self._lock)

    def latest(self, key: str) -> Intent | None:
        """Return the newest generation of an intent; None where there is none."""
        rows = self._read(sa.select(INTENT).where(INTENT.c.key == key).order_by(INTENT.c.generation.desc()))
        return _intent(rows[0]) if rows else None

    def plan(self, key: str, account: str, call: Call, not_after: int | None) -> Intent:
        """Write an intent; nothing is signed yet.

        It replaces one of the same key that was planned and never signed.
        """
        before = self.latest(key)
        if before is not None and before.state == IntentState.PLANNED:
            self._write(sa.delete(INTENT).where(INTENT.c.id == before.id))
        # One that was never signed had no effect: its number is used again.
        generation = 0 if before is None else before.generation + (before.state != IntentState.PLANNED)
        row = {
            "key": key,
            "generation": generation,
            **columns_of(key),
            "account": account,
            "to": call.to,
            "data": call.data,
            # Wei as text: ten tokens are more than a database's 64 bits hold.
            "value": str(call.value),
            "gas": call.gas,
            "not_after": not_after,
            "state": IntentState.PLANNED.value,
        }
        self._write(sa.insert(INTENT).values(row))
        planned = self.latest(key)
        if planned is None:
            raise JournalError(f"journal: expected the intent {key} just written, found none")
        return planned

    def sign(self, intent: Intent, nonce: int, attempt: Attempt) -> Intent:
        """Commit an attempt with its nonce and gas limit, all or nothing. Only then may it be sent."""
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
        state = IntentState.SENT if intent.state == IntentState.PLANNED else intent.state
        self._write(
            sa.update(INTENT)
            .where(INTENT.c.id == intent.id)
            .values(nonce=nonce, state=state.value, gas=intent.call.gas),
            sa.insert(ATTEMPT).values(row),
        )
        return replace(intent, nonce=nonce, state=state)

    def answered(self, attempt: Attempt, refusal: Answer | None, least_tip: int = 0) -> None:
        """Record why no node took an attempt; None: one did, or may have."""
        self._write(
            sa.update(ATTEMPT)
            .where(ATTEMPT.c.hash == attempt.hash)
            .values(refusal=None if refusal is None else refusal.value, least_tip=str(least_tip))
        )

    def become(self, intent: Intent, state: IntentState, mined: Mined | None, finalised: int) -> Intent:
        """Record a new state of an intent, as of a finalised block."""
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
        """Return all that was ever signed for an intent, oldest first."""
        rows = self._read(sa.select(ATTEMPT).where(ATTEMPT.c.intent == intent.id).order_by(ATTEMPT.c.id))
        return [_attempt(row) for row in rows]

    def open_intents(self, account: str) -> list[Intent]:
        """Return the signed intents of an account that are not finished, by nonce."""
        query = sa.select(INTENT).where(INTENT.c.account == account, IS_OPEN)
        return [_intent(row) for row in self._read(query.order_by(INTENT.c.nonce))]

    def intents(self, part: str = "") -> list[Intent]:
        """Return all intents whose key contains `part`, oldest first."""
        query = sa.select(INTENT).where(INTENT.c.key.contains(part, autoescape=True)).order_by(INTENT.c.id)
        return [_intent(row) for row in self._read(query)]

    def generations(self, key: str) -> list[Intent]:
        """Return all intents of a key, oldest first."""
        query = sa.select(INTENT).where(INTENT.c.key == key).order_by(INTENT.c.generation)
        return [_intent(row) for row in self._read(query)]

    def intents_of(self, scope: str, kind: str) -> list[Intent]:
        """Return all intents of one kind of a tournament, oldest first; see `RequestKey`."""
        query = sa.select(INTENT).where(INTENT.c.scope == scope, INTENT.c.act == kind)
        return [_intent(row) for row in self._read(query.order_by(INTENT.c.id))]

    def unfinished(self) -> int:
        """Count the intents of all accounts that are planned, or signed and not finished."""
        query = sa.select(sa.func.count()).select_from(INTENT).where(INTENT.c.finished_at.is_(None))
        return int(self._read(query)[0][0])

    def whole_rounds(self, scope: str) -> list[int]:
        """Return the rounds of a tournament whose signed bytes are kept, oldest first."""
        with _in_words("read"), self._connection.begin():
            return rounds_in_stage(self._connection, scope, WHOLE)

    def prune(self, scope: str, over: Sequence[int], finalised: int, before: int) -> tuple[int, int]:
        """Drop records of a tournament's rounds that need not be kept; see `scorer.transactions.pruning`.

        Parameters
        ----------
        over
            Rounds that are over in the block `finalised`: their signed bytes and calldata are dropped, hash,
            nonce and key stay.
        before
            Chain time, seconds since the epoch: rounds without bytes that signed nothing since are removed,
            and the log before it.

        Returns
        -------
        tuple[int, int]
            Number of rounds whose bytes were dropped, and of rounds that were removed: some at a time.
        """
        with _in_words("write"), self._connection.begin():
            light = lighten(self._connection, scope, over, finalised)
            removed = remove(self._connection, scope, before)
            remove_events(self._connection, before)
        return light, removed

    def next_nonce(self, account: str) -> int:
        """Return one more than the highest nonce ever signed for an account; 0 when none was."""
        query = sa.select(sa.func.max(INTENT.c.nonce)).where(INTENT.c.account == account)
        highest = self._read(query)[0][0]
        return 0 if highest is None else int(highest) + 1

    def holder(self, account: str, nonce: int) -> Intent | None:
        """Return the intent that was signed for an account with a nonce."""
        query = sa.select(INTENT).where(INTENT.c.account == account, INTENT.c.nonce == nonce)
        rows = self._read(query)
        return _intent(rows[0]) if rows else None

    def recall(self, intent: Intent) -> Intent:
        """Reopen a displaced intent as one whose time is over: its nonce is to be used up."""
        values = {"state": IntentState.SENT.value, "not_after": 0, "finished_at": None}
        self._write(sa.update(INTENT).where(INTENT.c.id == intent.id).values(values))
        return replace(intent, state=IntentState.SENT, not_after=0, finished_at=None)

    def log(self, at: int, kind: str, detail: str) -> None:
        """Append an event to the log; `at` is chain time, seconds since the epoch."""
        self._write(sa.insert(EVENT).values(at=at, kind=kind, detail=detail))

    def events(self, kind: str | None = None) -> list[Event]:
        """Return the events of the log, or those of one kind, oldest first."""
        query = sa.select(EVENT).order_by(EVENT.c.id)
        rows = self._read(query if kind is None else query.where(EVENT.c.kind == kind))
        return [Event(row.at, row.kind, row.detail) for row in rows]

    def note(self, key: str) -> str | None:
        """Return the text that was noted under a key, or None."""
        rows = self._read(sa.select(NOTE.c.value).where(NOTE.c.key == key))
        return str(rows[0][0]) if rows else None

    def set_note(self, key: str, value: str) -> None:
        """Note a text under a key, in place of the one before."""
        self._write(sa.delete(NOTE).where(NOTE.c.key == key), sa.insert(NOTE).values(key=key, value=value))

    def numbered(self, key: str) -> NumberedRequest:
        """Return the state of a numbered request by its key without a number."""
        rows = self._read(sa.select(NUMBERED).where(NUMBERED.c.key == key))
        if not rows:
            return NumberedRequest()
        ceiling = rows[0].ceiling
        return NumberedRequest(rows[0].title, rows[0].acknowledged, None if ceiling is None else int(ceiling))

    def set_numbered(self, key: str, state: NumberedRequest) -> None:
        """Record the state of a numbered request, in place of the one before."""
        row = {
            "key": key,
            "title": state.title,
            "acknowledged": state.acknowledged,
            "ceiling": None if state.ceiling is None else str(state.ceiling),
        }
        self._write(sa.delete(NUMBERED).where(NUMBERED.c.key == key), sa.insert(NUMBERED).values(row))

    def _read(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with _in_words("read"), self._connection.begin():
            return self._connection.execute(query).all()

    def _write(self, *statements: sa.Executable) -> None:
        with _in_words("write"), self._connection.begin():
            for statement in statements:
                self._connection.execute(statement)


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.OperationalError as error:
        raise JournalError(
            f"journal: expected to {what} it, found {clean(str(error.orig))}; nothing is sent that is not "
            "in it: make room on its disk, or bring its database back, and start again"
        ) from None


def _intent(row: sa.Row[Any]) -> Intent:
    return Intent(
        id=row.id,
        key=row.key,
        generation=row.generation,
        account=row.account,
        call=Call(row.to, row.data, row.gas, int(row.value)),
        not_after=row.not_after,
        state=IntentState(row.state),
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
