"""Submissions: checked at once, delivered into the operator's inbox, and answered by a signed receipt."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import sqlalchemy as sa
from eth_hash.auto import keccak

from scorer.chain.records import RoundState
from scorer.errors import CupelError
from scorer.failpoints import reach
from scorer.isolation import SHARED_READER
from scorer.protocol.digest import content_hash
from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.receipt import SubmissionReceipt
from scorer.protocol.signature import SubmissionDigest
from scorer.server.accounts import Account, Clock, NamedModel
from scorer.server.blobs import BlobFolder
from scorer.server.database import Database
from scorer.server.errors import ApiError
from scorer.server.formats import time_text
from scorer.server.published_rounds import PublishedRounds
from scorer.server.queries import Queries
from scorer.server.tables import SUBMISSION, SUBMISSION_EVENT
from scorer.server.uploads import SUBMISSION_PURPOSE, Ticket, Uploads
from scorer.storage.bundle import round_folder
from scorer.storage.inbox import deliver, signature_path
from scorer.submission.parquet import PARQUET_MAGIC
from scorer.submission.reader import SubmissionReader
from scorer.submission.table import most_bytes

RECEIVED: Final = "received"
DELIVERING: Final = "delivering"
ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
MOST_SHOWN: Final = 500


class ServerSigner(Protocol):
    """Signs as the server; see `scorer.client.signing_service`."""

    @property
    def address(self) -> str:
        """The checksummed address."""
        ...

    def sign_submission(self, digest: SubmissionDigest) -> bytes:
        """Return the signature of a submission, 65 bytes."""
        ...

    def sign_receipt(self, receipt: SubmissionReceipt) -> bytes:
        """Return the signature of a receipt, 65 bytes."""
        ...


@dataclass(frozen=True)
class SubmissionService:
    """The submissions of a tournament.

    Attributes
    ----------
    inbox
        The operator's inbox.
    number
        How clients call the tournament.
    """

    database: Database
    clock: Clock
    queries: Queries
    published: PublishedRounds
    uploads: Uploads
    blobs: BlobFolder
    signer: ServerSigner
    chain_id: int
    tournament: str
    inbox: Path
    number: int

    def open_round(self) -> sa.Row[Any]:
        """Return the round that takes submissions now.

        Raises
        ------
        ApiError
            When none does: names the newest, and when it did.
        """
        row, now = self.queries.current_round(), self.clock()
        if row is None:
            raise ApiError("round: expected one that takes submissions, found none yet; none has opened")
        if not (row.open_at <= now < row.close_at and row.state == RoundState.OPEN):
            raise ApiError(
                f"round: expected one that takes submissions at {time_text(now)}, found round {row.id}, "
                f"which did from {time_text(row.open_at)} to {time_text(row.close_at)}; wait for the next"
            )
        return row

    def most_bytes(self) -> int:
        """Return the bytes that a submission to the open round may have."""
        row = self.open_round()
        return most_bytes(len(self.published.universe(row.id, row.universe).ids))

    def create(self, account: Account, model: NamedModel, filename: str, trigger: str | None) -> str:
        """Submit what was uploaded; the id of the submission.

        Raises
        ------
        ApiError
            When it is refused, with the reason, which the submission keeps.
        """
        row, now = self.open_round(), self.clock()
        ticket = self.uploads.take(account, filename, model, SUBMISSION_PURPOSE)
        submission = str(uuid.uuid4())
        digest = self.blobs.keep(filename)
        values = {"id": submission, "model": model.id, "round": row.id, "account": account.id}
        values |= {"filename": filename, "digest": digest, "trigger_id": trigger and trigger[:80]}
        values |= {"received_at": now, "inbox_file": self._inbox_file(model.id, submission, digest)}
        with self.database.writing() as connection:
            connection.execute(sa.insert(SUBMISSION).values(**values, state=RECEIVED, changed_at=now))
            _note(connection, submission, RECEIVED, None, now)
        reach("submission-received", submission)
        try:
            self._accept(submission, row, model, ticket)
        except CupelError as error:
            self._become(submission, REFUSED, str(error))
            raise ApiError(str(error)) from None
        return submission

    def _inbox_file(self, model: int, submission: str, digest: str) -> str:
        with self.blobs.path(digest).open("rb") as file:
            is_parquet = file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
        return f"{model}.{submission}.{'parquet' if is_parquet else 'csv'}"

    def _accept(self, submission: str, row: sa.Row[Any], model: NamedModel, ticket: Ticket) -> None:
        """Check a submission, and deliver it: the receipt is kept first, so that all that counts has one."""
        self._require_submitter(row.id, model, ticket)
        hashed = self._content_hash(submission, row)
        digest = SubmissionDigest(self.chain_id, self.tournament, row.id, model.id, hashed)
        signature = self._signature(digest, model, ticket)
        if self.clock() >= row.close_at:
            raise ApiError(
                f"round {row.id}: expected the file to be read before the round closed, found that it was not"
            )
        received = self._row(submission).received_at
        receipt = SubmissionReceipt(
            self.chain_id, self.tournament, row.id, model.id, hashed, keccak(signature), received
        )
        signed = {"content_hash": to_hex(hashed), "signature": to_hex(signature)}
        signed["receipt"] = to_hex(self.signer.sign_receipt(receipt))
        self._become(submission, DELIVERING, None, **signed)
        reach("submission-delivering", submission)
        self._deliver(self._row(submission))

    def _require_submitter(self, round_id: int, model: NamedModel, ticket: Ticket) -> None:
        """Refuse what nobody who may sign has signed, before the file is read."""
        if ticket.signature is None and model.submitter != self.signer.address:
            raise ApiError(
                f"model {model.id}: expected the signature of its submitter {model.submitter}, found none; "
                "submit through cupel gateway on your machine, or let this server sign: cupel model "
                f"submitter {model.id} {self.signer.address}"
            )
        if ticket.signature is not None and ticket.signed_round != round_id:
            raise ApiError(
                f"signature: expected one for round {round_id}, found one for round {ticket.signed_round}"
            )

    def _content_hash(self, submission: str, row: sa.Row[Any]) -> bytes:
        found = self._row(submission)
        universe = self.published.universe(row.id, row.universe)
        rules = self.published.rules(row.id, row.rules_hash)
        if rules is None:
            raise ApiError(f"round {row.id}: expected its rules to be published, found none; try again later")
        if rules.is_encrypted:
            raise ApiError(
                f"round {row.id}: expected encrypted predictions, as its rules say, found them in the clear; "
                "submit by cupel submit: this server takes no encrypted ones yet"
            )
        reader = SubmissionReader(SHARED_READER, rules.submissions, universe)
        checked = reader.read(self.blobs.path(found.digest).read_bytes(), found.filename)
        return content_hash(universe.ids, checked.values)

    def _signature(self, digest: SubmissionDigest, model: NamedModel, ticket: Ticket) -> bytes:
        if ticket.signature is None:
            return self.signer.sign_submission(digest)
        if ticket.signed_content != digest.content_hash:
            raise ApiError("signature: expected one over the predictions of the file, found one over others")
        signer = digest.signer(ticket.signature)
        if signer != model.submitter:
            raise ApiError(
                f"signature: expected that of {model.submitter}, the submitter of model {model.id}, found "
                f"that of {signer}"
            )
        return ticket.signature

    def _deliver(self, row: sa.Row[Any]) -> None:
        content = from_hex(row.content_hash, 32)
        digest = SubmissionDigest(self.chain_id, self.tournament, row.round, row.model, content)
        file, signature = self.blobs.path(row.digest).read_bytes(), from_hex(row.signature, 65)
        deliver(self.inbox, digest, signature, row.inbox_file, file, received_at=row.received_at)
        reach("submission-delivered", row.id)
        self._become(row.id, ACCEPTED, None)

    def recover(self) -> None:
        """Finish what an earlier process had begun: deliver what still can be, refuse the rest with a reason.

        A receipt is given out once a submission is accepted; so nobody holds one for what is refused here.
        """
        unfinished = sa.select(SUBMISSION).where(SUBMISSION.c.state.in_((RECEIVED, DELIVERING)))
        with self.database.reading() as connection:
            rows = connection.execute(unfinished).all()
        for row in rows:
            if row.state == DELIVERING and (self._is_delivered(row) or self._is_open(row.round)):
                self._deliver(row)
            else:
                self._become(
                    row.id, REFUSED, "the server was interrupted while it read the file; submit it again"
                )

    def _is_delivered(self, row: sa.Row[Any]) -> bool:
        file = round_folder(self.inbox, self.tournament, row.round) / row.inbox_file
        return file.is_file() and signature_path(file).is_file()

    def _is_open(self, round_id: int) -> bool:
        row = self.queries.round(round_id)
        return row is not None and row.open_at <= self.clock() < row.close_at

    def _become(self, submission: str, state: str, reason: str | None, **values: Any) -> None:
        now = self.clock()
        changed = sa.update(SUBMISSION).where(SUBMISSION.c.id == submission, SUBMISSION.c.state != ACCEPTED)
        with self.database.writing() as connection:
            connection.execute(changed.values(state=state, reason=reason, changed_at=now, **values))
            _note(connection, submission, state, reason, now)

    def _row(self, submission: str) -> sa.Row[Any]:
        with self.database.reading() as connection:
            return connection.execute(sa.select(SUBMISSION).where(SUBMISSION.c.id == submission)).one()

    def of_model(self, model: int) -> list[sa.Row[Any]]:
        """Return the submissions of a model, newest first."""
        query = sa.select(SUBMISSION).where(SUBMISSION.c.model == model)
        newest = query.order_by(SUBMISSION.c.received_at.desc(), SUBMISSION.c.id).limit(MOST_SHOWN)
        with self.database.reading() as connection:
            return list(connection.execute(newest).all())

    def documents(self, model: int) -> list[dict[str, Any]]:
        """Return a model's submissions as clients read them; the newest accepted one of a round counts."""
        seen, documents = set[int](), []
        for row in self.of_model(model):
            selected = row.state == ACCEPTED and row.round not in seen
            if selected:
                seen.add(row.round)
            documents.append(self._document(row, selected=selected))
        return documents

    def _document(self, row: sa.Row[Any], *, selected: bool) -> dict[str, Any]:
        return {
            "id": row.id,
            "filename": row.filename,
            "insertedAt": time_text(row.received_at),
            "selected": selected,
            "round": {"tournament": self.number, "number": row.round},
            "triggerId": row.trigger_id,
            "state": row.state,
            "reason": row.reason,
            "changedAt": time_text(row.changed_at),
            "contentHash": row.content_hash,
            "receipt": self._receipt(row) if row.state == ACCEPTED else None,
        }

    def _receipt(self, row: sa.Row[Any]) -> dict[str, Any]:
        signature = keccak(from_hex(row.signature))
        hashes = {"contentHash": row.content_hash, "signatureHash": to_hex(signature)}
        return {
            "chainId": str(self.chain_id),
            "tournament": self.tournament,
            "roundId": str(row.round),
            "modelId": str(row.model),
            **hashes,
            "receivedAt": str(row.received_at),
            "signer": self.signer.address,
            "signature": row.receipt,
        }

    def file(self, filename: str) -> Path | None:
        """Return the path of a submission's file; None for one that is not here."""
        with self.database.reading() as connection:
            query = sa.select(SUBMISSION.c.digest).where(SUBMISSION.c.filename == filename)
            digest = connection.scalar(query)
        path = None if digest is None else self.blobs.path(digest)
        return path if path is not None and path.is_file() else None

    def oldest_unanswered(self) -> int | None:
        """Return when the oldest submission arrived that is neither accepted nor refused, Unix seconds."""
        waiting = SUBMISSION.c.state.in_((RECEIVED, DELIVERING))
        with self.database.reading() as connection:
            oldest: int | None = connection.scalar(
                sa.select(sa.func.min(SUBMISSION.c.received_at)).where(waiting)
            )
        return oldest


def _note(connection: sa.Connection, submission: str, state: str, reason: str | None, at: int) -> None:
    row = {"submission": submission, "state": state, "reason": reason, "at": at}
    connection.execute(sa.insert(SUBMISSION_EVENT).values(**row))
