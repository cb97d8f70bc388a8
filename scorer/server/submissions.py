"""Submissions: checked at once, delivered into the operator's inbox, and answered by a signed receipt."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from eth_hash.auto import keccak

from scorer.encryption import claimed_content
from scorer.errors import CupelError
from scorer.failpoints import reach
from scorer.isolation import SHARED_READER
from scorer.logs import get_logger
from scorer.protocol.digest import content_hash
from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.receipt import SubmissionReceipt
from scorer.protocol.signature import SubmissionDigest
from scorer.server.accounts import Account, NamedModel
from scorer.server.blobs import verified
from scorer.server.errors import ApiError
from scorer.server.submission_records import (
    ACCEPTED,
    DELIVERING,
    REFUSED,
    Held,
    LeaseLost,
    SubmissionRecords,
    ciphertext_hash,
)
from scorer.server.submission_window import SubmissionWindow
from scorer.server.upload_forms import ENCRYPTED, ENVELOPE_PURPOSE, SUBMISSION_PURPOSE, SUBMISSIONS
from scorer.server.uploads import Ticket, Uploads
from scorer.server.wanted import Wanted
from scorer.storage.bundle import round_folder
from scorer.storage.inbox import ENVELOPE_SUFFIX, deliver, signature_path
from scorer.submission.reader import SubmissionReader
from scorer.submission.table import PARQUET_MAGIC


class RoundUnknown(CupelError):
    """The read model has not the round of a submission, for now."""


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
class UnsignedSubmission:
    """A file that was sent and not submitted: its predictions' hash, and the SHA-256 of its bytes in hex."""

    round_id: int
    model_id: int
    content_hash: bytes
    sha256: str


