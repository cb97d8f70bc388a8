"""Runs cycle after cycle until asked to stop; what fails is reported, and tried again in the next one."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from scorer.daemon.alarms import Alarms
from scorer.daemon.metrics import Liveness, Metrics
from scorer.daemon.site import UnknownVersion
from scorer.logs import get_logger
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.failures import CUT_SHORT, FATAL, in_words, reason_of

WAKING: Final = 0.2
"""Seconds after which a loop that can be woken looks whether it is to stop."""


@dataclass
class Loop:
    """A daemon's loop.

    Attributes
    ----------
    cycle
        Observes, decides and acts once; returns its line for the log.
    interval
        Seconds between the beginnings of two cycles.
    wake
        Ends a wait early; None where nothing does.
    """

    cycle: Callable[[], Mapping[str, Any]]
    interval: float
    metrics: Metrics
    alarms: Alarms
    liveness: Liveness
    stop: threading.Event = field(default_factory=threading.Event)
    wake: threading.Event | None = None

    def run(self, cycles: int | None = None) -> None:
        """Go on until asked to stop, or for so many cycles. A cycle that has begun is finished first.

        Raises
        ------
        UnknownVersion, scorer.transactions.journal.JournalError, sqlalchemy.exc.SQLAlchemyError
            When going on would be wrong.
        """
        while not self.stop.is_set() and cycles != 0:
            began = time.monotonic()
            self.once()
            cycles = None if cycles is None else cycles - 1
            if cycles != 0:
                self._wait(began + self.interval)

    def _wait(self, until: float) -> None:
        """Wait until a monotonic time, or to be stopped or woken."""
        while (left := until - time.monotonic()) > 0 and not self.stop.is_set():
            if self.wake is None:
                self.stop.wait(left)
            elif self.wake.wait(min(left, WAKING)):
                break
        if self.wake is not None:
            self.wake.clear()

    def once(self) -> None:
        """Run one cycle, whatever goes wrong in it."""
        self.alarms.begin_cycle()
        log = get_logger()
        with self.metrics.cycle_seconds.time():
            result, why = self._attempt(log)
        self.alarms.end_cycle()
        self.metrics.cycles.labels(result).inc()
        if why is None:
            self.metrics.last_success.set_to_current_time()
        self.liveness.not_ready = why
        self.liveness.beat()

    def _attempt(self, log: Any) -> tuple[str, str | None]:
        """Return the cycle's result as metrics name it, and why the daemon is not ready."""
        try:
            line = self.cycle()
        except (UnknownVersion, *FATAL) as error:
            if isinstance(error, UnknownVersion):
                self.alarms.call(AlarmReason.UNKNOWN_VERSION, str(error))
            log.critical("ends", error=str(error))
            raise
        except Exception as error:  # noqa: BLE001 - the next cycle tries again, whatever it was
            return self._failed(log, error)
        log.info("cycle", **line)
        missing = sorted(reason.name for reason in self.alarms.raised & CUT_SHORT)
        return ("partial", f"a part of the cycle failed: {', '.join(missing)}") if missing else ("done", None)

    def _failed(self, log: Any, error: Exception) -> tuple[str, str]:
        reason, why = reason_of(error), in_words(error)
        self.alarms.call(reason, why)
        if reason == AlarmReason.DEFECT:
            log.exception("defect")
            return "defect", why
        return "retry", why


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Let SIGTERM and SIGINT set `stop`, so that what has begun is finished; a second one ends at once."""

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            signal.default_int_handler(number, None)
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
