"""An endpoint of any behaviour: a local HTTP server whose answers are written byte by byte."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[[BaseHTTPRequestHandler, Any], None]
"""Answers a request, given as its JSON document."""
BLOCK = {"number": "0x64", "hash": "0x" + "ab" * 32, "timestamp": "0x64", "transactions": []}
RESULTS: Mapping[str, Any] = {"eth_chainId": "0x1", "eth_getBlockByNumber": BLOCK}


@dataclass
class Server:
    """A running server, what it was asked, and from how many connections."""

    url: str
    asked: list[Any] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)


@contextmanager
def serving(behave: Behaviour) -> Iterator[Server]:
    """A server on a free port of 127.0.0.1."""
    server = Server("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked.append(request)
            server.connections.add(self.client_address)
            try:
                behave(self, request)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            return

    with Quiet(("127.0.0.1", 0), Handler) as running:
        server.url = f"http://127.0.0.1:{running.server_address[1]}"
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server
        finally:
            running.shutdown()


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """A whole answer."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def answer(handler: BaseHTTPRequestHandler, request: Any) -> None:
    """A good node of one block."""
    send(handler, json.dumps(result_of(request, RESULTS.get(request["method"]))).encode())


def result_of(request: Any, result: Any) -> dict[str, Any]:
    """A JSON-RPC result."""
    return {"jsonrpc": "2.0", "id": request["id"], "result": result}


def says(result: Any) -> Behaviour:
    """Answers every request with one result."""
    return lambda handler, request: send(handler, json.dumps(result_of(request, result)).encode())


def raw(text: str, status: int = 200, **headers: str) -> Behaviour:
    """Answers with this text, in which ID stands for the request's id."""

    def behave(handler: BaseHTTPRequestHandler, request: Any) -> None:
        number = str(request["id"]) if isinstance(request, dict) else ""
        send(handler, text.replace("ID", number).encode(errors="surrogateescape"), status, **headers)

    return behave


def refuses(code: int, message: str, status: int = 200, **headers: str) -> Behaviour:
    """Answers every request with one error."""
    error = json.dumps({"code": code, "message": message})
    return raw(f'{{"jsonrpc": "2.0", "id": ID, "error": {error}}}', status, **headers)


def first(count: int, behave: Behaviour, then: Behaviour = answer) -> Behaviour:
    """One behaviour for so many requests, and another after them."""
    left = [count]

    def changes(handler: BaseHTTPRequestHandler, request: Any) -> None:
        left[0] -= 1
        (behave if left[0] >= 0 else then)(handler, request)

    return changes
