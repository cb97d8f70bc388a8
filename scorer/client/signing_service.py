"""A process that signs for a server: receipts, and submissions of models that name its key as submitter.

It holds one key and signs nothing else: no transaction, no message of another form, nothing of another
tournament. Whoever takes the web process over can have submissions and receipts signed while that lasts, and
leaves without the key; a stake they never reach, since a submitter moves none.
"""

import json
import os
import socket
import socketserver
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scorer.client.keystore import Wallet
from scorer.errors import CupelError
from scorer.protocol.documents import from_hex, parse_json, to_hex
from scorer.protocol.receipt import SubmissionReceipt
from scorer.protocol.signature import SubmissionDigest

LONGEST: Final = 4_096
"""Bytes of a request or an answer."""
TIMEOUT: Final = 10.0


class SigningUnavailable(CupelError):
    """The signing process does not answer, or refuses; the message says which."""


@dataclass(frozen=True)
class SigningService:
    """Answers requests for signatures of one tournament.

    Attributes
    ----------
    wallet
        The keystore of the server's own key, or of a submitter's.
    signs_receipts
        Whether it signs receipts too, as a server does.
    """

    wallet: Wallet
    chain_id: int
    tournament: str
    signs_receipts: bool = True

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the signature that a request asks for, or an error.

        Nothing of the request but numbers and hashes is signed.
        """
        try:
            kind, round_id, model = request["kind"], *(_whole(request, name) for name in ("round", "model"))
            content = from_hex(request["content_hash"], 32)
            ciphertext = from_hex(request["ciphertext_hash"], 32)
            place = (self.chain_id, self.tournament, round_id, model, content, ciphertext)
            if kind == "submission":
                signed = self._sign_submission(SubmissionDigest(*place))
            elif kind == "receipt" and self.signs_receipts:
                signature = from_hex(request["signature_hash"], 32)
                receipt = SubmissionReceipt(*place, signature, _whole(request, "received_at"))
                signed = self.wallet.sign_message(receipt.message())
            else:
                return {"error": "expected a submission or a receipt, found another kind of message"}
        except (KeyError, ValueError, TypeError) as error:
            return {
                "error": f"expected the fields of a submission or a receipt, found {type(error).__name__}"
            }
        return {"address": self.wallet.address, "signature": to_hex(signed)}

    def _sign_submission(self, digest: SubmissionDigest) -> bytes:
        return digest.sign(bytes(self.wallet.account.key))

    def serve(self, path: Path) -> None:
        """Answer at a socket that only this user reaches, until the process is ended."""
        with self.server(path) as server:
            server.serve_forever(poll_interval=0.2)

    def server(self, path: Path) -> socketserver.BaseServer:
        """Return the server, bound to its socket; the key is decrypted first."""
        bytes(self.wallet.account.key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileNotFoundError):
            path.unlink()
        service = self

        class Handler(socketserver.StreamRequestHandler):
            timeout = TIMEOUT

            def handle(self) -> None:
                line = self.rfile.readline(LONGEST)
                try:
                    request = parse_json(line)
                except ValueError:
                    request = {}
                answer = service.answer(request if isinstance(request, dict) else {})
                self.wfile.write(json.dumps(answer).encode() + b"\n")

        # The socket has its rights from its creation: a chmod afterwards would leave a moment in which others
        # connect.
        before = os.umask(0o177)
        try:
            return socketserver.ThreadingUnixStreamServer(str(path), Handler)
        finally:
            os.umask(before)


def _whole(request: Mapping[str, Any], name: str) -> int:
    value = request[name]
    if type(value) is not int or value < 0:
        raise ValueError(name)
    return value


@dataclass(frozen=True)
class SigningClient:
    """Asks a signing process.

    Attributes
    ----------
    address
        The address of its key.
    """

    path: Path
    address: str

    def sign_submission(self, digest: SubmissionDigest) -> bytes:
        """Return the signature of a submission, 65 bytes; raises SigningUnavailable."""
        signed = self._ask("submission", digest)
        if digest.signer(signed) != self.address:
            raise SigningUnavailable(
                f"signing process: expected the signature of {self.address}, found another"
            )
        return signed

    def sign_receipt(self, receipt: SubmissionReceipt) -> bytes:
        """Return the signature of a receipt, 65 bytes; raises SigningUnavailable."""
        more = {"signature_hash": to_hex(receipt.signature_hash), "received_at": receipt.received_at}
        signed = self._ask("receipt", receipt, **more)
        if receipt.signer(signed) != self.address:
            raise SigningUnavailable(
                f"signing process: expected the signature of {self.address}, found another"
            )
        return signed

    def _ask(self, kind: str, signed: SubmissionDigest | SubmissionReceipt, **more: Any) -> bytes:
        request = {
            "kind": kind,
            "round": signed.round_id,
            "model": signed.model_id,
            "content_hash": to_hex(signed.content_hash),
            "ciphertext_hash": to_hex(signed.ciphertext_hash),
            **more,
        }
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(TIMEOUT)
                connection.connect(str(self.path))
                connection.sendall(json.dumps(request).encode() + b"\n")
                answer = json.loads(connection.makefile("rb").readline(LONGEST))
            return from_hex(answer["signature"], 65)
        except KeyError:
            raise SigningUnavailable(f"signing process: {answer.get('error', 'no signature')}") from None
        except (OSError, ValueError, TypeError):
            raise SigningUnavailable(
                "signing process: expected an answer, found none; does it run (cupel server sign)?"
            ) from None
