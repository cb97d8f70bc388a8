"""A server in a process of its own, as an operator runs it, on a tournament whose open round encrypts."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests
import tomli_w

from scorer.files import parse_toml
from scorer.lab.rounds import open_round
from scorer.observation.encryption import round_context
from scorer.server.configuration import ServerConfig, load_server_config
from scorer.server.services import Services
from scorer.server.serving import now
from scorer.server.setup import CONFIG, SetupOptions, set_up
from tests.encrypted_world import encrypted_world
from tests.world import HOUR, World

DAY = 24 * HOUR
UNLIMITED = 10.0**9
CUPEL = (sys.executable, "-c", "from scorer.cli import app; app()")


def free_port() -> int:
    """A free port of this machine, outside of those of outgoing connections."""
    for port in range(21_000, 32_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError("expected a free port, found none")


@dataclass(frozen=True)
class Process:
    """A process that was started, and the processes that it started."""

    child: "subprocess.Popen[bytes]"

    def peak_mib(self) -> int:
        """The most memory that it, or one of its own processes, had; MiB."""
        own = psutil.Process(self.child.pid)
        return max(_peak(process.pid) for process in (own, *own.children(recursive=True)))

    def cpu(self) -> float:
        """Seconds of CPU of it and its processes, as far as they run."""
        own = psutil.Process(self.child.pid)
        times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
        return float(sum(each.user + each.system for each in times) + times[0].children_user)


def _peak(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)


@contextmanager
def started(arguments: Sequence[str], ready: str, said: Path) -> Iterator[Process]:
    """Run a command of cupel until a URL of it answers."""
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with said.open("ab") as file:
        child = subprocess.Popen([*CUPEL, *arguments], stdout=file, stderr=file, env=environment)
    try:
        until = time.monotonic() + 600
        while not _answers(ready):
            if child.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"expected {arguments[0]} to run, found: {said.read_text()[-2000:]}")
            time.sleep(0.1)
        yield Process(child)
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(60)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).status_code < 500
    except requests.RequestException:
        return False


@dataclass(frozen=True)
class BenchServer:
    """A server's folder, and the round that is open: for what is written past the server."""

    world: World
    folder: Path
    universe: tuple[str, ...]

    @property
    def config(self) -> ServerConfig:
        return load_server_config(self.folder / CONFIG)

    @property
    def url(self) -> str:
        return self.config.tournament.url

    @contextmanager
    def services(self) -> Iterator[Services]:
        """The services of this process, on the same database."""
        config = self.config
        database = config.open_database()
        yield config.parts().services(config.suite(), database, now)
        database.close()

    @contextmanager
    def running(self) -> Iterator[Process]:
        """The server, with the process that signs and its worker."""
        arguments = ["server", "run", "--config", str(self.folder / CONFIG)]
        with started(arguments, f"{self.url}/status", self.folder / "said") as process:
            yield process


def set_up_server(world: World, folder: Path, ids: int) -> BenchServer:
    """Open an encrypted round of so many ids at the machine's own time, and set a server up for it."""
    secret = encrypted_world(world)
    world.anvil.advance_to(int(time.time()))
    universe = tuple(f"id{number:06}" for number in range(ids))
    begin = world.now
    times = (begin, begin + DAY, begin + 2 * DAY, begin + 9 * DAY)
    published = world.operator.published
    round_id = open_round(world.suite, world.operator_sender, published, secret.rules, universe, times)
    assert round_context(world.suite, round_id).round_id == round_id
    world.anvil.finalise()
    deployment = folder / "deployment.json"
    deployment.write_text(json.dumps(world.suite.addresses.to_json()))
    port = free_port()
    places = (deployment, world.operator.inbox, published, (secret.members[0].paths.rounds,))
    url = f"http://127.0.0.1:{port}"
    options = SetupOptions("dao", "bench", "classic", url, world.anvil.url, *places, port=port)
    site = folder / "site"
    config = set_up(site, options)
    document = parse_toml((site / CONFIG).read_bytes())
    document["listen"]["requests_per_minute"] = UNLIMITED
    (site / CONFIG).write_text(tomli_w.dumps(document))
    database = config.open_database()
    config.parts().follower(config.suite(), database).step()
    database.close()
    return BenchServer(secret, site, universe)
