"""The time of the chain, which closes rounds whatever this machine's clock says."""

import threading
import time
from dataclasses import dataclass, field
from typing import Final

from web3.exceptions import Web3Exception

from scorer.chain.contracts import Suite
from scorer.chain.errors import EndpointError
from scorer.errors import CupelError

KEPT: Final = 1.0
"""Seconds for which the newest block is not asked for again."""


class ChainSilent(CupelError):
    """The chain does not say what time it is."""


@dataclass
class ChainTime:
    """Reads the time of the newest block, at most once a second."""

    suite: Suite
    _known: tuple[float, int] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> int:
        """Return the time of the newest block, Unix seconds.

        Raises
        ------
        ChainSilent
            When the endpoint does not answer.
        """
        with self._lock:
            now = time.monotonic()
            if self._known is None or now - self._known[0] > KEPT:
                self._known = (now, self._ask())
            return self._known[1]

    def _ask(self) -> int:
        try:
            return int(self.suite.w3.eth.get_block("latest")["timestamp"])
        except (EndpointError, Web3Exception) as error:
            raise ChainSilent(
                "chain: expected its time, which closes the round, found that the server's endpoint does not "
                f"answer ({type(error).__name__}); try again in a moment"
            ) from None
