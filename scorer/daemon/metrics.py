"""Counts what a daemon does, for Prometheus, and says whether it is alive and ready."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

PREFIX: Final = "cupel"
ACTION: Final = ("action", "tournament")
ALARM: Final = ("reason", "tournament")
LEG: Final = ("direction", "leg")
"""Labels of metrics; a tournament is empty where it is about all of them, such as endpoints and accounts."""


@dataclass
class Metrics:
    """Counters and gauges of one process, in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.cycles = self._counter("cycles", "Cycles by result.", "result")
        self.cycle_seconds = Histogram(
            f"{PREFIX}_cycle_seconds",
            "How long a cycle took.",
            buckets=(0.1, 0.5, 1, 5, 30, 120, 600),
            registry=self.registry,
        )
        self.last_success = self._gauge("last_success_timestamp", "Local time of the last whole cycle.")
        self.finalised = self._gauge("finalised_block", "Number of the finalised block.")
        self.finality_age = self._gauge(
            "finality_age_seconds", "Time of the latest block less that of the finalised one."
        )
        self.head_age = self._gauge("head_age_seconds", "Local time less the latest block's.")
        self.endpoint_up = self._gauge("endpoint_up", "Whether an endpoint is used.", "host")
        self.endpoints_agreed = self._gauge("endpoints_agreed", "Endpoints that name the finalised hash.")
        self.rounds = self._gauge("rounds", "Unfinished rounds by what is done about them.", *ACTION)
        self.actions = self._counter("actions", "Actions carried out or tried.", *ACTION)
        self.alarms = self._counter("alarms", "Calls for a human by reason.", *ALARM)
        self.alarm = self._gauge("alarm", "1 where the last cycle called for a human.", *ALARM)
        self.unfinished = self._gauge("transactions_unfinished", "Signed and not final.", "state")
        self.waiting = self._gauge("transaction_waiting_seconds", "Age of the oldest that is not mined.")
        self.bridge_conserved = self._gauge(
            "bridge_conservation", "1 where locked on Ethereum = supply on Polygon + in flight."
        )
        self.bridge_in_flight = self._gauge("bridge_in_flight_wei", "Tokens on the way.", "direction")
        self.checkpoint_age = self._gauge("checkpoint_age_seconds", "Age of the newest checkpoint.")
        self.checkpoint_lag = self._gauge(
            "checkpoint_lag_blocks", "Finalised blocks of Polygon that are in no checkpoint."
        )
        self.bridge_oldest = self._gauge(
            "bridge_oldest_seconds", "Age of the oldest transfer that has not arrived; 0: none.", "direction"
        )
        self.bridge_finality = self._gauge(
            "bridge_finality_seconds",
            "Time of the latest block less the finalised one's.",
            "chain",
        )
        self.bridge_transit = Histogram(
            f"{PREFIX}_bridge_transit_seconds",
            "From the block of a message to its checkpoint, and to its arrival.",
            LEG,
            buckets=(60, 300, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400, 259_200),
            registry=self.registry,
        )
        self.balance = self._gauge("balance_wei", "What an account has for gas.", "account")

    def page(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", text, labels, registry=self.registry)


@dataclass
class Liveness:
    """Says whether the process still runs cycles, and whether it could act.

    Attributes
    ----------
    longest
        Seconds that may pass between two beats: a few cycles.
    not_ready
        The reason for which it cannot act; None when it can.
    """

    longest: float
    clock: Callable[[], float] = time.monotonic
    last: float = field(init=False)
    not_ready: str | None = "no cycle yet"

    def __post_init__(self) -> None:
        self.last = self.clock()

    def beat(self) -> None:
        """Note that a cycle came to its end, well or not."""
        self.last = self.clock()

    @property
    def is_alive(self) -> bool:
        """True where a cycle came to its end not long ago."""
        return self.clock() - self.last <= self.longest
