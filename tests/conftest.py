"""What all tests share: a local chain, and a small tournament on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scorer.chain.anvil import Anvil, run_anvil
from tests.world import START, World, build_world


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    """A fresh local chain."""
    with run_anvil(timestamp=START, accounts=40) as chain:
        yield chain


@pytest.fixture
def world(anvil: Anvil, tmp_path: Path) -> World:
    """A fresh tournament: three members, ten models, nothing opened yet."""
    return build_world(anvil, tmp_path)
