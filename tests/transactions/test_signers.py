"""A key in memory and a remote signer sign the same transaction to the same bytes."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from eth_account import Account
from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey

from scorer.transactions.signers import KeySigner, RemoteSigner, Signer, SignerError

KEY = PrivateKey(b"\x05" * 32)
FIELDS = {
    "chainId": 80002,
    "nonce": 0,
    "to": "0x" + "11" * 20,
    "data": b"\x01\x02",
    "value": 0,
    "gas": 100_000,
    "maxPriorityFeePerGas": 30 * 10**9,
    "maxFeePerGas": 90 * 10**9,
}


class Web3Signer(BaseHTTPRequestHandler):
    """Signs as web3signer does: Keccak-256 of the data, v of 27 or 28."""

    key: ClassVar[PrivateKey] = KEY
    answer: ClassVar[str | None] = None
    status: ClassVar[int | None] = None

    def do_POST(self) -> None:
        expected = f"/api/v1/eth1/sign/{KEY.public_key.to_hex()}"
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        signature = self.key.sign_msg_hash(keccak(bytes.fromhex(body["data"][2:]))).to_bytes()
        text = self.answer or "0x" + (signature[:64] + bytes([signature[64] + 27])).hex()
        self.send_response(self.status or (200 if self.path == expected else 404))
        self.send_header("Location", expected)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Web3Signer) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/"
        httpd.shutdown()


def test_a_remote_signer_signs_to_the_same_bytes_as_a_key(server: str) -> None:
    local: Signer = KeySigner(Account.from_key(KEY.to_bytes()))
    remote: Signer = RemoteSigner(server, KEY.public_key.to_hex())
    assert remote.address == local.address
    for nonce in range(20):
        assert remote.sign({**FIELDS, "nonce": nonce}) == local.sign({**FIELDS, "nonce": nonce})


def test_a_remote_signer_with_another_key_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Web3Signer, "key", PrivateKey(b"\x06" * 32))
    with pytest.raises(SignerError, match="expected the signature of 0x"):
        RemoteSigner(server, KEY.public_key.to_hex()).sign(FIELDS)


@pytest.mark.parametrize("answer", ["not hex", "0x1234", "0x" + "ff" * 65])
def test_an_answer_that_is_no_signature_is_refused(
    server: str, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Web3Signer, "answer", answer)
    with pytest.raises(SignerError, match="remote signer: expected"):
        RemoteSigner(server, KEY.public_key.to_hex()).sign(FIELDS)


def test_an_answer_of_another_status_or_size_is_refused_and_not_shown(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = RemoteSigner(server.replace("http://", "http://user:hunter2secret@"), KEY.public_key.to_hex())
    for status, answer, found in (
        (307, None, "a redirect (status 307), which is not followed"),
        (500, "hunter2secret", "the status 500"),
        (401, None, "the status 401"),
        (200, "hunter2secret", "ValueError"),
        (200, "0" * 10_000_000, "more"),
    ):
        monkeypatch.setattr(Web3Signer, "status", status)
        monkeypatch.setattr(Web3Signer, "answer", answer)
        with pytest.raises(SignerError) as error:
            signer.sign(FIELDS)
        assert f"found {found}; is it up, and does it hold the key?" in str(error.value)
        assert "hunter2" not in str(error.value)


def test_a_remote_signer_that_is_down_is_named() -> None:
    with pytest.raises(SignerError, match="is it up, and does it hold the key"):
        RemoteSigner("http://127.0.0.1:9", KEY.public_key.to_hex(), timeout=1).sign(FIELDS)
