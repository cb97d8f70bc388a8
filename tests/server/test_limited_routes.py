"""Every route that costs something counts the requests of an address; those that do not are named here."""

import re
from typing import Any, Final

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scorer.server.application import AgentOptions, application
from scorer.server.rate_limit import RateLimiter, limited
from tests.server.loopback import served
from tests.server.site import Site
from tests.server.site import site as site

UNLIMITED: Final = {
    "/schema.graphql",
    "/health",
    "/status",
    "/data/{name:path}",
    "/upload/{filename}",
    "/submission/{filename}",
    "/diagnosis/{filename}",
}
"""For monitoring, files as they are on the disk, and files by a URL that the server signed."""
EXAMPLES: Final = {"int": "1", "path": "x", "str": "x"}


def example(path: str) -> str:
    """A path with something in place of every parameter."""
    return re.sub(r"{\w+(?::(\w+))?}", lambda found: EXAMPLES[found[1] or "str"], path)


def no_content(_: Request) -> Response:
    return Response(status_code=204)


def routes_of(app: Any) -> list[Route]:
    while not hasattr(app, "routes"):
        app = app._app
    return [route for route in app.routes if isinstance(route, Route)]


def test_every_route_refuses_who_asks_too_much(site: Site) -> None:
    app = application(site.services, RateLimiter(60, burst=0), AgentOptions())
    routes = routes_of(app)
    with served(app) as url:
        for route in routes:
            for method in sorted((route.methods or {"POST"}) - {"HEAD"}):
                answer = requests.request(method, url + example(route.path), timeout=20)
                if route.path in UNLIMITED:
                    assert "Too many requests" not in answer.text, route.path
                    continue
                assert answer.status_code == (200 if (route.path, method) == ("/", "POST") else 429), route
                assert "Too many requests, try again in" in answer.text, route.path
    assert {route.path for route in routes} >= UNLIMITED
    assert {"/session", "/session/message", "/account", "/console", "/tournament.json"} <= {
        route.path for route in routes
    }


def test_who_asks_too_much_is_told_when_to_come_back_and_others_are_answered() -> None:
    app = Starlette(routes=limited([Route("/x", no_content)], RateLimiter(1, burst=2)))
    with served(app) as url:
        answers = [requests.get(url + "/x", timeout=10) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_limited_route_takes_the_methods_that_it_took(method: str) -> None:
    (route,) = limited([Route("/x", no_content, methods=[method])], None)
    assert route.methods == ({"GET", "HEAD"} if method == "GET" else {"POST"})
