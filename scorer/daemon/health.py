"""Serves /metrics, /healthz and /readyz on 127.0.0.1, from what the process knows itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from scorer.daemon.metrics import Liveness, Metrics
from scorer.redaction import clean

POLL: Final = 0.1
"""Seconds between two looks of the server at whether it is to end."""


class _Server(ThreadingHTTPServer):
    """Ignores a connection that broke: its traceback would stand among the log's lines of JSON."""

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        return


@contextmanager
def served(port: int, metrics: Metrics, liveness: Liveness) -> Iterator[int]:
    """Serve while the context lasts; yield the port, which the system chooses where `port` is 0."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = _answer(self.path, metrics, liveness)
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002
            return

    with _Server(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def _answer(path: str, metrics: Metrics, liveness: Liveness) -> tuple[int, bytes]:
    match path:
        case "/metrics":
            return 200, metrics.page()
        case "/healthz":
            return (
                (200, b"alive\n") if liveness.is_alive else (503, b"no cycle came to its end for too long\n")
            )
        case "/readyz":
            why = liveness.not_ready
            return (200, b"ready\n") if why is None else (503, f"{clean(why)}\n".encode())
        case _:
            return 404, b"expected /metrics, /healthz or /readyz\n"
