"""One site for all tests of pages: they read it, and leave it as it was."""

from collections.abc import Iterator

import pytest

from tests.chains import Chains
from tests.server.site import Site
from tests.web.browser import Browser, running_browser
from tests.web.page_world import page_site


@pytest.fixture(scope="session")
def shown(chains: Chains, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with settled rounds."""
    with page_site(chains, tmp_path_factory.mktemp("web")) as site:
        yield site


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with running_browser() as running:
        yield running
