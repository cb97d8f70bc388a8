"""Tests that run models need bubblewrap, and are left out without it: ``sh scripts/sandbox_setup.sh``."""

import shutil

import pytest

NEED_A_SANDBOX = (
    *("test_commands", "test_delivery", "test_kinds"),
    *("test_kubernetes", "test_node", "test_providers"),
)


@pytest.fixture(autouse=True)
def _sandbox(request: pytest.FixtureRequest) -> None:
    if request.module.__name__.rpartition(".")[2] in NEED_A_SANDBOX and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed: sh scripts/sandbox_setup.sh")
