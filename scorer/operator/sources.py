"""Reads one file of an inbox as a submission, in the clear or encrypted, once its signature was checked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scorer.encryption import EncryptionError, MemberKeys, RoundContext, parse_envelope
from scorer.encryption.context import EnvelopeContext
from scorer.operator.inbox_files import SignedContent, read_regular
from scorer.protocol.digest import content_hash
from scorer.protocol.documents import to_hex
from scorer.protocol.envelopes import EnvelopeSpool, envelope_hash
from scorer.protocol.predictions import PredictionSpool
from scorer.protocol.signature import IN_THE_CLEAR
from scorer.protocol.submissions import Submission
from scorer.storage.inbox import ENVELOPE_SUFFIX
from scorer.submission.reader import SubmissionReader
from scorer.submission.table import SubmissionRefused


class SubmissionSource(Protocol):
    """Reads the files of one round."""

    def refuse_form(self, file: Path, signed: SignedContent) -> None:
        """Refuse a file of the wrong form, before anything of it is read.

        Raises
        ------
        SubmissionRefused
            When it is in the clear where it must be encrypted, or the other way round.
        """
        ...

    def read(self, file: Path, signed: SignedContent, model_id: int, submitter: str) -> Submission:
        """Read a file whose signature is the submitter's.

        Raises
        ------
        SubmissionRefused
            When it is not what was signed, or not what the round takes.
        """
        ...


@dataclass(frozen=True)
class ClearSource:
    """Reads CSV and Parquet, each in a child process of its own.

    Attributes
    ----------
    most
        Bytes of a file at most.
    """

    ids: tuple[str, ...]
    predictions: SubmissionReader
    kept: PredictionSpool
    most: int

    def refuse_form(self, file: Path, signed: SignedContent) -> None:
        """See `SubmissionSource.refuse_form`."""
        if file.suffix == ENVELOPE_SUFFIX or signed.ciphertext_hash != IN_THE_CLEAR:
            expected = "CSV or Parquet, as the round's rules say that submissions are in the clear"
            raise SubmissionRefused(file.name, expected, "an encrypted submission")

    def read(self, file: Path, signed: SignedContent, model_id: int, submitter: str) -> Submission:
        """See `SubmissionSource.read`."""
        values = self.predictions.read(read_regular(file, self.most), file.name).values
        content = content_hash(self.ids, values)
        if content != signed.content_hash:
            expected = f"the predictions that were signed, of the content hash {to_hex(signed.content_hash)}"
            raise SubmissionRefused(file.name, expected, f"others, of {to_hex(content)}")
        return Submission(model_id, self.kept.append(values), content, submitter, signed.signature)


@dataclass(frozen=True)
class EnvelopeSource:
    """Reads envelopes: size, form and hash are checked, and no prediction is read.

    Attributes
    ----------
    ids
        How many the universe has.
    members
        None where fewer than a quorum of members published a key.
    kept
        None where `members` is.
    """

    round: RoundContext
    ids: int
    members: MemberKeys | None
    kept: EnvelopeSpool | None

    def refuse_form(self, file: Path, signed: SignedContent) -> None:
        """See `SubmissionSource.refuse_form`."""
        if file.suffix != ENVELOPE_SUFFIX or signed.ciphertext_hash == IN_THE_CLEAR:
            expected = "an envelope, as the round's rules say that submissions are encrypted (cupel submit)"
            raise SubmissionRefused(file.name, expected, "a submission in the clear")
        if self.members is None:
            expected = "a round for which a quorum of members published a key"
            raise SubmissionRefused(file.name, expected, "too few; nobody can submit to it")

    def read(self, file: Path, signed: SignedContent, model_id: int, submitter: str) -> Submission:
        """See `SubmissionSource.read`."""
        if self.members is None or self.kept is None:
            raise TypeError("expected `refuse_form` first, which refuses every file of such a round")
        context = EnvelopeContext(self.round, model_id, signed.content_hash, self.ids, self.members)
        content = read_regular(file, context.size)
        found = envelope_hash(content)
        if found != signed.ciphertext_hash:
            expected = f"the ciphertext that was signed, {to_hex(signed.ciphertext_hash)}"
            raise SubmissionRefused(file.name, expected, f"another, {to_hex(found)}")
        try:
            parse_envelope(content, context)
        except EncryptionError as refused:
            raise SubmissionRefused.because(file.name, str(refused)) from None
        kept = self.kept.append(content)
        return Submission(model_id, None, signed.content_hash, submitter, signed.signature, found, kept)


def envelope_source(
    round_context: RoundContext, ids: int, members: MemberKeys | None, spool: Path
) -> EnvelopeSource:
    """Return what reads the envelopes of a round.

    Parameters
    ----------
    spool
        The folder on whose disk they are kept until they are published.
    """
    if members is None:
        return EnvelopeSource(round_context, ids, None, None)
    # Neither model nor content changes the size, so that any will do.
    size = EnvelopeContext(round_context, 0, bytes(32), ids, members).size
    return EnvelopeSource(round_context, ids, members, EnvelopeSpool(spool, size))
