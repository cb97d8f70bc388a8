"""Submissions in the database: their states, which one process at a time may change, and their history."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from eth_hash.auto import keccak

from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.signature import IN_THE_CLEAR
from scorer.server.accounts import Clock
from scorer.server.blobs import BlobFolder
from scorer.server.database import Database
from scorer.server.errors import ApiError
from scorer.server.formats import time_text
from scorer.server.tables import SUBMISSION, SUBMISSION_EVENT
from scorer.storage.inbox import ENVELOPE_SUFFIX

RECEIVED: Final = "received"
DELIVERING: Final = "delivering"
ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
UNFINISHED: Final = (RECEIVED, DELIVERING)
LEASE: Final = 300
"""Seconds for which a process has a submission alone, from each step of its work on."""
MOST_SHOWN: Final = 500
MOST_LISTED: Final = 5_000
"""Submissions of one answer, whose models share them."""


@dataclass(frozen=True)
class Held:
    """A submission that this process alone may change until a time, which whoever takes it over changes."""

    id: str
    until: int


class LeaseLost(ApiError):
    """Another process works at a submission, since this one took too long."""

    def __init__(self, held: Held) -> None:
        super().__init__(
            f"submission {held.id}: expected to finish it in {LEASE} s, found that another process took it "
            "over; see its state"
        )


@dataclass(frozen=True)
class Place:
    """The tournament, as receipts and clients name it: `number` is the clients', `signer` the server."""

    chain_id: int
    tournament: str
    number: int
    signer: str


