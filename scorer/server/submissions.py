"""Submissions: checked at once, delivered into the operator's inbox, and answered by a signed receipt."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import sqlalchemy as sa
import structlog
from eth_hash.auto import keccak

from scorer.chain.records import RoundState
from scorer.client.submitting import SubmissionTerms
from scorer.encryption import RoundContext, claimed_content
from scorer.errors import CupelError
from scorer.failpoints import reach
from scorer.isolation import SHARED_READER
from scorer.protocol.digest import content_hash
from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.receipt import SubmissionReceipt
from scorer.protocol.rules import Rules
from scorer.protocol.signature import SubmissionDigest
from scorer.server.accounts import Account, Clock, NamedModel
from scorer.server.envelopes import EnvelopeTerms, RoundMembers
from scorer.server.errors import ApiError
from scorer.server.formats import time_text
from scorer.server.published_rounds import PublishedRounds
from scorer.server.queries import Queries
from scorer.server.submission_records import (
    ACCEPTED,
    DELIVERING,
    REFUSED,
    Held,
    LeaseLost,
    SubmissionRecords,
    ciphertext_hash,
)
from scorer.server.uploads import (
    ENCRYPTED,
    ENVELOPE_PURPOSE,
    HOSTED_PURPOSE,
    SUBMISSION_PURPOSE,
    SUBMISSIONS,
    ExpectedUpload,
    Ticket,
    UploadForm,
    Uploads,
)
from scorer.storage.bundle import round_folder
from scorer.storage.inbox import ENVELOPE_SUFFIX, deliver, signature_path
from scorer.submission.parquet import PARQUET_MAGIC
from scorer.submission.reader import SubmissionReader
from scorer.submission.table import most_bytes

NEAR: Final = 900
"""Seconds before the close from which on the chain's time is asked for: no clock should be so wrong."""


