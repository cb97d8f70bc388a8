"""Runs a web application as a process that ends in time when it is asked to, whoever holds a connection."""

import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from scorer.logs import get_logger

GRACE: Final = 10
"""Seconds in which requests that have begun are finished."""
COLLECTED: Final = (20_000, 20, 20)
"""Objects after which new ones are looked at, and how many such looks come before a longer one."""
LONGEST: Final = 45.0
"""Seconds after which the process ends, whatever still runs: longer than `GRACE` and the end of a worker."""


def serve_until_ended(app: ASGIApp, *, grace: int = GRACE, longest: float = LONGEST, **options: Any) -> None:
    """Serve until SIGTERM or SIGINT; return once requests are finished or cut off.

    Parameters
    ----------
    grace
        Seconds in which requests are finished.
    longest
        Seconds from the signal to the end of the process. A thread that hangs would hold it up for ever.
    options
        Of `uvicorn.Config`.
    """
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=grace, **options)
    _collect_seldom()
    # uvicorn raises the signal again once it has ended: by then it means no more than that.
    with _terminated_as_interrupted(), suppress(KeyboardInterrupt):
        _Server(config, longest).run()


def _collect_seldom() -> None:
    """Let the garbage collector leave out what is there for good, and look less often at what is new.

    A whole collection of all modules' objects takes a tenth of a second, in which no request is answered; a
    long answer alone has hundreds of objects, none of them in a circle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, longest: float) -> None:
        super().__init__(config)
        self._longest = longest

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end, and see to it that this ends."""
        timer = threading.Timer(self._longest, _end, (self._longest,))
        timer.daemon = True  # an end that comes before needs none
        timer.start()
        super().handle_exit(sig, frame)


def _end(longest: float) -> None:
    get_logger().error("ended by force", seconds=longest)
    os._exit(1)  # sys.exit would wait for the threads


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM raise what SIGINT does, so that what is behind a server is ended in order too."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
