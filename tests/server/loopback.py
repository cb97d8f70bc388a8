"""Serves an application on a free port of this machine, for tests that speak HTTP to it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


@contextmanager
def served(application: ASGIApp | Callable[[str], ASGIApp], *, by_url: bool = False) -> Iterator[str]:
    """Serve an application in a thread, or with `by_url` what a function makes of the URL; the base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # As asyncio does where it binds itself: else a body waits 40 ms until its headers are acknowledged.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = application(url) if by_url else application  # type: ignore[call-arg, arg-type]
        config = uvicorn.Config(app, log_level="warning", lifespan="on")  # type: ignore[arg-type]
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "expected a server, found that it ended"
            assert time.monotonic() < until, "expected a server within 20 s, found none"
            time.sleep(0.01)
        try:
            yield url
        finally:
            server.should_exit = True
            thread.join(20)
