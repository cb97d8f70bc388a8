"""Raises alarms in the log and in the metrics that Alertmanager watches."""

from dataclasses import dataclass, field
from functools import partial

from scorer.daemon.metrics import Metrics
from scorer.logs import get_logger
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm


@dataclass
class Alarms:
    """The alarms of one process.

    Attributes
    ----------
    raised
        The reasons of this cycle.
    """

    metrics: Metrics
    raised: set[AlarmReason] = field(default_factory=set)
    _raised_in: set[tuple[AlarmReason, str]] = field(default_factory=set)
    _up: set[tuple[AlarmReason, str]] = field(default_factory=set)

    def call(self, reason: AlarmReason, detail: str, tournament: str = "") -> None:
        """Call a human; `tournament` is empty where it is about all of them."""
        self.raised.add(reason)
        self._raised_in.add((reason, tournament))
        self.metrics.alarms.labels(reason.name, tournament).inc()
        self.metrics.alarm.labels(reason.name, tournament).set(1)
        log = get_logger()
        where = {"tournament": tournament} if tournament else {}
        words = {"severity": reason.severity.value, "means": reason.value, "detail": detail}
        log.error("alarm", reason=reason.name, **where, **words)

    def of(self, tournament: str) -> RaiseAlarm:
        """Return what raises alarms of one tournament."""
        return partial(self.call, tournament=tournament)

    def begin_cycle(self) -> None:
        """Forget the alarms of the cycle before: what is still wrong is raised again.

        Gauges stay as they are until the cycle is over: one that waits for endpoints takes nearly all the
        time there is, and whoever looks then must see why.
        """
        self._up |= self._raised_in
        self.raised.clear()
        self._raised_in.clear()

    def end_cycle(self) -> None:
        """Lower the gauges of alarms that were not raised again."""
        for reason, tournament in self._up - self._raised_in:
            self.metrics.alarm.labels(reason.name, tournament).set(0)
        self._up.clear()
