"""The submitter's key lives in a process of its own, which signs submissions of one tournament alone."""

import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from scorer.client.keystore import write_keystore
from scorer.client.signing_process import SigningOptions, SubmitterProcess
from scorer.client.signing_service import SigningUnavailable
from scorer.files import write_secret
from scorer.protocol.signature import SubmissionDigest
from tests.waiting import eventually

TOURNAMENT = "0x" + "11" * 20
DIGEST = SubmissionDigest(31_337, TOURNAMENT, 3, 7, b"\1" * 32, b"\2" * 32)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[SubmitterProcess]:
    key = Account.create()
    write_keystore(tmp_path / "key.json", bytes(key.key), "secret")
    write_secret(tmp_path / "password", "secret\n")
    paths = (str(tmp_path / "key.json"), str(tmp_path / "password"))
    made = SubmitterProcess(SigningOptions(*paths, 31_337, TOURNAMENT, str(tmp_path / "run" / "sign")))
    assert made.address == key.address
    yield made
    made.close()


def ask(process: SubmitterProcess, document: dict[str, object]) -> dict[str, str]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(process.options.socket)
        connection.sendall(json.dumps(document).encode() + b"\n")
        answer: dict[str, str] = json.loads(connection.makefile().readline())
    return answer


def test_it_signs_a_submission_and_no_receipt_and_starts_again_when_it_was_ended(
    process: SubmitterProcess,
) -> None:
    signature = process.sign_submission(DIGEST)
    assert DIGEST.signer(signature) == process.address
    hashes = {
        "content_hash": "0x" + "11" * 32,
        "ciphertext_hash": "0x" + "22" * 32,
        "signature_hash": "0x" + "33" * 32,
    }
    receipt = {"kind": "receipt", "round": 1, "model": 1, "received_at": 5, **hashes}
    assert "signature" not in ask(process, receipt)
    assert stat.S_IMODE(Path(process.options.socket).stat().st_mode) == 0o600
    first = process._child
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: first.poll() is not None, "its end")
    assert process.sign_submission(DIGEST) == signature


def test_a_wrong_password_is_reported_and_nothing_is_signed(
    process: SubmitterProcess, capfd: pytest.CaptureFixture[str]
) -> None:
    write_secret(Path(process.options.password_file), "hunter-seven\n")
    with pytest.raises(SigningUnavailable, match="expected it to start"):
        process.sign_submission(DIGEST)
    said = capfd.readouterr().err
    assert "expected the password of this keystore" in said
    assert "hunter-seven" not in said
