"""Runs a server: the web process, the worker that follows the chain, and the process that signs."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog

from scorer.client.signing_service import SigningUnavailable
from scorer.server.application import AgentOptions, application, numbers
from scorer.server.configuration import ServerConfig
from scorer.server.rate_limit import RateLimiter
from scorer.server.server_metrics import ServerMetrics, served_metrics
from scorer.server.services import Services
from scorer.server.web_process import serve_until_ended
from scorer.server.worker import Worker

READY: Final = 30.0
"""Seconds that the process which signs may take to open its keystore."""
ENDING: Final = 20.0
"""Seconds for which a process that is to end waits for its worker."""
SIGNER_ENDING: Final = 5.0
"""Seconds for which it waits for the process that signs, before it is killed."""
LARGEST_BACKLOG: Final = 512


def now() -> int:
    """Return the time in Unix seconds."""
    return int(time.time())


def run_web(config: ServerConfig, path: Path, *, works: bool, signs: bool) -> None:
    """Serve until the process is asked to end.

    Parameters
    ----------
    path
        Of the configuration, for the process that signs.
    works, signs
        Whether this process follows the chain, and starts the one that signs.
    """
    database = config.open_database()
    database.require_current()
    suite, parts = config.suite(), config.parts()
    services = parts.services(suite, database, now)
    metrics = ServerMetrics()
    metrics.watch(lambda: numbers(services))
    with (
        _signing(config, path, wanted=signs),
        _working(config, services, wanted=works),
        served_metrics(metrics, config.listen.metrics_port),
    ):
        app = application(services, RateLimiter(config.listen.requests_per_minute), _agents(config))
        structlog.get_logger().info("serving", url=config.tournament.url, port=config.listen.port)
        serve_until_ended(
            metrics.measured(app),
            host=config.listen.host,
            port=config.listen.port,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=list(config.listen.proxies),
            backlog=LARGEST_BACKLOG,
        )
    database.close()


def _agents(config: ServerConfig) -> AgentOptions | None:
    return AgentOptions(config.agents.submits) if config.agents.enabled else None


def run_worker(config: ServerConfig, stop: threading.Event, *, steps: int | None = None) -> None:
    """Do the work of a server until `stop` is set, or for some steps."""
    database = config.open_database()
    database.require_current()
    suite, parts = config.suite(), config.parts()
    services = parts.services(suite, database, now)
    Worker.of(parts.follower(suite, database), services, config.listen.interval).run(stop, steps)
    database.close()


@contextmanager
def _working(config: ServerConfig, services: Services, *, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    stop = threading.Event()
    follower = config.parts().follower(services.suite, services.database)
    worker = Worker.of(follower, services, config.listen.interval)
    thread = threading.Thread(target=worker.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(ENDING)


@contextmanager
def _signing(config: ServerConfig, path: Path, *, wanted: bool) -> Iterator[None]:
    """The process that signs: a child of its own, so that the web process never holds the key."""
    if not wanted:
        yield
        return
    config.at(config.signer.socket).unlink(missing_ok=True)
    command = [sys.executable, "-m", "scorer.server.sign", str(path)]
    child = subprocess.Popen(command)  # noqa: S603 - this interpreter, on a module of ours
    try:
        _await_socket(config, child)
        yield
    finally:
        child.terminate()
        try:
            child.wait(SIGNER_ENDING)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _await_socket(config: ServerConfig, child: "subprocess.Popen[bytes]") -> None:
    socket, until = config.at(config.signer.socket), time.monotonic() + READY
    while not socket.exists():
        if child.poll() is not None or time.monotonic() > until:
            raise SigningUnavailable("signing process: expected it to start, found that it ended; see above")
        time.sleep(0.05)
