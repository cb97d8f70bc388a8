"""Takes calls that wake the node before its next cycle; it then looks at the chain, and believes no call.

It counts when the operator's key signed it (see `scorer.protocol.wake_up`), or the server's secret for the
model's webhook, whose body is that of numerai-cli's calls with ``triggerId``. Each id counts once.
"""

import hashlib
import hmac
import json
import socket
import threading
import time
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from eth_utils.abi import function_abi_to_4byte_selector
from web3 import Web3
from web3.exceptions import Web3Exception

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.chain.errors import EndpointError
from scorer.protocol.wake_up import ID, TIMESTAMP, signatures, signed_bytes, wake_up_signers

TOLERANCE: Final = 300
"""Seconds that a call's time may be off this machine's."""
KEPT: Final = 10_000
"""Ids that are remembered: as many calls as may be made within the tolerance."""
POLL: Final = 0.1
"""Seconds between two looks of the server at whether it is to end."""
MOST_BODY: Final = 16_384
MOST_AT_ONCE: Final = 16
LONGEST_CALL: Final = 15.0
"""Seconds after which a call is cut, however far it is."""
QUESTIONS: Final = 30
"""Accounts that the chain is asked about in a minute."""
MINUTE: Final = 60
LONGEST_ID: Final = 80
SECRET: Final = "whsec_"  # noqa: S105 - how such secrets begin


@dataclass(frozen=True)
class WebhookAnswer:
    """The answer to a call: an HTTP status, and a line of text."""

    status: int
    text: str


ACCEPTED: Final = WebhookAnswer(202, "the node looks at the chain\n")


@dataclass
class WakeUp:
    """Decides whether a call wakes the node.

    Attributes
    ----------
    models
        The models of this node.
    wake
        Called for each call that counts.
    secret
        Of the server's webhook, ``whsec_...``; None: only the operator's signature counts.
    clock
        Unix seconds of this machine.
    """

    suite: Suite
    models: Sequence[int]
    wake: Callable[[], None]
    secret: str | None = field(default=None, repr=False)
    clock: Callable[[], float] = time.time
    _seen: "OrderedDict[str, float]" = field(default_factory=OrderedDict)
    _triggers: dict[int, str] = field(default_factory=dict)
    _operators: dict[str, bool] = field(default_factory=dict)
    _asked: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, headers: Mapping[str, str], body: bytes) -> WebhookAnswer:
        """Answer a call, and wake the node where it counts.

        Parameters
        ----------
        headers
            By their names in lower case.
        """
        identity, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
        if not 0 < len(identity) <= LONGEST_ID or not timestamp.isascii() or not timestamp.isdecimal():
            return WebhookAnswer(400, f"expected the headers {ID} and {TIMESTAMP}, found others\n")
        if abs(self.clock() - int(timestamp[:15])) > TOLERANCE:
            return WebhookAnswer(
                400, f"expected a call of the last {TOLERANCE} s, found an older or a later one\n"
            )
        document = _document(body)
        if document is None:
            return WebhookAnswer(400, "expected a JSON object, found none\n")
        if not self._is_signed(headers, identity, timestamp, body):
            return WebhookAnswer(401, "expected the signature of the operator or of the server, found none\n")
        if not self._is_new(identity):
            return WebhookAnswer(409, "expected a call that was not made before, found one that was\n")
        self._note_trigger(document)
        self.wake()
        return ACCEPTED

    def trigger_of(self, model: int) -> str | None:
        """Take the id of the last call that named a model: its submission names it, once."""
        with self._lock:
            return self._triggers.pop(model, None)

    def _is_signed(self, headers: Mapping[str, str], identity: str, timestamp: str, body: bytes) -> bool:
        if self.secret is not None:
            message = signed_bytes(identity, timestamp, body)
            expected = hmac.new(_key(self.secret), message, hashlib.sha256).digest()
            if any(hmac.compare_digest(expected, found) for found in signatures(headers, "v1")):
                return True
        return any(self._is_operator(signer) for signer in wake_up_signers(headers, body))

    def _is_operator(self, signer: str) -> bool:
        """Return whether an account may open rounds, as the chain says; it is asked once for each."""
        with self._lock:
            known = self._operators.get(signer)
            if known is not None or not self._may_ask():
                return bool(known)
        suite = self.suite
        selector = function_abi_to_4byte_selector(suite.tournament.get_function_by_name("openRound").abi)
        call = suite.authority.functions.canCall(
            Web3.to_checksum_address(signer), suite.tournament.address, selector
        )
        try:
            at_once, _ = read_view(call, "finalized")
        except (EndpointError, Web3Exception):
            return False
        with self._lock:
            self._operators[signer] = bool(at_once)
        return bool(at_once)

    def _may_ask(self) -> bool:
        """Return whether the chain may be asked about one more account: anybody can sign with a new key."""
        now = self.clock()
        self._asked = [at for at in self._asked if at > now - MINUTE]
        if len(self._asked) >= QUESTIONS:
            return False
        if len(self._operators) >= KEPT:
            self._operators.clear()
        self._asked.append(now)
        return True

    def _is_new(self, identity: str) -> bool:
        now = self.clock()
        with self._lock:
            for seen in [each for each, at in self._seen.items() if at < now - 2 * TOLERANCE]:
                del self._seen[seen]
            if len(self._seen) >= KEPT:
                self._seen.popitem(last=False)
            if identity in self._seen:
                return False
            self._seen[identity] = now
            return True

    def _note_trigger(self, document: Mapping[str, Any]) -> None:
        trigger, model = document.get("triggerId"), str(document.get("modelId", ""))
        if isinstance(trigger, str) and 0 < len(trigger) <= LONGEST_ID:
            named = [int(model)] if model.isascii() and model.isdecimal() else self.models
            with self._lock:
                self._triggers |= {each: trigger for each in named if each in self.models}


def _key(secret: str) -> bytes:
    text = secret.removeprefix(SECRET)
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return text.encode()


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _cut(request: socket.socket) -> None:
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    """Takes a few calls at once, and drops others: whoever calls tries again."""

    daemon_threads = True

    def __init__(self, *given: Any) -> None:
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(*given)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        # A timeout of each read alone lets a caller who sends a byte at a time keep its place for hours.
        end = threading.Timer(LONGEST_CALL, _cut, [request])
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        return


@contextmanager
def served_webhook(wake_up: WakeUp, host: str, port: int) -> Iterator[int]:
    """Take calls by POST at any path while the context lasts; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "0")
            if not length.isdecimal() or int(length[:9]) > MOST_BODY or len(length) > 9:
                self._send(WebhookAnswer(413, f"expected at most {MOST_BODY} bytes, found more\n"))
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(wake_up.take(headers, self.rfile.read(int(length))))

        def _send(self, answer: WebhookAnswer) -> None:
            content = answer.text.encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002
            return

    with _Server((host, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
