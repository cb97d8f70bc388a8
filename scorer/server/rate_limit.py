"""Limits on how much one caller asks: a bucket of requests a caller, which fills again with time."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

MOST_CALLERS: Final = 100_000
"""Callers that are remembered; one that is forgotten has a full bucket."""


@dataclass
class _Bucket:
    left: float
    at: float


@dataclass
class RateLimiter:
    """Counts requests by caller.

    Attributes
    ----------
    per_minute
        Requests that a caller may make in the long run.
    burst
        Requests that it may make at once.
    clock
        Seconds that never go back.
    """

    per_minute: float = 600.0
    burst: int = 200
    clock: Callable[[], float] = time.monotonic
    _buckets: OrderedDict[str, _Bucket] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, caller: str) -> int:
        """Count a request; 0 where it may be answered, else the seconds after which the next one may."""
        rate = self.per_minute / 60
        with self._lock:
            bucket = self._bucket(caller)
            if bucket.left < 1:
                return int((1 - bucket.left) / rate) + 1
            bucket.left -= 1
            return 0

    def charge(self, caller: str, requests: int) -> None:
        """Count an answer as so many requests more; the next ones wait for it."""
        with self._lock:
            self._bucket(caller).left -= requests

    def _bucket(self, caller: str) -> _Bucket:
        """Return a caller's bucket, filled up to now."""
        now = self.clock()
        bucket = self._buckets.setdefault(caller, _Bucket(self.burst, now))
        self._buckets.move_to_end(caller)
        while len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        bucket.left = min(self.burst, bucket.left + (now - bucket.at) * self.per_minute / 60)
        bucket.at = now
        return bucket


class Limited:
    """An application that answers as many requests of an address as its rate allows."""

    def __init__(self, app: ASGIApp, limiter: RateLimiter | None) -> None:
        self._app, self._limiter = app, limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        refused = refusal(Request(scope), self._limiter)
        await (self._app if refused is None else refused)(scope, receive, send)


def limited(routes: Iterable[Route], limiter: RateLimiter | None) -> list[Route]:
    """Return routes that answer as many requests of an address as its rate allows."""
    bound = [Middleware(Limited, limiter=limiter)]
    return [Route(route.path, route.endpoint, methods=route.methods, middleware=bound) for route in routes]


def refusal(request: Request, limiter: RateLimiter | None) -> Response | None:
    """Count a request, and return the answer where it is one too many."""
    pause = limiter.wait(address_of(request)) if limiter else 0
    if not pause:
        return None
    text = f"Too many requests, try again in {pause} s\n"
    return PlainTextResponse(text, 429, {"Retry-After": str(pause)})


def address_of(request: Request) -> str:
    """Return the address that a request came from; empty where the connection has none."""
    return request.client.host if request.client else ""
