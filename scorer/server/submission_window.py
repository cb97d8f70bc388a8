"""The window in which a round takes submissions, and what it takes: form, size, members and time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from scorer.chain.records import RoundState
from scorer.client.submitting import SubmissionTerms
from scorer.encryption import RoundContext
from scorer.errors import CupelError
from scorer.protocol.rules import Rules
from scorer.server.accounts import Clock, NamedModel
from scorer.server.envelopes import EnvelopeTerms, RoundMembers
from scorer.server.errors import ApiError
from scorer.server.formats import time_text
from scorer.server.published_rounds import PublishedRounds
from scorer.server.queries import Queries
from scorer.server.submission_records import Place
from scorer.server.upload_forms import (
    ENCRYPTED,
    ENVELOPE_PURPOSE,
    HOSTED_PURPOSE,
    SUBMISSION_PURPOSE,
    ExpectedUpload,
    UploadForm,
)
from scorer.submission.table import most_bytes
from scorer.submission.validity import Universe

NEAR: Final = 900
"""Seconds before the close from which on the chain's time is asked for: no clock should be so wrong."""


class EncryptedRound(ApiError):
    """A round takes no predictions in the clear."""

    def __init__(self, round_id: int) -> None:
        super().__init__(
            f"round {round_id}: expected encrypted predictions, as its rules say, found them in the clear; "
            "submit through cupel gateway, which encrypts them on your machine, or by cupel submit"
        )


@dataclass(frozen=True)
class SubmissionWindow:
    """Says which round takes submissions now, and what they have to be.

    Attributes
    ----------
    chain_time
        Returns the time of the chain's newest block, Unix seconds.
    """

    place: Place
    clock: Clock
    chain_time: Clock
    queries: Queries
    published: PublishedRounds
    members: RoundMembers

    def row(self) -> sa.Row[Any]:
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
        row = self.row()
        if not self.rules(row).is_encrypted:
            return SUBMISSION_PURPOSE, self._most_bytes(row)
        if encrypts:
            return ENVELOPE_PURPOSE, self.terms(row, model.id).form().most
        if model.submitter != self.place.signer:
            raise EncryptedRound(row.id)
        return HOSTED_PURPOSE, self._most_bytes(row)

    def form(self, upload: ExpectedUpload) -> UploadForm:
        """Return the form that a submission must have which is uploaded now.

        Raises
        ------
        ApiError
            When no round takes such submissions now.
        """
        row = self.row()
        self.require_purpose(row, upload.purpose)
        if upload.purpose == ENVELOPE_PURPOSE:
            return self.terms(row, upload.model or 0).form()
        most = min(upload.most, self._most_bytes(row))
        if upload.purpose == SUBMISSION_PURPOSE:
            return UploadForm(most)
        kept = self.terms(row, upload.model or 0).form().least
        return UploadForm(most, kept, encrypt=self._encrypting(row, upload))

    def kept_form(self, upload: ExpectedUpload) -> UploadForm:
        """Return the form of what is kept of an upload, of which that of a hosted model is an envelope.

        Raises
        ------
        ApiError
            When no round takes such submissions now.
        """
        if upload.purpose in ENCRYPTED:
            return self.terms(self.row(), upload.model or 0).form()
        return UploadForm(upload.most)

    def _encrypting(self, row: sa.Row[Any], upload: ExpectedUpload) -> Callable[[bytes], bytes]:
        return partial(self._encrypt, row, upload)

    def _encrypt(self, row: sa.Row[Any], upload: ExpectedUpload, content: bytes) -> bytes:
        """Check and encrypt a file for a model that lets this server sign: the file is in memory alone."""
        terms = self.terms(row, upload.model or 0)
        making = SubmissionTerms(terms.place, self.rules(row), self.universe(row), terms.members)
        try:
            return making.encode(terms.model, content, upload.filename).content
        except CupelError as refused:
            raise ApiError(str(refused)) from None

    def _most_bytes(self, row: sa.Row[Any]) -> int:
        return most_bytes(len(self.universe(row).ids))

    def universe(self, row: sa.Row[Any]) -> Universe:
        """Return a round's ids."""
        return self.published.universe(row.id, row.universe)

    def terms(self, row: sa.Row[Any], model: int) -> EnvelopeTerms:
        """Return what a model's envelope to a round has to be."""
        place = RoundContext(self.place.chain_id, self.place.tournament, row.id)
        return EnvelopeTerms(place, model, len(self.universe(row).ids), self.members.keys(row.id))

    def rules(self, row: sa.Row[Any]) -> Rules:
        """Return a round's rules.

        Raises
        ------
        ApiError
            When they are not published yet.
        """
        rules = self.published.rules(row.id, row.rules_hash)
        if rules is None:
            raise ApiError(f"round {row.id}: expected its rules to be published, found none; try again later")
        return rules

    def require_purpose(self, row: sa.Row[Any], purpose: str) -> None:
        """Refuse what is in the clear where a round encrypts, and the other way round.

        Raises
        ------
        ApiError
            When an upload's purpose is not one of the round's.
        """
        is_encrypted = self.rules(row).is_encrypted
        if is_encrypted and purpose == SUBMISSION_PURPOSE:
            raise EncryptedRound(row.id)
        if not is_encrypted and purpose in ENCRYPTED:
            raise ApiError(
                f"round {row.id}: expected predictions in the clear, as its rules say, found an envelope; "
                "ask for an upload again"
            )

    def require_time(self, row: sa.Row[Any], received_at: int) -> None:
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
                f"round {row.id}: expected the file to be delivered before the round closed at "
                f"{time_text(row.close_at)}, found that it was not"
            )
