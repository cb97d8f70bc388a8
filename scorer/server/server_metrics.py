"""Counts what the web process does, for Prometheus, on a port of this machine alone."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIX: Final = "cupel_server"
ROUTES: Final[Mapping[str, str]] = {
    "": "graphql",
    **{
        name: name
        for name in ("data", "upload", "submission", "diagnosis", "rounds", "health", "status", "mcp")
    },
    "tournament.json": "tournament",
    "schema.graphql": "schema",
}
"""The label of each first part of a path; all others are `other`, so that strangers make no labels."""
Numbers = Callable[[], Mapping[str, float]]
"""Returns what an operator looks at, by name, such as the age of the oldest open submission."""


@dataclass
class ServerMetrics:
    """Counters of one web process, in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        labels = ("route", "status")
        self.requests = Counter(
            f"{PREFIX}_requests", "Answers by route and status.", labels, registry=self.registry
        )
        self.seconds = Histogram(
            f"{PREFIX}_request_seconds",
            "Time from a request to the end of its answer.",
            ("route",),
            buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5, 30, 120),
            registry=self.registry,
        )

    def watch(self, numbers: Numbers) -> None:
        """Show numbers that are read whenever somebody asks."""
        self.registry.register(_Gauges(numbers))

    def page(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)

    def measured(self, app: ASGIApp) -> ASGIApp:
        """Return the application with its answers counted."""
        return _Measured(app, self)


class _Gauges(Collector):
    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield a gauge for each number."""
        for name, value in self._numbers().items():
            yield GaugeMetricFamily(f"{PREFIX}_{name}", name.replace("_", " "), value=value)


class _Measured:
    def __init__(self, app: ASGIApp, metrics: ServerMetrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and count it, whatever becomes of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = ROUTES.get(str(scope["path"]).lstrip("/").partition("/")[0], "other")
        status, began = ["none"], time.monotonic()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            self._metrics.requests.labels(route, status[0]).inc()
            self._metrics.seconds.labels(route).observe(time.monotonic() - began)


@contextmanager
def served_metrics(metrics: ServerMetrics, port: int | None) -> Iterator[int | None]:
    """Serve ``/metrics`` on 127.0.0.1 while the context lasts; yield the port. None: do not."""
    if port is None:
        yield None
        return
    server, thread = prometheus_client.start_http_server(port, "127.0.0.1", metrics.registry)
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
