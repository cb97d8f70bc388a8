"""A data scientist's submission: checked as the operator will check it, signed, written into the inbox."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.chain.records import RoundRecord, RoundState
from scorer.client.actions import ActionRefused
from scorer.client.keystore import Wallet
from scorer.client.stakes import latest_block, model_count
from scorer.client.times import utc_text
from scorer.encryption import MemberKeys, RoundContext
from scorer.observation.encryption import encrypt_submission, member_keys, round_context
from scorer.protocol.digest import content_hash
from scorer.protocol.rules import Rules
from scorer.protocol.signature import SubmissionDigest
from scorer.storage.bundle import RULES, UNIVERSE, Bundle, round_folder
from scorer.storage.inbox import ENVELOPE_SUFFIX, submit
from scorer.submission.reader import Coverage, check_submission, read_bounded
from scorer.submission.table import PARQUET_MAGIC
from scorer.submission.validity import Universe
from scorer.units import span_text

RECENT: Final = 100
"""Number of newest rounds among which an open one is looked for."""
LABEL: Final = 12
"""Number of digits of the content's hash in a file's name."""


@dataclass(frozen=True)
class PreparedSubmission:
    """A submission that the operator of a round will accept.

    Attributes
    ----------
    file
        Its name in the inbox. The name holds part of the content's hash, so that another submission is
        another file, and never replaces an earlier one half.
    content
        An envelope, or the file as it is where the round takes submissions in the clear.
    members
        The keys that it is encrypted to; None where it is in the clear.
    demands
        The number of models that may have to show their predictions once the round's report is public.
    """

    digest: SubmissionDigest
    file: str
    content: bytes
    predictions: int
    coverage: Coverage
    members: MemberKeys | None = None
    demands: int = 0

    def write(self, inbox: Path, wallet: Wallet) -> Path:
        """Sign the submission, write it into the operator's inbox and return its path."""
        submit(inbox, self.digest, bytes(wallet.account.key), self.file, self.content)
        return round_folder(inbox, self.digest.tournament, self.digest.round_id) / self.file


@dataclass(frozen=True)
class SubmissionTerms:
    """The terms of submissions to a round.

    Attributes
    ----------
    members
        The keys that submissions are encrypted to; None where the rules say that they are in the clear.
    """

    place: RoundContext
    rules: Rules
    universe: Universe
    members: MemberKeys | None

    def content_hash(self, values: NDArray[np.float64]) -> bytes:
        """Return the content hash of predictions in the universe's order, 32 bytes."""
        return content_hash(self.universe.ids, values)

    def encode(self, model: int, content: bytes, name: str) -> PreparedSubmission:
        """Check a file as the operator will, and encrypt it where the rules say so.

        Parameters
        ----------
        content
            CSV or Parquet.
        name
            What messages call the file.

        Raises
        ------
        scorer.submission.table.SubmissionRefused
            When the file would be refused.
        """
        checked = check_submission(self.rules.submissions, content, self.universe, name)
        ids, shared = self.universe.ids, (len(checked.values), checked.coverage)
        if self.members is not None:
            digest, envelope = encrypt_submission(self.place, ids, checked.values, model, self.members)
            file = f"{model}.{digest.ciphertext_hash.hex()[:LABEL]}{ENVELOPE_SUFFIX}"
            return PreparedSubmission(digest, file, envelope, *shared, self.members, self.rules.demands)
        hashed, place = content_hash(ids, checked.values), self.place
        digest = SubmissionDigest(place.chain_id, place.tournament, place.round_id, model, hashed)
        suffix = "parquet" if content.startswith(PARQUET_MAGIC) else "csv"
        return PreparedSubmission(digest, f"{model}.{hashed.hex()[:LABEL]}.{suffix}", content, *shared)


def open_round(suite: Suite, wanted: int | None) -> RoundRecord:
    """Return the round that takes submissions now, or the wanted one if it does.

    Raises
    ------
    scorer.client.actions.ActionRefused
        When there is none, or there are several and none is wanted.
    """
    block = latest_block(suite)
    count = suite.round_count(block.number)
    if wanted is not None and not 1 <= wanted <= count:
        raise ActionRefused(f"round: expected a round from 1 to {count}, found {wanted}")
    candidates = range(max(1, count - RECENT + 1), count + 1) if wanted is None else [wanted]
    records = [suite.round(number, block.number) for number in candidates]
    taking = [record for record in records if is_taking(record, block.timestamp)]
    if len(taking) == 1:
        return taking[0]
    if wanted is not None:
        raise ActionRefused(_not_taking(records[0], block.timestamp))
    numbers = ", ".join(str(record.round_id) for record in taking)
    found = f"{numbers}; name one with --round" if taking else "none; cupel rounds says when the next opens"
    raise ActionRefused(f"round: expected one round that takes submissions now, found {found}")


