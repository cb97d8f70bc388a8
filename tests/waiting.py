"""Waits in tests for what another thread or process does."""

import time
from collections.abc import Callable


def eventually(found: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Wait until something is the case.

    Raises
    ------
    AssertionError
        When it is not in time; names `what` was expected.
    """
    until = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < until, f"expected {what} within {seconds} s, found none"
        time.sleep(0.01)
