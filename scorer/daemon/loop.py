"""Cycle after cycle until told to stop: what fails is told, and tried again in the next one."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from scorer.daemon.metrics import Liveness, Metrics
from scorer.errors import CupelError
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.failures import CUT_SHORT, FATAL, in_words, reason_of


class UnknownVersion(CupelError):
    """The contracts are of a version that this program does not know: it must not act on them."""


@dataclass
class Alarms:
    """Where alarms go: the log, and the metrics that Alertmanager watches."""

    metrics: Metrics
    rung: set[str] = field(default_factory=set)
    _rung_in: set[tuple[str, str]] = field(default_factory=set)
    _up: set[tuple[str, str]] = field(default_factory=set)

    def ring(self, kind: str, detail: str, tournament: str = "") -> None:
        """Call a human: `kind` names an `AlarmReason`; `tournament` is empty where it is about all."""
        reason = AlarmReason[kind]
        self.rung.add(kind)
        self._rung_in.add((kind, tournament))
        self.metrics.alarms.labels(kind, tournament).inc()
        self.metrics.alarm.labels(kind, tournament).set(1)
        log = structlog.get_logger()
        where = {"tournament": tournament} if tournament else {}
        told = {"severity": reason.severity.value, "means": reason.value, "detail": detail}
        log.error("alarm", reason=kind, **where, **told)

    def of(self, tournament: str) -> Callable[[str, str], None]:
        """What rings for a tournament."""
        return lambda kind, detail: self.ring(kind, detail, tournament)

    def rest(self) -> None:
        """A cycle begins: what is still wrong will ring again. Until it is over, gauges stay as they are.

        One that waits for endpoints takes nearly all the time there is; whoever looks then must see why.
        """
        self._up |= self._rung_in
        self.rung.clear()
        self._rung_in.clear()

    def settle(self) -> None:
        """A cycle is over: what did not ring in it is wrong no more."""
        for kind, tournament in self._up - self._rung_in:
            self.metrics.alarm.labels(kind, tournament).set(0)
        self._up.clear()


@dataclass
class Loop:
    """A daemon's loop.

    Attributes
    ----------
    cycle
        One observation, decision and action; what it did, for the log.
    interval
        Seconds between the beginnings of two cycles.
    """

    cycle: Callable[[], Mapping[str, Any]]
    interval: float
    metrics: Metrics
    bell: Alarms
    pulse: Liveness
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, cycles: int | None = None) -> None:
        """Go on until told to stop, or for so many cycles. What has begun is finished first.

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
                self.stop.wait(max(0.0, self.interval - (time.monotonic() - began)))

    def once(self) -> None:
        """One cycle, whatever comes of it."""
        self.bell.rest()
        log = structlog.get_logger()
        with self.metrics.cycle_seconds.time():
            result, why = self._tried(log)
        self.bell.settle()
        self.metrics.cycles.labels(result).inc()
        if why is None:
            self.metrics.last_success.set_to_current_time()
        self.pulse.not_ready = why
        self.pulse.beat()

    def _tried(self, log: Any) -> tuple[str, str | None]:
        try:
            done = self.cycle()
        except (UnknownVersion, *FATAL) as error:
            if isinstance(error, UnknownVersion):
                self.bell.ring("UNKNOWN_VERSION", str(error))
            log.critical("ends", error=str(error))
            raise
        except Exception as error:  # noqa: BLE001 - the next cycle tries again, whatever it was
            return self._failed(log, error)
        log.info("cycle", **done)
        missing = sorted(self.bell.rung & {reason.name for reason in CUT_SHORT})
        return ("partial", f"a part of the cycle failed: {', '.join(missing)}") if missing else ("done", None)

    def _failed(self, log: Any, error: Exception) -> tuple[str, str]:
        reason, why = reason_of(error), in_words(error)
        self.bell.ring(reason.name, why)
        if reason == AlarmReason.DEFECT:
            log.exception("defect")
            return "defect", why
        return "retry", why


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT ask for an end after what has begun; a second one ends at once."""

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