def _not_taking(record: RoundRecord, now: int) -> str:
    """Say when a round took submissions, or will, and what to do."""
    opens, closes = (utc_text(time) for time in (record.open_at, record.close_at))
    expected = f"round {record.round_id}: expected a round that takes submissions, found one"
    if now < record.open_at:
        return f"{expected} that opens at {opens} UTC, in {span_text(record.open_at - now)}; wait until then"
    return (
        f"{expected} that closed {span_text(max(0, now - record.close_at))} ago (open from {opens} to "
        f"{closes} UTC); leave out --round for the one that is open, see cupel rounds --open"
    )


def is_taking(record: RoundRecord, now: int) -> bool:
    """Return True if a round takes submissions at chain time `now`, seconds since the epoch."""
    return record.state == RoundState.OPEN and record.open_at <= now < record.close_at


def published_universe(rounds: Path, tournament: str, round_id: int) -> Path:
    """Return the path of a round's universe under a folder: in ``<tournament>/<round>`` or ``<round>``.

    Raises
    ------
    scorer.client.actions.ActionRefused
        When it is in neither.
    """
    for folder in (round_folder(rounds, tournament, round_id), rounds / str(round_id)):
        if (folder / UNIVERSE).is_file():
            return folder / UNIVERSE
    raise ActionRefused(
        f"{rounds}: expected {UNIVERSE} of round {round_id} under it, found none; the operator publishes it "
        "when the round opens, or name the file with --universe"
    )


def prepare(
    suite: Suite,
    wallet: Wallet,
    record: RoundRecord,
    model: int,
    file: Path,
    universe: Path,
    *,
    in_the_clear: bool = False,
) -> PreparedSubmission:
    """Check a submission as the operator will: model, submitter, rules and file; then encrypt it.

    Parameters
    ----------
    in_the_clear
        Whether it may be sent unencrypted, where the round's rules say that all are.

    Raises
    ------
    scorer.client.actions.ActionRefused
        When the model or the signer is another, the rules beside the universe are not the round's, or they
        say otherwise whether submissions are encrypted.
    scorer.encryption.EncryptionError
        When too few members of the round published a key.
    scorer.protocol.submissions.SubmissionRefused
        When the file would be refused.
    """
    _require_submitter(suite, wallet.address, model)
    # Strict: what an operator published is read as a stranger's file.
    bundle = Bundle(universe.parent, strict=True)
    rules = _rules(bundle, record)
    _require_agreed_form(rules, record, in_the_clear=in_the_clear)
    ids = bundle.named_universe()
    members = round_members(suite, record) if rules.is_encrypted else None
    terms = SubmissionTerms(round_context(suite, record.round_id), rules, ids, members)
    return terms.encode(model, read_bounded(file, len(ids.ids)), str(file))


def round_members(suite: Suite, record: RoundRecord) -> MemberKeys:
    """Return the keys to which submissions to a round are encrypted, as the chain has them.

    Raises
    ------
    scorer.encryption.EncryptionError
        When too few members of the round published a key.
    """
    return member_keys(suite.member_set(record.member_set_id, latest_block(suite).number))


def _rules(bundle: Bundle, record: RoundRecord) -> Rules:
    """Return the rules beside a universe, which must be the round's: they say who will read predictions."""
    path = bundle.folder / RULES
    if not bundle.has(RULES):
        raise ActionRefused(
            f"{path}: expected the rules of round {record.round_id}, which say whether submissions are "
            "encrypted, found none; the operator publishes them with the universe"
        )
    rules = bundle.rules()
    if rules.hash() != record.rules_hash:
        raise ActionRefused(
            f"{path}: expected the rules of round {record.round_id}, 0x{record.rules_hash.hex()}, "
            f"found 0x{rules.hash().hex()}; is it another round's folder?"
        )
    return rules


def _require_agreed_form(rules: Rules, record: RoundRecord, *, in_the_clear: bool) -> None:
    if rules.is_encrypted and in_the_clear:
        raise ActionRefused(
            "--in-the-clear: expected a round whose rules say that submissions are in the clear, found "
            f"round {record.round_id}, which takes encrypted ones alone"
        )
    if not rules.is_encrypted and not in_the_clear:
        raise ActionRefused(
            f"round {record.round_id}: expected --in-the-clear, as its rules say that submissions are not "
            "encrypted: the operator reads your predictions at once, and everybody from the close on"
        )


def _require_submitter(suite: Suite, address: str, model: int) -> None:
    block = latest_block(suite).number
    count = model_count(suite, block)
    if not 1 <= model <= count:
        raise ActionRefused(f"model: expected a model from 1 to {count}, found {model}")
    submitter = str(read_view(suite.registry.functions.submitterOf(model), block))
    if submitter != address:
        raise ActionRefused(
            f"model {model}: expected the key of its submitter {submitter}, found that of {address}; "
            "its owner names another by: cupel model submitter"
        )