@dataclass(frozen=True)
class SubmissionService:
    """Takes the submissions of a tournament.

    Attributes
    ----------
    inbox
        The operator's inbox.
    """

    records: SubmissionRecords
    window: SubmissionWindow
    uploads: Uploads
    signer: ServerSigner
    inbox: Path

    def create(
        self,
        account: Account,
        model: NamedModel,
        filename: str,
        trigger: str | None,
        wanted: Wanted | None = None,
    ) -> str:
        """Submit what was uploaded; the id of the submission.

        Raises
        ------
        ApiError
            When it is refused, with the reason, which the submission keeps.
        """
        row, wanted = self.window.row(), wanted or Wanted()
        wanted.require_round(row.id)
        self.uploads.fetch(account, filename, self.window.kept_form)
        ticket = self.uploads.take(account, filename, model, *SUBMISSIONS)
        try:
            self.window.require_purpose(row, ticket.purpose)
            wanted.require_bytes(ticket.file)
        except ApiError:
            self.uploads.discard(ticket)
            raise
        content = ticket.file.read_bytes()
        digest = self.uploads.keep(ticket, self.uploads.blobs)
        verified(content, digest)
        values = {"model": model.id, "round": row.id, "account": account.id, "filename": filename}
        values |= {"digest": digest, "trigger_id": trigger and trigger[:80]}
        held = self.records.add(_suffix(ticket, content), **values)
        reach("submission-received", held.id)
        try:
            held, known = self.records.renew(self._accept(held, row, model, ticket, content))
            self._deliver(held, known, row, content)
        except LeaseLost:
            raise
        except CupelError as error:
            self.records.become(held, REFUSED, str(error))
            raise ApiError(str(error)) from None
        except OSError as error:
            raise ApiError(
                f"submission {held.id}: expected room in the operator's inbox, found {error.strerror}; it is "
                "tried again until the round closes: see its state"
            ) from None
        return held.id

    def problem(self, filename: str) -> str | None:
        """Return what is wrong with a file that was sent, as submitting it now would say; None: nothing.

        Who may sign is looked at when it is submitted.
        """
        expected = self.uploads.expected(filename)
        if expected is None or expected.purpose not in SUBMISSIONS:
            return None
        try:
            row = self.window.row()
            self.window.require_purpose(row, expected.purpose)
            content = self.uploads.blobs.draft(filename).read_bytes()
            if expected.purpose in ENCRYPTED:
                self.window.terms(row, expected.model or 0).require(content, claimed_content(content))
            else:
                self._read(row, content, filename)
        except (CupelError, FileNotFoundError) as error:
            return str(error) if isinstance(error, CupelError) else "it was submitted meanwhile"
        return None

    def unsigned(self, account: Account, model: NamedModel, filename: str) -> UnsignedSubmission:
        """Return what a model's submitter has to sign of a file in the clear that was sent.

        Raises
        ------
        ApiError
            When no round takes it, it is not the account's for this model, or there is a fault in it.
        """
        row, expected = self.window.row(), self.uploads.expected(filename)
        if expected is None or (expected.account, expected.model) != (account.id, model.id):
            raise ApiError(f"filename: expected an upload of yours for model {model.id}, found none")
        self.window.require_purpose(row, expected.purpose)
        if expected.purpose != SUBMISSION_PURPOSE:
            raise ApiError("filename: expected predictions in the clear, found others; submit them as is")
        try:
            content = self.uploads.blobs.draft(filename).read_bytes()
        except FileNotFoundError:
            raise ApiError(self.uploads.refused.reason(filename)) from None
        try:
            hashed = self._read(row, content, filename)
        except CupelError as error:
            raise ApiError(str(error)) from None
        return UnsignedSubmission(row.id, model.id, hashed, hashlib.sha256(content).hexdigest())

    def _read(self, row: sa.Row[Any], content: bytes, filename: str) -> bytes:
        """Read a file in the clear in a child process; the hash of its predictions."""
        rules, universe = self.window.rules(row), self.window.universe(row)
        reader = SubmissionReader(SHARED_READER, rules.submissions, universe)
        return content_hash(universe.ids, reader.read(content, filename).values)

    def _accept(
        self, held: Held, row: sa.Row[Any], model: NamedModel, ticket: Ticket, content: bytes
    ) -> Held:
        """Check and sign a submission: the receipt is kept first, so that all that counts has one."""
        self._require_submitter(row.id, model, ticket)
        known = self.records.row(held.id)
        hashed = self._content_hash(row, content, model, ticket)
        place, at = self.records.place, known.received_at
        names = (place.chain_id, place.tournament, row.id, model.id, hashed, ciphertext_hash(known))
        signature = self._signature(SubmissionDigest(*names), model, ticket)
        self.window.require_time(row, at)
        receipt = self.signer.sign_receipt(SubmissionReceipt(*names, keccak(signature), at))
        signed = {"content_hash": to_hex(hashed), "signature": to_hex(signature), "receipt": to_hex(receipt)}
        held = self.records.become(held, DELIVERING, once=ticket.purpose in ENCRYPTED, **signed)
        reach("submission-delivering", held.id)
        return held

    def _require_submitter(self, round_id: int, model: NamedModel, ticket: Ticket) -> None:
        """Refuse what nobody who may sign has signed, before the file is read."""
        if ticket.signature is None and ticket.purpose == ENVELOPE_PURPOSE:
            raise ApiError(
                f"model {model.id}: expected the signature of its submitter {model.submitter} over content "
                "and envelope, found none; submit through cupel gateway on your machine"
            )
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

    def _content_hash(self, row: sa.Row[Any], content: bytes, model: NamedModel, ticket: Ticket) -> bytes:
        """Check a file, and return its predictions' hash: of an envelope, as whoever made it states it."""
        if ticket.purpose in ENCRYPTED:
            stated = ticket.signed_content or claimed_content(content)
            self.window.terms(row, model.id).require(content, stated)
            return stated
        return self._read(row, content, ticket.filename)

    def _signature(self, digest: SubmissionDigest, model: NamedModel, ticket: Ticket) -> bytes:
        if ticket.signature is None:
            return self.signer.sign_submission(digest)
        if ticket.signed_content != digest.content_hash:
            raise ApiError("signature: expected one over the predictions of the file, found one over others")
        signer = digest.signer(ticket.signature)
        if signer != model.submitter:
            raise ApiError(
                f"signature: expected that of {model.submitter}, the submitter of model {model.id}, over "
                f"this file, found that of {signer}"
            )
        return ticket.signature

    def _deliver(self, held: Held, row: sa.Row[Any], of_round: sa.Row[Any], file: bytes) -> None:
        """Write a submission into the operator's inbox: `file`, the bytes that were hashed and no others.

        The time is looked at once more, since this process may have stalled since it was checked.
        """
        place, content = self.records.place, from_hex(row.content_hash, 32)
        where = (place.chain_id, place.tournament, row.round, row.model)
        digest = SubmissionDigest(*where, content, ciphertext_hash(row))
        signature = from_hex(row.signature, 65)
        self.window.require_time(of_round, row.received_at)
        deliver(self.inbox, digest, signature, row.inbox_file, file, received_at=row.received_at)
        reach("submission-delivered", held.id)
        try:
            self.records.become(held, ACCEPTED)
        except LeaseLost:
            self._withdraw_refused(row)
            raise

    def _withdraw_refused(self, row: sa.Row[Any]) -> None:
        """Take a file out of the inbox whose submission is refused: nothing counts without a receipt.

        Whoever delivers looks at the state afterwards, and whoever refuses looks at the inbox afterwards. So
        of two processes that work at one submission, one sees what the other did.
        """
        if self.records.row(row.id).state == REFUSED:
            file = self._inbox_path(row)
            file.unlink(missing_ok=True)
            signature_path(file).unlink(missing_ok=True)

    def recover(self) -> int:
        """Finish what no process works at any more; how many.

        What still can be delivered is, the rest is refused with a reason. A receipt is given out once a
        submission is accepted; so nobody holds one for what is refused here.
        """
        found = self.records.take_over()
        for held, row in found:
            try:
                self._finish(held, row)
            except (CupelError, OSError) as error:  # it is tried again when its lease has ended
                get_logger().warning("not delivered", submission=row.id, reason=str(error))
        return len(found)

    def _finish(self, held: Held, row: sa.Row[Any]) -> None:
        if self._is_delivered(row):
            self.records.become(held, ACCEPTED)
        elif row.state != DELIVERING:
            reason = "the server was interrupted while it read the file; submit it again"
            self.records.become(held, REFUSED, reason)
        else:
            try:
                self._redeliver(held, row)
            except LeaseLost:
                raise
            except ApiError as error:
                self.records.become(held, REFUSED, str(error))
                self._withdraw_refused(row)

    def _redeliver(self, held: Held, row: sa.Row[Any]) -> None:
        of_round = self._round(row)
        self.window.require_time(
            of_round, row.received_at
        )  # a file that is missing is not waited for after that
        self._deliver(held, row, of_round, self.uploads.blobs.read(row.digest))

    def _is_delivered(self, row: sa.Row[Any]) -> bool:
        file = self._inbox_path(row)
        return file.is_file() and signature_path(file).is_file()

    def _inbox_path(self, row: sa.Row[Any]) -> Path:
        folder = round_folder(self.inbox, self.records.place.tournament, row.round)
        return folder / str(row.inbox_file)

    def _round(self, row: sa.Row[Any]) -> sa.Row[Any]:
        found = self.window.queries.round(row.round)
        if found is None:  # the read model is being made anew: no reason to refuse anything
            raise RoundUnknown(f"round {row.round}: expected it in the read model, found none yet")
        return found


def _suffix(ticket: Ticket, content: bytes) -> str:
    """Return the ending of a submission's file in the inbox, by which the operator knows its form."""
    if ticket.purpose in ENCRYPTED:
        return ENVELOPE_SUFFIX
    return ".parquet" if content.startswith(PARQUET_MAGIC) else ".csv"