class EncryptedRound(ApiError):
    """A round takes no predictions in the clear."""

    def __init__(self, round_id: int) -> None:
        super().__init__(
            f"round {round_id}: expected encrypted predictions, as its rules say, found them in the clear; "
            "submit through cupel gateway, which encrypts them on your machine, or by cupel submit"
        )


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
class SubmissionService:
    """Takes the submissions of a tournament.

    Attributes
    ----------
    chain_time
        Returns the time of the chain's newest block, Unix seconds.
    inbox
        The operator's inbox.
    """

    records: SubmissionRecords
    clock: Clock
    chain_time: Clock
    queries: Queries
    published: PublishedRounds
    members: RoundMembers
    uploads: Uploads
    signer: ServerSigner
    inbox: Path

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

    def upload_kind(self, model: NamedModel, *, encrypts: bool) -> tuple[str, int]:
        """Return the purpose of an upload for a submission to the open round, and the bytes that it may have.

        Parameters
        ----------
        encrypts
            Whether the client encrypts what it uploads, where a round asks for that.

        Raises
        ------
        ApiError
            When no round takes such submissions now.
        """
        row = self.open_round()
        if not self._rules(row).is_encrypted:
            return SUBMISSION_PURPOSE, self._most_bytes(row)
        if encrypts:
            return ENVELOPE_PURPOSE, self._terms(row, model.id).form().most
        if model.submitter != self.signer.address:
            raise EncryptedRound(row.id)
        return HOSTED_PURPOSE, self._most_bytes(row)

    def form(self, upload: ExpectedUpload) -> UploadForm:
        """Return the form that a submission must have which is uploaded now.

        Raises
        ------
        ApiError
            When no round takes such submissions now.
        """
        row = self.open_round()
        self._require_purpose(row, upload.purpose)
        if upload.purpose == ENVELOPE_PURPOSE:
            return self._terms(row, upload.model or 0).form()
        most = min(upload.most, self._most_bytes(row))
        if upload.purpose == SUBMISSION_PURPOSE:
            return UploadForm(most)
        kept = self._terms(row, upload.model or 0).form().least
        return UploadForm(most, kept, encrypt=partial(self._encrypt, row, upload))

    def _encrypt(self, row: sa.Row[Any], upload: ExpectedUpload, content: bytes) -> bytes:
        """Check and encrypt a file for a model that lets this server sign: the file is in memory alone."""
        terms = self._terms(row, upload.model or 0)
        universe = self.published.universe(row.id, row.universe)
        making = SubmissionTerms(terms.place, self._rules(row), universe, terms.members)
        try:
            return making.encode(terms.model, content, upload.filename).content
        except CupelError as refused:
            raise ApiError(str(refused)) from None

    def _most_bytes(self, row: sa.Row[Any]) -> int:
        return most_bytes(len(self.published.universe(row.id, row.universe).ids))

    def _terms(self, row: sa.Row[Any], model: int) -> EnvelopeTerms:
        """Return what a model's envelope to a round has to be."""
        place = RoundContext(self.records.place.chain_id, self.records.place.tournament, row.id)
        universe = self.published.universe(row.id, row.universe)
        return EnvelopeTerms(place, model, len(universe.ids), self.members.keys(row.id))

    def _require_purpose(self, row: sa.Row[Any], purpose: str) -> None:
        """Refuse what is in the clear where a round encrypts, and the other way round."""
        is_encrypted = self._rules(row).is_encrypted
        if is_encrypted and purpose == SUBMISSION_PURPOSE:
            raise EncryptedRound(row.id)
        if not is_encrypted and purpose in ENCRYPTED:
            raise ApiError(
                f"round {row.id}: expected predictions in the clear, as its rules say, found an envelope; "
                "ask for an upload again"
            )

    def create(self, account: Account, model: NamedModel, filename: str, trigger: str | None) -> str:
        """Submit what was uploaded; the id of the submission.

        Raises
        ------
        ApiError
            When it is refused, with the reason, which the submission keeps.
        """
        row = self.open_round()
        ticket = self.uploads.take(account, filename, model, *SUBMISSIONS)
        try:
            self._require_purpose(row, ticket.purpose)
        except ApiError:
            ticket.file.unlink()
            raise
        digest = self.uploads.blobs.keep(ticket.file)
        content = self.uploads.blobs.read(digest)
        values = {"model": model.id, "round": row.id, "account": account.id, "filename": filename}
        values |= {"digest": digest, "trigger_id": trigger and trigger[:80]}
        held = self.records.add(_suffix(ticket, content), **values)
        reach("submission-received", held.id)
        try:
            held = self._accept(held, row, model, ticket, content)
            self._deliver(held, self.records.row(held.id))
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

    def _rules(self, row: sa.Row[Any]) -> Rules:
        """Return a round's rules."""
        rules = self.published.rules(row.id, row.rules_hash)
        if rules is None:
            raise ApiError(f"round {row.id}: expected its rules to be published, found none; try again later")
        return rules

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
        self._require_time(row, at)
        receipt = self.signer.sign_receipt(SubmissionReceipt(*names, keccak(signature), at))
        signed = {"content_hash": to_hex(hashed), "signature": to_hex(signature), "receipt": to_hex(receipt)}
        held = self.records.become(held, DELIVERING, once=ticket.purpose in ENCRYPTED, **signed)
        reach("submission-delivering", held.id)
        return held

    def _require_time(self, row: sa.Row[Any], received_at: int) -> None:
        """Refuse what arrived too late, or would be delivered when the operator may have collected all.

        Raises
        ------
        ApiError
            When the round is closed, by this clock or by the chain's, as the operator's is.
        """
        now = max(self.clock(), received_at)
        if row.close_at - now <= NEAR:
            now = max(now, self.chain_time())
        if now >= row.close_at:
            raise ApiError(
                f"round {row.id}: expected the file to be read before the round closed at "
                f"{time_text(row.close_at)}, found that it was not"
            )

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
            self._terms(row, model.id).require(content, stated)
            return stated
        rules, universe = self._rules(row), self.published.universe(row.id, row.universe)
        reader = SubmissionReader(SHARED_READER, rules.submissions, universe)
        return content_hash(universe.ids, reader.read(content, ticket.filename).values)

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

    def _deliver(self, held: Held, row: sa.Row[Any]) -> None:
        """Write a submission into the operator's inbox: the bytes that were hashed and no others."""
        place, content = self.records.place, from_hex(row.content_hash, 32)
        where = (place.chain_id, place.tournament, row.round, row.model)
        digest = SubmissionDigest(*where, content, ciphertext_hash(row))
        file, signature = self.uploads.blobs.read(row.digest), from_hex(row.signature, 65)
        deliver(self.inbox, digest, signature, row.inbox_file, file, received_at=row.received_at)
        reach("submission-delivered", held.id)
        self.records.become(held, ACCEPTED)

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
                structlog.get_logger().warning("not delivered", submission=row.id, reason=str(error))
        return len(found)

    def _finish(self, held: Held, row: sa.Row[Any]) -> None:
        if self._is_delivered(row):
            self.records.become(held, ACCEPTED)
        elif row.state != DELIVERING:
            reason = "the server was interrupted while it read the file; submit it again"
            self.records.become(held, REFUSED, reason)
        else:
            try:
                self._require_time(self._round(row), row.received_at)
                self._deliver(held, row)
            except LeaseLost:
                raise
            except ApiError as error:
                self.records.become(held, REFUSED, str(error))

    def _is_delivered(self, row: sa.Row[Any]) -> bool:
        file = round_folder(self.inbox, self.records.place.tournament, row.round) / row.inbox_file
        return file.is_file() and signature_path(file).is_file()

    def _round(self, row: sa.Row[Any]) -> sa.Row[Any]:
        found = self.queries.round(row.round)
        if found is None:  # the read model is being made anew: no reason to refuse anything
            raise RoundUnknown(f"round {row.round}: expected it in the read model, found none yet")
        return found


def _suffix(ticket: Ticket, content: bytes) -> str:
    """Return the ending of a submission's file in the inbox, by which the operator knows its form."""
    if ticket.purpose in ENCRYPTED:
        return ENVELOPE_SUFFIX
    return ".parquet" if content.startswith(PARQUET_MAGIC) else ".csv"
