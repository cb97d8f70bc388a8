"""An endpoint that misbehaves: an HTTP proxy in front of a good node, with the faults it is given."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

import requests

Request = dict[str, Any]
Response = dict[str, Any]
Forward = Callable[[Request], Response]
Fault = Callable[[Request, Forward], Response | None]
"""Answers a request instead of the node, or gives None to leave it to the node."""
EVERY: Final = "*"
"""In place of a method: every one that has no fault of its own."""
POLL: Final = 0.02
"""Seconds until a server that is to end notices it; the library's own half second adds up over many tests."""


def error(code: int, message: str) -> Response:
    """Return a JSON-RPC error, as it comes with HTTP 200."""
    return {"error": {"code": code, "message": message}}


class NoAnswer(Exception):
    """The connection is cut without an answer."""


@dataclass
class Proxy:
    """A running proxy.

    Attributes
    ----------
    faults
        By JSON-RPC method.
    asked
        The method of each call.
    requests
        How many calls each HTTP request held: 1, or as many as a batch has.
    largest_batch
        Calls in a batch that is taken; 0: no batch is; None: any.
    """

    url: str = ""
    faults: dict[str, Fault] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    largest_batch: int | None = None
    _turn: threading.Condition = field(default_factory=threading.Condition, repr=False)
    _under_way: int = field(default=0, repr=False)
    _is_still: bool = field(default=False, repr=False)

    def answer(self, request: Request | list[Request], forward: Forward) -> Response | list[Response]:
        """Answer an HTTP request, which is a call or a batch of them."""
        calls = request if isinstance(request, list) else [request]
        self.requests.append(len(calls))
        if not isinstance(request, list):
            return self._answer(request, forward)
        if self.largest_batch is not None and len(calls) > self.largest_batch:
            return {"jsonrpc": "2.0", "id": None} | error(-32600, f"at most {self.largest_batch} in a batch")
        return [self._answer(call, forward) for call in calls]

    def _answer(self, request: Request, forward: Forward) -> Response:
        self.asked.append(request["method"])
        fault = self.faults.get(request["method"]) or self.faults.get(EVERY)
        answer = (fault(request, forward) if fault else None) or forward(request)
        return {"jsonrpc": "2.0", "id": request["id"], **answer}

    def misbehave(self, method: str, fault: Fault | None) -> Self:
        """Let `fault` answer `method` from now on; None: the node does."""
        if fault is None:
            self.faults.pop(method, None)
        else:
            self.faults[method] = fault
        return self

    @contextmanager
    def still(self) -> Iterator[None]:
        """Let nothing through to the node while the context lasts: what comes meanwhile waits.

        If anvil mines while it reorganises, it loses blocks, or keeps some whose state lacks what they hold.
        """
        with self._turn:
            self._turn.wait_for(lambda: not self._is_still)
            self._is_still = True
            self._turn.wait_for(lambda: self._under_way == 0)
        try:
            yield
        finally:
            with self._turn:
                self._is_still = False
                self._turn.notify_all()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Wait until requests may pass, and count one as under way while the context lasts."""
        with self._turn:
            self._turn.wait_for(lambda: not self._is_still)
            self._under_way += 1
        try:
            yield
        finally:
            with self._turn:
                self._under_way -= 1
                self._turn.notify_all()


@contextmanager
def proxy_of(node: str) -> Iterator[Proxy]:
    """Start a proxy of the node at `node`, on a free port of 127.0.0.1."""
    proxy = Proxy()
    session = requests.Session()

    def forward(request: Request) -> Response:
        with proxy.passing():
            answer: Response = session.post(node, json=request, timeout=30).json()
        return answer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else the end of an answer waits for its beginning to be acknowledged: 40 ms a request.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                answer = proxy.answer(request, forward)
            except NoAnswer:
                self.close_connection = True
                return
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True).start()
        try:
            yield proxy
        finally:
            server.shutdown()
            session.close()
