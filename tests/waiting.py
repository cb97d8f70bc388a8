"""Waits in tests for what another thread, process or chain does."""

import time
from collections.abc import Callable

from web3 import Web3
from web3.types import TxReceipt, _Hash32


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


def mined(w3: Web3, sent: _Hash32) -> TxReceipt:
    """Wait for the receipt of a transaction on a local chain, which is there in a few milliseconds."""
    return w3.eth.wait_for_transaction_receipt(sent, timeout=20, poll_latency=0.005)
