"""Encrypted submissions in an inbox: what an operator takes unread, and what it refuses."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from eth_account import Account

from scorer.encryption import Identity, MemberKeys, RoundContext
from scorer.observation.encryption import encrypt_submission
from scorer.operator.collection import Collection, read_collection, write_collection
from scorer.operator.intake import Intake
from scorer.protocol.digest import content_hash
from scorer.protocol.envelopes import EnvelopeFile, EnvelopesError, EnvelopeSpool
from scorer.protocol.signature import SubmissionDigest
from scorer.protocol.submissions import PredictionsWithheld, Submissions
from scorer.storage.bundle import ENVELOPES, SIGNATURES, SUBMISSIONS, Bundle, round_folder
from scorer.storage.inbox import submit
from scorer.submission.validity import Universe

TOURNAMENT = "0x" + "11" * 20
PLACE = RoundContext(31337, TOURNAMENT, 1)
KEY = bytes(31) + b"\x07"
SIGNER = str(Account.from_key(KEY).address)
UNIVERSE = Universe(("a", "b", "c"), {})
KEYS = MemberKeys(tuple(Identity(bytes([place]) * 32).public for place in (1, 2, 3)), 2)
OTHER_KEYS = MemberKeys(tuple(Identity(bytes([place]) * 32).public for place in (1, 2, 4)), 2)
VALUES = np.array([0.125, 0.25, 0.375])
SPOOL = Path(tempfile.gettempdir())


def intake(members: MemberKeys | None = KEYS) -> Intake:
    plain = Intake(31337, TOURNAMENT, 1, None, UNIVERSE, {7: SIGNER, 8: SIGNER}, 1_000, 9_000, SPOOL)
    return replace(plain, is_encrypted=True, members=members)


def made(
    model: int = 7, place: RoundContext = PLACE, members: MemberKeys = KEYS
) -> tuple[SubmissionDigest, bytes]:
    return encrypt_submission(place, UNIVERSE.ids, VALUES, model, members)


def send(inbox: Path, digest: SubmissionDigest, content: bytes, file: str = "7.envelope") -> Path:
    submit(inbox, digest, KEY, file, content, received_at=2_000)
    return round_folder(inbox, TOURNAMENT, 1)


def test_an_envelope_is_taken_without_a_prediction_being_read(tmp_path: Path) -> None:
    digest, content = made()
    (arrival,), refusals = intake().take(send(tmp_path, digest, content))
    entry = arrival.submission
    assert (entry.model_id, entry.predictions, bytes(entry.ciphertext or b"")) == (7, None, content)
    assert (entry.content_hash, entry.ciphertext_hash) == (digest.content_hash, digest.ciphertext_hash)
    assert entry.signer(31337, TOURNAMENT, 1) == SIGNER
    assert refusals == ()


def _changed(digest: SubmissionDigest, content: bytes) -> tuple[SubmissionDigest, bytes]:
    return digest, content[:-1] + bytes([content[-1] ^ 1])


def _signed_anew(digest: SubmissionDigest, content: bytes) -> tuple[SubmissionDigest, bytes]:
    import hashlib

    return replace(digest, ciphertext_hash=hashlib.sha256(content).digest()), content


BROKEN: dict[str, tuple[Callable[[], tuple[SubmissionDigest, bytes]], str]] = {
    "another envelope than was signed": (
        lambda: _changed(*made()),
        "expected the ciphertext that was signed",
    ),
    "too short": (lambda: _signed_anew(made()[0], made()[1][:-1]), "truncated: expected"),
    "too long": (lambda: _signed_anew(made()[0], made()[1] + b"x"), "expected a file of at most"),
    "empty": (lambda: _signed_anew(made()[0], b""), "truncated: expected"),
    "no envelope": (lambda: _signed_anew(made()[0], bytes(len(made()[1]))), "no-envelope: expected"),
    "of another round": (
        lambda: _signed_anew(made()[0], made(place=replace(PLACE, round_id=2))[1]),
        "other-round: expected",
    ),
    "of another model": (lambda: _signed_anew(made()[0], made(model=8)[1]), "other-model: expected"),
    "to other members": (lambda: _signed_anew(made()[0], made(members=OTHER_KEYS)[1]), "other-members"),
    "in the clear": (
        lambda: (replace(made()[0], ciphertext_hash=bytes(32)), b"id,prediction\na,0.1\n"),
        "expected an envelope, as the round's rules say",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_envelope_is_refused_by_name_and_harms_nobody_else(tmp_path: Path, kind: str) -> None:
    make, expected = BROKEN[kind]
    send(tmp_path, *made(model=8), file="8.envelope")
    (arrival,), (refusal,) = intake().take(send(tmp_path, *make()))
    assert arrival.submission.model_id == 8
    assert (refusal.model_id, expected in refusal.reason) == (7, True), refusal.reason


def test_a_file_in_the_clear_is_refused_and_none_of_it_is_published(tmp_path: Path) -> None:
    digest = SubmissionDigest(31337, TOURNAMENT, 1, 7, content_hash(UNIVERSE.ids, VALUES))
    folder = send(tmp_path, digest, b"id,prediction\na,0.125\nb,0.25\nc,0.375\n", "7.csv")
    arrivals, (refusal,) = intake().take(folder)
    assert arrivals == []
    assert "expected an envelope, as the round's rules say" in refusal.reason
    assert "0.375" not in refusal.reason


def test_an_envelope_is_refused_where_the_round_is_in_the_clear(tmp_path: Path) -> None:
    folder = send(tmp_path, *made())
    arrivals, (refusal,) = replace(intake(), is_encrypted=False, members=None).take(folder)
    assert (arrivals, "expected CSV or Parquet" in refusal.reason) == ([], True)


def test_nobody_can_submit_to_a_round_whose_members_published_too_few_keys(tmp_path: Path) -> None:
    arrivals, (refusal,) = intake(members=None).take(send(tmp_path, *made()))
    assert arrivals == []
    assert "expected a round for which a quorum of members published a key" in refusal.reason


def test_what_was_taken_is_published_and_read_again_without_predictions(tmp_path: Path) -> None:
    send(tmp_path, *made(model=8), file="8.envelope")
    arrivals, refusals = intake().take(send(tmp_path, *made()))
    submissions = Submissions(UNIVERSE.ids, tuple(each.submission for each in arrivals), is_encrypted=True)
    bundle = Bundle(tmp_path / "published")
    bundle.write_universe(UNIVERSE.ids)
    write_collection(bundle, Collection(submissions, refusals, frozenset({7, 8})))
    assert not bundle.has(SUBMISSIONS)
    assert bundle.has_collected
    found = read_collection(bundle)
    assert found is not None
    assert found.submissions.is_withheld
    assert found.submissions.root() == submissions.root()
    assert found.submissions.wrong_ciphertexts() == found.submissions.wrong_hashes() == ()
    with pytest.raises(
        PredictionsWithheld, match="model 7: expected its predictions, found its ciphertext alone"
    ):
        found.submissions.rows()
    (bundle.folder / SIGNATURES).unlink()
    assert not bundle.has_collected


def test_a_file_of_envelopes_has_one_of_a_size_for_each_model(tmp_path: Path) -> None:
    path = tmp_path / ENVELOPES
    path.write_bytes(b"abcdef")
    assert [bytes(row) for row in EnvelopeFile(path, 2).rows()] == [b"abc", b"def"]
    for models in (0, 4, 7):
        with pytest.raises(EnvelopesError, match="expected rows of one size"):
            EnvelopeFile(path, models)
    path.write_bytes(b"")
    assert EnvelopeFile(path, 0).rows() == ()
    with pytest.raises(EnvelopesError):
        EnvelopeFile(path, 1)
    path.write_bytes(b"abcdef")
    rows = EnvelopeFile(path, 2).rows()
    os.truncate(path, 4)
    with pytest.raises(EnvelopesError, match="expected 3 bytes of row 1, found 1"):
        bytes(rows[1])


def test_envelopes_that_are_put_aside_are_read_again_in_any_order(tmp_path: Path) -> None:
    spool = EnvelopeSpool(tmp_path, 3)
    rows = [spool.append(content) for content in (b"abc", b"def", b"ghi")]
    assert [bytes(row) for row in reversed(rows)] == [b"ghi", b"def", b"abc"]
    assert list(tmp_path.iterdir()) == []
