"""Rate limits: a burst, then so many a minute, of each caller alone, and in words that clients understand."""

import requests
from starlette.applications import Starlette

from scorer.server import rate_limit
from scorer.server.rate_limit import RateLimiter
from tests.server.loopback import served
from tests.server.test_engine import routes_of


def test_a_bucket_empties_and_fills_again_for_each_caller_alone() -> None:
    now = [0.0]
    limiter = RateLimiter(per_minute=60, burst=3, clock=lambda: now[0])
    assert [limiter.wait("a") for _ in range(4)] == [0, 0, 0, 2]
    assert limiter.wait("b") == 0
    now[0] += 2
    assert [limiter.wait("a") for _ in range(3)] == [0, 0, 2]
    now[0] += 1000
    assert [limiter.wait("a") for _ in range(4)] == [0, 0, 0, 2]


def test_no_more_callers_are_remembered_than_there_is_room_for(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(rate_limit, "MOST_CALLERS", 10)
    limiter = RateLimiter()
    for number in range(100):
        limiter.wait(str(number))
    assert len(limiter._buckets) == 10


def test_who_asks_too_much_gets_status_200_and_a_sentence() -> None:
    routes = routes_of({"tournaments": lambda _context: []}, RateLimiter(60, 2))
    with served(Starlette(routes=routes)) as url:
        body = {"query": "{ tournaments { name } }"}
        answers = [requests.post(url, json=body, timeout=10) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert [list(answer.json()) for answer in answers] == [["data"], ["data"], ["errors"]]
    assert "Too many requests, try again in" in answers[2].json()["errors"][0]["message"]
