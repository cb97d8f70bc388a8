"""Runs a server: the web process, the worker that follows the chain, and the process that signs."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from scorer.client.signing_service import SigningUnavailable
from scorer.logs import get_logger
from scorer.server.application import AgentOptions, application, numbers
from scorer.server.configuration import ServerConfig
from scorer.server.rate_limit import RateLimiter
from scorer.server.server_metrics import ServerMetrics, served_metrics
from scorer.server.services import Services
from scorer.server.web_process import serve_until_ended
from scorer.server.worker import Worker

PATIENCE: Final = 20.0
"""Seconds after which the log says that the process which signs is still waited for."""
ENDING: Final = 20.0
"""Seconds for which a process that is to end waits for its worker."""
SIGNER_ENDING: Final = 5.0
"""Seconds for which it waits for the process that signs, before it is killed."""
LARGEST_BACKLOG: Final = 512


def now() -> int:
    """Return the time in Unix seconds."""
    return int(time.time())


def run_web(config: ServerConfig, *, works: bool, signs: bool) -> None:
    """Serve until the process is asked to end.

    Parameters
    ----------
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
        _signing(config, wanted=signs),
        _working(config, services, wanted=works),
        served_metrics(metrics, config.listen.metrics_port),
    ):
        app = application(services, RateLimiter(config.listen.requests_per_minute), _agents(config))
        get_logger().info("serving", url=config.tournament.url, port=config.listen.port)
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
def _signing(config: ServerConfig, *, wanted: bool) -> Iterator[None]:
    """The process that signs: a child of its own, so that the web process never holds the key."""
    if not wanted:
        yield
        return
    place = config.signing_place()
    socket = Path(place.socket)
    socket.unlink(missing_ok=True)
    child = subprocess.Popen(place.command())  # noqa: S603 - this interpreter, on a module of ours
    try:
        await_socket(socket, child)
        yield
    finally:
        child.terminate()
        try:
            child.wait(SIGNER_ENDING)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def await_socket(socket: Path, child: "subprocess.Popen[bytes]") -> None:
    """Wait until a process that signs answers, for as long as it runs.

    A busy machine may take minutes to start it, and its keystore takes long to open on purpose.

    Raises
    ------
    SigningUnavailable
        When it ended.
    """
    began = warned = time.monotonic()
    while not socket.exists():
        if child.poll() is not None:
            raise SigningUnavailable(
                f"signing process: expected it to start, found that it ended ({child.returncode}); see above"
            )
        if time.monotonic() - warned > PATIENCE:
            warned = time.monotonic()
            get_logger().warning("waiting for the signing process", seconds=round(warned - began))
        time.sleep(0.05)
