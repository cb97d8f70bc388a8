"""A tournament that the tests of a file share, where each uses accounts and models of its own."""

from collections.abc import Iterator

import pytest

from tests.chains import Chains
from tests.world import World, lent_world


@pytest.fixture(scope="module")
def shared(chains: Chains, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Lend one world to all tests of a file."""
    with lent_world(chains, tmp_path_factory.mktemp("shared")) as world:
        yield world
