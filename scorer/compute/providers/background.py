"""The base of runs: a thread that looks after one job, its end, and a bounded log of what it printed."""

import threading
import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from scorer.compute.job import JobResult, RunOutcome
from scorer.compute.providers.protocol import ProviderUnavailable

KEPT: Final = 65_536
"""Bytes of a log's beginning, and of its end, that are kept."""


@dataclass
class BoundedLog:
    """The first and the last bytes of what a job printed, and how many there were."""

    first: bytes = b""
    last: bytes = b""
    count: int = 0

    def add(self, part: bytes) -> None:
        """Take more."""
        self.count += len(part)
        room = KEPT - len(self.first)
        self.first += part[:room]
        self.last = (self.last + part[room:] if room > 0 else self.last + part)[-KEPT:]

    def content(self) -> bytes:
        """Return what was kept, with a line between where some was left out."""
        left_out = self.count - len(self.first) - len(self.last)
        gap = f"\n... {left_out} bytes left out ...\n".encode() if left_out > 0 else b""
        return self.first + gap + self.last


@dataclass(kw_only=True)
class BackgroundRun:
    """A run with a thread of its own.

    Attributes
    ----------
    on_end
        Called at the very end, from that thread.
    log
        What it has printed so far.
    result
        None while it runs.
    """

    on_end: Callable[[], None] = lambda: None
    log: BoundedLog = field(default_factory=BoundedLog)
    result: JobResult | None = None
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Start it in the background."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """End it soon."""
        self._cancelled.set()

    def join(self, seconds: float) -> None:
        """Wait for its end."""
        if self._thread is not None:
            self._thread.join(seconds)

    @abstractmethod
    def _watched(self, began: float) -> JobResult:
        """Run the job to its end, or until it must end; `began` is a monotonic time, seconds."""

    def _release(self) -> int:
        """Remove what was made for the job, however it ended; return the most bytes that it held, or 0."""
        return 0

    def _run(self) -> None:
        began = time.monotonic()
        try:
            result = self._watched(began)
        except ProviderUnavailable as error:
            result = JobResult(RunOutcome.UNAVAILABLE, str(error))
        except OSError as error:
            result = JobResult(RunOutcome.UNAVAILABLE, f"expected a process, found {error.strerror}")
        except Exception as error:  # noqa: BLE001 - a run without an end would be waited for until the close
            result = JobResult(RunOutcome.UNAVAILABLE, f"expected an end, found {type(error).__name__}")
        peak = 0
        try:
            peak = self._release()
        finally:
            seconds = time.monotonic() - began
            self.result = replace(result, log=self.log.content(), seconds=seconds, peak_memory=peak)
            self.on_end()
