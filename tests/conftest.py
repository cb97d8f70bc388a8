"""What all tests share: local chains, and a small tournament on one of them."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import structlog
from hypothesis import settings
from threadpoolctl import threadpool_limits

from scorer import redaction
from scorer.chain import bulk, provider
from scorer.lab.anvil import Anvil
from scorer.transactions import keystore, manager
from tests.chains import Chains, chain
from tests.world import World, lent_world

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# By rich, which structlog takes where it is there, a traceback takes a hundred times as long.
structlog.configure(
    processors=[
        structlog.stdlib.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)

SLOW = (
    *("server", "oracle", "proofs", "scoring", "cli", "lab", "compute", "deployment", "operator"),
    *("data", "agents", "bridge", "hostile", "transactions", "daemon", "web", "rewards", "static"),
    *("chain", "isolation"),
)
"""The folders that take longest. They come first: what is short fills up whichever worker is done early."""

WAITING = (
    *("lab/devnet/test_serving.py", "lab/devnet/test_devnet.py", "deployment/test_ape.py"),
    *("lab/demo/test_run.py", "compute/test_providers.py", "chain/test_bad_endpoints.py"),
    *("chain/test_provider.py", "docs/test_quickstart_data.py"),
)
"""Files that take long and little of a processor, as they wait for blocks and for what does not answer."""

BETWEEN = 12
"""Files from one that waits to the next, so that the other workers have something to compute meanwhile."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files so that several workers end together; a file's tests keep their order."""
    here = Path(__file__).parent
    folders = {folder: place for place, folder in enumerate(SLOW)}
    files = {item.path.relative_to(here).as_posix() for item in items}
    others = sorted(
        files.difference(WAITING), key=lambda file: (folders.get(file.split("/")[0], len(SLOW)), file)
    )
    places = {file: float(place) for place, file in enumerate(others)}
    places |= {file: place * BETWEEN - 0.5 for place, file in enumerate(WAITING)}
    items.sort(key=lambda item: places[item.path.relative_to(here).as_posix()])


def pytest_collection_finish() -> None:
    """Leave what was imported out of garbage collections, each of which would look through all of it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


@pytest.fixture(scope="session", autouse=True)
def _one_blas_thread() -> Iterator[None]:
    """Give a worker's matrices one thread: of two on a core each waits for the other.

    That scores do not depend on the number is tested in processes of their own.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@pytest.fixture(scope="session")
def chains() -> Iterator[Chains]:
    """The nodes of this worker's session."""
    with Chains() as nodes:
        yield nodes


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide in a test's messages what it calls secret itself, not what tests before it did."""
    monkeypatch.setattr(redaction, "_remembered", set())


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less between the tries of a request, of which there are as many as ever, and for a block."""
    monkeypatch.setattr(provider, "PAUSES", (0.01,) * len(provider.PAUSES))
    monkeypatch.setattr(bulk, "PAUSE", 0.001)
    monkeypatch.setattr(manager, "POLL", 0.01)


@pytest.fixture(autouse=True)
def _quick_keystores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encrypt keys with little work: what a new keystore costs to guess is held in tests/transactions."""
    monkeypatch.setattr(keystore, "WORK", 2)


os.umask(0o077)
"""Files of tests are for their owner alone, as keys and passwords must be."""

MEMORY: Final = Path("/dev/shm")
ROOM: Final = 4 << 30
"""Bytes of memory that must be free for files of tests."""

# Journals and bundles are synced to the disk with each write. In memory that takes no time.
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture
def anvil(request: pytest.FixtureRequest, chains: Chains) -> Iterator[Anvil]:
    """A local chain as if it had just been started; the world's, where a test has a world.

    Its node is shared with other tests. Whoever kills it, or changes its chain id, takes `fresh_anvil`.
    """
    if "world" in request.fixturenames:
        world: World = request.getfixturevalue("world")
        yield world.anvil
        return
    with chains.bare() as anvil:
        yield anvil


@pytest.fixture
def fresh_anvil() -> Iterator[Anvil]:
    """A local chain in a process of its own, which ends with the test."""
    with chain() as anvil:
        yield anvil


@pytest.fixture
def world(chains: Chains, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """A tournament: three members, ten models, nothing opened yet but what the test's mark says."""
    mark = request.node.get_closest_marker("begins")
    with lent_world(chains, tmp_path, begin=mark.kwargs["begin"] if mark else None) as world:
        yield world
