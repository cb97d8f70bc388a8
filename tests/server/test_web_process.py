"""A web process that is asked to end does: what has begun is finished, and what hangs is cut off."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scorer.lab.anvil import free_port

PROGRAM = """
import sys, threading, time
from pathlib import Path
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from scorer.server.web_process import serve_until_ended

async def body(request):
    return PlainTextResponse(str(len(await request.body())))

def slow(request):
    time.sleep(float(request.path_params["seconds"]))
    return PlainTextResponse("finished")

routes = [Route("/body", body, methods=["POST"]), Route("/slow/{seconds}", slow)]
port, grace, longest, folder = sys.argv[1:]
serve_until_ended(
    Starlette(routes=routes), host="127.0.0.1", port=int(port), grace=int(grace), longest=float(longest)
)
(Path(folder) / "ended").touch()
"""
POST = b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234"


@contextmanager
def running(folder: Path, grace: int, longest: float) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """The program in a process of its own, and its port."""
    port = free_port()
    arguments = [str(port), str(grace), str(longest), str(folder)]
    child = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments])
    try:
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert child.poll() is None, "expected a server, found that it ended"
                assert time.monotonic() < until, "expected a server within 60 s, found none"
                time.sleep(0.05)
        yield port, child
    finally:
        child.kill()
        child.wait()


def held(port: int, sent: bytes) -> socket.socket:
    """A connection that sends so much, and then holds still."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(sent)
    time.sleep(0.3)  # a request that has not arrived is no request that has begun
    return connection


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_connections_that_are_held_do_not_keep_a_server_from_its_end(tmp_path: Path, number: int) -> None:
    with running(tmp_path, 1, 60) as (port, child):
        connections = [held(port, sent) for sent in (POST, b"POST /bo", b"", POST[:-4])]
        child.send_signal(number)
        assert child.wait(20) == 0
        for connection in connections:
            connection.close()
    assert (tmp_path / "ended").exists(), "what is behind the server is ended in order"


def test_what_has_begun_is_finished(tmp_path: Path) -> None:
    with running(tmp_path, 20, 60) as (port, child):
        connection = held(port, b"GET /slow/1 HTTP/1.1\r\nHost: a\r\n\r\n")
        child.send_signal(signal.SIGTERM)
        assert connection.makefile("rb").read().endswith(b"finished")
        assert child.wait(15) == 0


def test_a_thread_that_hangs_is_left_behind(tmp_path: Path) -> None:
    with running(tmp_path, 1, 3) as (port, child):
        connection = held(port, b"GET /slow/3600 HTTP/1.1\r\nHost: a\r\n\r\n")
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 1
        connection.close()