@dataclass(frozen=True)
class SubmissionRecords:
    """All submissions of a tournament. A row that is accepted or refused never changes again."""

    database: Database
    clock: Clock
    blobs: BlobFolder
    place: Place

    def add(self, suffix: str, **values: Any) -> Held:
        """Note a submission that arrives now, and hold it.

        Its name in the inbox has its number among those of the model and the round: of two in one second, the
        later one comes later by name too, and that one counts.

        Parameters
        ----------
        suffix
            Of its file, with its dot: .csv, .parquet or .envelope.
        """
        submission = str(uuid.uuid4())
        of_model = {name: values[name] for name in ("model", "round")}
        with self.database.writing(durable=False) as connection:  # nobody has heard of it yet
            now = self.clock()
            earlier = connection.scalar(_EARLIER, of_model)
            row = {"id": submission, "state": RECEIVED, "received_at": now, "changed_at": now}
            row["inbox_file"] = f"{values['model']}.{(earlier or 0) + 1:06}.{submission}{suffix}"
            row["held_until"] = now + LEASE
            connection.execute(sa.insert(SUBMISSION), values | row)
            _note(connection, submission, RECEIVED, None, now)
        return Held(submission, now + LEASE)

    def become(
        self, held: Held, state: str, reason: str | None = None, *, once: bool = False, **values: Any
    ) -> Held:
        """Change the state of a submission that this process holds.

        Parameters
        ----------
        once
            Whether the same bytes may be submitted only once for its model.

        Raises
        ------
        LeaseLost
            When another process does.
        ApiError
            When they were submitted before.
        """
        now = self.clock()
        until = now + LEASE if state in UNFINISHED else 0
        mine = {"mine": held.id, "mine_until": held.until}
        values = {**values, "state": state, "reason": reason, "changed_at": now, "held_until": until}
        with self.database.writing() as connection:
            if once:
                _require_new(connection, held.id)
            if connection.execute(_MINE, values | mine).rowcount != 1:
                raise LeaseLost(held)
            _note(connection, held.id, state, reason, now)
        return Held(held.id, until)

    def take_over(self) -> list[tuple[Held, sa.Row[Any]]]:
        """Hold every unfinished submission that no process works at any more."""
        now = self.clock()
        left = (SUBMISSION.c.state.in_(UNFINISHED), SUBMISSION.c.held_until <= now)
        with self.database.reading() as connection:
            rows = connection.execute(sa.select(SUBMISSION).where(*left)).all()
        until = now + LEASE
        return [(Held(row.id, until), row) for row in rows if self._hold(row.id, row.held_until, until)]

    def renew(self, held: Held) -> tuple[Held, sa.Row[Any]]:
        """Hold a submission for another while, before a step that must not be done twice; the submission.

        Raises
        ------
        LeaseLost
            When another process does.
        """
        now, until = self.clock(), held.until
        if until - now <= LEASE // 2:
            until = now + LEASE
            if not self._hold(held.id, held.until, until):
                raise LeaseLost(held)
        row = self.row(held.id)
        if row.held_until != until:
            raise LeaseLost(held)
        return Held(held.id, until), row

    def _hold(self, submission: str, before: int, until: int) -> bool:
        """Hold a submission unless another process was faster; whether this one was."""
        same = (SUBMISSION.c.id == submission, SUBMISSION.c.held_until == before)
        held = sa.update(SUBMISSION).where(*same, SUBMISSION.c.state.in_(UNFINISHED))
        with self.database.writing() as connection:
            return connection.execute(held.values(held_until=until)).rowcount == 1

    def row(self, submission: str) -> sa.Row[Any]:
        """Return a submission that is there."""
        with self.database.reading() as connection:
            return connection.execute(_ONE, {"submission": submission}).one()

    def newest(self, models: Sequence[int], submission: str | None = None) -> sa.Row[Any] | None:
        """Return the newest submission of some models, or the one of that id; None where they have none."""
        named = sa.true() if submission is None else SUBMISSION.c.id == submission
        query = sa.select(SUBMISSION).where(SUBMISSION.c.model.in_(models), named).order_by(*_NEWEST)
        with self.database.reading() as connection:
            return connection.execute(query.limit(1)).one_or_none()

    def documents(self, model: int) -> list[dict[str, Any]]:
        """Return a model's submissions as clients read them, newest first."""
        return self.documents_of([model])[model]

    def documents_of(self, models: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
        """Return the newest submissions of models by model; the newest accepted one of a round counts."""
        most = max(1, min(MOST_SHOWN, MOST_LISTED // max(len(models), 1)))
        number = sa.func.row_number().over(partition_by=SUBMISSION.c.model, order_by=_NEWEST)
        numbered = sa.select(SUBMISSION, number.label("number")).where(SUBMISSION.c.model.in_(models))
        known = numbered.subquery()
        newest = sa.select(known).where(known.c.number <= most).order_by(known.c.model, known.c.number)
        with self.database.reading() as connection:
            rows = connection.execute(newest).all()
        seen, documents = set[tuple[int, int]](), {model: list[dict[str, Any]]() for model in models}
        for row in rows:
            selected = row.state == ACCEPTED and (row.model, row.round) not in seen
            if selected:
                seen.add((row.model, row.round))
            documents[row.model].append(self.document(row, selected=selected))
        return documents

    def document(self, row: sa.Row[Any], *, selected: bool = False) -> dict[str, Any]:
        """Return a submission as clients read it; `selected` says that it counts."""
        return {
            "id": row.id,
            "filename": row.filename,
            "insertedAt": time_text(row.received_at),
            "selected": selected,
            "round": {"tournament": self.place.number, "number": row.round},
            "triggerId": row.trigger_id,
            "state": row.state,
            "reason": row.reason,
            "changedAt": time_text(row.changed_at),
            "contentHash": row.content_hash,
            "ciphertextHash": to_hex(ciphertext_hash(row)),
            "receipt": self._receipt(row) if row.state == ACCEPTED else None,
        }

    def _receipt(self, row: sa.Row[Any]) -> dict[str, Any]:
        signature = keccak(from_hex(row.signature))
        hashes = {"contentHash": row.content_hash, "ciphertextHash": to_hex(ciphertext_hash(row))}
        hashes |= {"signatureHash": to_hex(signature)}
        return {
            "chainId": str(self.place.chain_id),
            "tournament": self.place.tournament,
            "roundId": str(row.round),
            "modelId": str(row.model),
            **hashes,
            "receivedAt": str(row.received_at),
            "signer": self.place.signer,
            "signature": row.receipt,
        }

    def content(self, filename: str) -> bytes | None:
        """Return a submission's file; None for one that is not here."""
        with self.database.reading() as connection:
            query = sa.select(SUBMISSION.c.digest).where(SUBMISSION.c.filename == filename)
            digest = connection.scalar(query)
        try:
            return None if digest is None else self.blobs.read(digest)
        except FileNotFoundError:
            return None

    def counts(self) -> dict[str, int]:
        """Return how many submissions are in each state."""
        query = sa.select(SUBMISSION.c.state, sa.func.count()).group_by(SUBMISSION.c.state)
        with self.database.reading() as connection:
            found = {row.state: int(row[1]) for row in connection.execute(query)}
        return {state: found.get(state, 0) for state in (RECEIVED, DELIVERING, ACCEPTED, REFUSED)}

    def oldest_unanswered(self) -> int | None:
        """Return when the oldest submission arrived that is neither accepted nor refused, Unix seconds."""
        waiting = SUBMISSION.c.state.in_(UNFINISHED)
        with self.database.reading() as connection:
            oldest: int | None = connection.scalar(
                sa.select(sa.func.min(SUBMISSION.c.received_at)).where(waiting)
            )
        return oldest


_NEWEST: Final = (SUBMISSION.c.received_at.desc(), SUBMISSION.c.inbox_file.desc())
"""The order in which the operator's inbox has them, backwards: by time, then by name."""
# Statements of each submission, put together once: that takes longer than to run them.
_ONE: Final = sa.select(SUBMISSION).where(SUBMISSION.c.id == sa.bindparam("submission"))
_EARLIER: Final = (
    sa.select(sa.func.count())
    .select_from(SUBMISSION)
    .where(SUBMISSION.c.model == sa.bindparam("model"), SUBMISSION.c.round == sa.bindparam("round"))
)
_MINE: Final = sa.update(SUBMISSION).where(
    SUBMISSION.c.id == sa.bindparam("mine"),
    SUBMISSION.c.held_until == sa.bindparam("mine_until"),
    SUBMISSION.c.state.in_(UNFINISHED),
)
"""Sets the columns whose values it is executed with."""
_SAME: Final = (
    sa.select(SUBMISSION.c.id, SUBMISSION.c.state)
    .where(SUBMISSION.c.model == sa.bindparam("model"), SUBMISSION.c.digest == sa.bindparam("digest"))
    .order_by(SUBMISSION.c.id)
    .with_for_update()
)


def ciphertext_hash(row: sa.Row[Any]) -> bytes:
    """Return the hash of a submission's envelope, by which its file is known; zeros where it is none."""
    is_envelope = row.inbox_file.endswith(ENVELOPE_SUFFIX)
    return bytes.fromhex(row.digest) if is_envelope else IN_THE_CLEAR


def _require_new(connection: sa.Connection, submission: str) -> None:
    """Refuse bytes that were submitted for the model before.

    All rows with these bytes are locked, so that of two at once the second one sees what the first became.
    """
    own = connection.execute(_ONE, {"submission": submission}).one()
    same = {"model": own.model, "digest": own.digest}
    for row in connection.execute(_SAME, same).all():
        if row.id != submission and row.state in (DELIVERING, ACCEPTED):
            raise ApiError(
                f"envelope: expected one that was not submitted before, found that of submission {row.id}; "
                "encrypt the predictions again"
            )


def _note(connection: sa.Connection, submission: str, state: str, reason: str | None, at: int) -> None:
    row = {"submission": submission, "state": state, "reason": reason, "at": at}
    connection.execute(sa.insert(SUBMISSION_EVENT), row)
