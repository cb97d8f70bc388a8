"""What all tests share: local chains, and a small tournament on one of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scorer.chain.anvil import Anvil
from tests.chains import Chains, chain
from tests.world import World, lent_world


@pytest.fixture(scope="session")
def chains() -> Iterator[Chains]:
    """The nodes of this worker's session."""
    with Chains() as nodes:
        yield nodes


@pytest.fixture
def anvil(request: pytest.FixtureRequest, chains: Chains) -> Iterator[Anvil]:
    """A local chain as if it had just been started; the world's, where a test has a world.

    Its node is shared with other tests. Whoever kills it, or changes its chain id, takes `fresh_anvil`.
    """
    if "world" in request.fixturenames:
        world: World = request.getfixturevalue("world")
        yield world.stage.anvil
        return
    with chains.bare() as anvil:
        yield anvil


@pytest.fixture
def fresh_anvil() -> Iterator[Anvil]:
    """A local chain in a process of its own, which ends with the test."""
    with chain() as anvil:
        yield anvil


@pytest.fixture
def world(chains: Chains, tmp_path: Path) -> Iterator[World]:
    """A fresh tournament: three members, ten models, nothing opened yet."""
    with lent_world(chains, tmp_path) as world:
        yield world
