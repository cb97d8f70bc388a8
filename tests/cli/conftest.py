"""A tournament that the tests of a file share, where each uses accounts and models of its own."""

from collections.abc import Iterator

import pytest

from scorer.chain.anvil import run_anvil
from tests.world import START, World, build_world


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """As `world`, one for a file."""
    with run_anvil(timestamp=START, accounts=40) as chain:
        yield build_world(chain, tmp_path_factory.mktemp("town"))
