"""Every root, route and tool with generated input, from anybody: data or a refusal in words, never a defect.

An answer comes in time, has a bounded size, and shows nothing of the code.
"""

import inspect
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
import requests
from graphql import GraphQLField
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route

from scorer.server.agent_submission import PREVIEWING, READING, SUBMITTING, UPLOADING
from scorer.server.api_keys import OWNER_SCOPES
from scorer.server.application import AgentOptions, application
from scorer.server.data_sets import DataSets
from scorer.server.engine import DEFECT
from scorer.server.pages.sessions import PLAIN_COOKIE, TOKEN_FIELD, form_token
from scorer.server.pages.settings import PageSettings
from tests.postgresql import postgres as postgres
from tests.server.generated import bodies, json_values, requests_of, roots, texts
from tests.server.site import IN_THE_CLEAR, Site, running_gateway, running_site
from tests.server.test_session import validation
from tests.world import World, begins, one_settled

pytestmark = begins(one_settled)

T = TypeVar("T")
MANY = int(os.environ.get("CUPEL_FUZZ", "3"))
"""Examples for each root, route and tool; more with `make fuzz-api`."""
SECONDS = 60
"""The longest that an answer may take, on a machine that does much else."""
LARGEST = 8 * 2**20
"""Bytes of an answer at most."""
CODE = ("Traceback (most", 'File "/', '.py", line', "site-packages", "sqlalchemy.", "Internal Server", DEFECT)
"""Texts of which none is ever in an answer."""
ENDING = ("logout", "revokeApiToken")
"""Roots that would take the key or the login from the requests after them."""
DATA = "/data/"


@pytest.fixture
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    """The database that a test names, as a server is given it; SQLite where it names none."""
    is_postgresql = getattr(request, "param", "SQLite") == "PostgreSQL"
    return {"database": request.getfixturevalue("postgres")} if is_postgresql else {}


@pytest.fixture
def site(world: World, tmp_path: Path, database: dict[str, str]) -> Iterator[Site]:
    """A server with all that it can have: data, tools, an organiser, one round settled and one open."""
    validation(tmp_path / "data")
    organiser = str(world.participants[0].account.address)
    more: dict[str, Any] = {
        "agents": AgentOptions(submits=True),
        "data": DataSets(tmp_path / "data"),
        "page": PageSettings(organisers=(organiser,)),
    }
    with running_site(world, tmp_path / "server", **more, **database) as running:
        world.open()
        running.step()
        running.step()
        yield running


def tried(things: Iterable[T], check: Callable[[st.DataObject, T], None], times: int = MANY) -> None:
    """Check each thing with some examples: the same ones each time."""
    limits = settings(
        max_examples=times,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

    def try_one(thing: T) -> None:
        def examples(data: st.DataObject) -> None:
            check(data, thing)

        limits(given(st.data())(examples))()

    for thing in things:
        try_one(thing)


def require_sound(answer: requests.Response, began: float, what: object) -> None:
    """Check what every answer has to be."""
    assert time.monotonic() - began < SECONDS, what
    assert len(answer.content) <= LARGEST, what
    assert answer.status_code < 500, (what, answer.status_code, answer.text[:500])
    assert answer.headers["x-content-type-options"] == "nosniff", what
    assert "content-security-policy" in answer.headers, what


def require_no_code(answer: requests.Response, what: object) -> None:
    found = [words for words in CODE if words in answer.text]
    assert not found, (what, found, answer.text[:500])


WHO = pytest.mark.parametrize(
    ("database", "is_known"),
    [("SQLite", True), ("SQLite", False), ("PostgreSQL", True)],
    indirect=["database"],
    ids=("known", "a stranger", "known, on PostgreSQL"),
)
"""With a key or a login, and without."""


@WHO
def test_no_argument_makes_a_root_fail(site: Site, *, is_known: bool) -> None:
    every = [entry for entry in roots() if entry[1] not in ENDING]
    session, answered = requests.Session(), set[str]()
    key = site.services.keys.create(site.account_of(1), "all", OWNER_SCOPES) if is_known else None

    def check(data: st.DataObject, root: tuple[str, str, GraphQLField]) -> None:
        operation, name, field = root
        asked = data.draw(requests_of(operation, name, field))
        header = f"Token {key.public_id}${key.secret}" if key else data.draw(st.sampled_from(STRANGERS))
        headers = {} if header is None else {"Authorization": header}
        began = time.monotonic()
        answer = session.post(site.url, data=json.dumps(asked), headers=headers, timeout=2 * SECONDS)
        require_sound(answer, began, asked)
        assert answer.status_code == 200
        document = answer.json()
        assert set(document) <= {"data", "errors"}
        messages = [error["message"] for error in document.get("errors", ())]
        assert not [words for words in messages if any(code in words for code in CODE)], asked
        assert not [words for words in messages if "Cannot query field" in words], asked
        if document.get("data") and not messages:
            answered.add(name)

    tried(every, check)
    assert len(answered) > (25 if is_known else 10), "most questions are answered"


STRANGERS = (None, "Token a$b", "Token $", "Bearer " + "x" * 4_000, "Session x", "Basic YTpi", "é".encode())


def test_no_body_makes_graphql_fail(site: Site) -> None:
    session = requests.Session()

    def check(data: st.DataObject, _: object) -> None:
        body, began = data.draw(bodies), time.monotonic()
        answer = session.post(site.url, data=body, timeout=2 * SECONDS)
        require_sound(answer, began, body)
        require_no_code(answer, body)
        assert answer.status_code == 200
        assert answer.json()["errors"]

    tried(["any"], check, 25 * MANY)


def routes(site: Site) -> list[Route]:
    """Every route of the application."""
    app: Any = application(site.services, agents=AgentOptions(submits=True))
    found = app._app._app.routes
    assert all(isinstance(route, Route) for route in found), "a mount would hide routes"
    return list(found)


numbers = st.sampled_from(("0", "1", "2", "7", "2147483648", "9" * 30, "9" * 5_000, "-1", "1.5", "x"))
names = st.sampled_from(("v1.0/live.parquet", "v1.0/../x", "alice", "rules.json", "payouts.json", "model_1"))


@st.composite
def paths(draw: st.DrawFn, route: Route) -> str:
    """A path of a route: with what it may have in its place, and other things."""
    path = route.path
    for name, convertor in route.param_convertors.items():
        kind = type(convertor).__name__
        text = draw(numbers) if kind == "IntegerConvertor" else draw(names | texts)
        encoded = quote(text.encode("utf-8", "surrogatepass"), safe="/" if kind == "PathConvertor" else "")
        for spelling in (f"{{{name}}}", f"{{{name}:int}}", f"{{{name}:path}}"):
            path = path.replace(spelling, encoded)
    return path


queries = st.dictionaries(
    st.sampled_from(("page", "sort", "q", "expires", "signature", "model", "year", "x")), texts, max_size=3
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "Accept": st.sampled_from(("text/html", "application/json, text/event-stream", "*/*", "x")),
        "Range": st.sampled_from(
            ("bytes=0-3", "bytes=5-2", "bytes=-0", "bytes=9999999999-", "x", "bytes=a-")
        ),
        "If-None-Match": st.sampled_from(("*", "x", 'W/"1"')),
        "If-Range": st.sampled_from(("x", "Mon, 30 Nov 2026 00:00:00 GMT")),
        "Content-Type": st.sampled_from(("application/json", "application/x-www-form-urlencoded", "x")),
        "Sec-Fetch-Site": st.sampled_from(("same-origin", "cross-site")),
        "X-Forwarded-For": st.sampled_from(("127.0.0.1", "x", "::1, 1.1.1.1")),
        "Authorization": st.sampled_from(("Token a$b", "Session x", "x")),
        "Cookie": st.sampled_from((f"{PLAIN_COOKIE}=x", "=", ";;", f"{PLAIN_COOKIE}={'x' * 3_000}")),
    },
)
methods = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO")


@WHO
def test_no_request_makes_a_route_fail(site: Site, *, is_known: bool) -> None:
    account = site.account_of(1)
    session = requests.Session()

    def login() -> tuple[dict[str, str], dict[str, str]]:
        token, _ = site.services.keys.log_in(account)
        own = {"Cookie": f"{PLAIN_COOKIE}={token}", "Origin": site.url, "Sec-Fetch-Site": "same-origin"}
        return own, {TOKEN_FIELD: form_token(token)}

    def check(data: st.DataObject, route: Route) -> None:
        allowed = sorted((route.methods or set()) | {"POST"})
        method = data.draw(st.sampled_from(allowed) if data.draw(st.booleans()) else st.sampled_from(methods))
        given_headers, form = data.draw(headers), dict[str, str]()
        if is_known:
            own, form = login()
            given_headers = {**given_headers, **own}
        fields = data.draw(st.dictionaries(st.sampled_from(FIELDS), texts, max_size=5))
        body = data.draw(
            st.sampled_from(
                (
                    json.dumps({**fields, **form}).encode(),
                    "&".join(f"{name}={encoded(text)}" for name, text in {**fields, **form}.items()).encode(),
                )
            )
            | bodies
        )
        url = site.url + data.draw(paths(route))
        query = {name: text.encode("utf-8", "surrogatepass") for name, text in data.draw(queries).items()}
        what = (method, url[:300], query, given_headers, body[:300])
        began = time.monotonic()
        answer = session.request(
            method,
            url,
            params=query,
            headers=given_headers,
            data=body,
            timeout=2 * SECONDS,
            allow_redirects=False,
        )
        require_sound(answer, began, what)
        if not route.path.startswith((DATA, "/assets", "/schema")):
            require_no_code(answer, what)
        if answer.is_redirect:
            assert answer.headers["location"].startswith(("/", site.url)), what
            assert (answer.status_code, method) == (303, "POST"), "a client's POST stays one"

    tried(routes(site), check, 2 * MANY)


FIELDS = (
    *("model", "filename", "name", "bio", "link_url", "link_text", "public_id", "note", "rules", "address"),
    *("message", "signature", "username", "invitation", "read_user_info", "upload_submission"),
)


def encoded(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def test_no_argument_makes_a_tool_fail(site: Site) -> None:
    tools = {**READING, **PREVIEWING, **UPLOADING, **SUBMITTING}
    session = requests.Session()
    key = site.services.keys.create(site.account_of(1), "all", OWNER_SCOPES)
    headers = {
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {key.public_id}${key.secret}",
    }

    def check(data: st.DataObject, name: str) -> None:
        parameters = list(inspect.signature(tools[name]).parameters)[1:]
        wanted = st.sampled_from(("1", 1, "model_1", "submission", "deposit", "5")) | json_values
        arguments = {each: data.draw(wanted) for each in parameters}
        call = {"name": name, "arguments": arguments}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
        began = time.monotonic()
        answer = session.post(f"{site.url}/mcp", data=body, headers={**headers, **JSON}, timeout=2 * SECONDS)
        require_sound(answer, began, call)
        document = answer.json()
        said = json.dumps(document.get("error") or document["result"]) if document else ""
        if "error" in document or document["result"].get("isError"):
            assert not [words for words in CODE if words in said], (call, said[:500])

    tried(sorted(tools), check)


JSON = {"Content-Type": "application/json"}


def test_no_request_makes_the_gateway_fail(site: Site, tmp_path: Path) -> None:
    session = requests.Session()
    key = site.services.keys.create(site.account_of(1), "all", OWNER_SCOPES)
    headers = {"Authorization": f"Token {key.public_id}${key.secret}"}
    with running_gateway(site, tmp_path / "receipts", IN_THE_CLEAR) as url:

        def check(data: st.DataObject, root: tuple[str, str, GraphQLField]) -> None:
            operation, name, field = root
            asked = requests_of(operation, name, field).map(lambda value: json.dumps(value).encode())
            body = data.draw(asked | bodies)
            answer = session.post(url, data=body, headers=headers, timeout=2 * SECONDS)
            assert answer.status_code == 200, body
            require_no_code(answer, body)
            assert set(answer.json()) & {"data", "errors"}
            name = quote(data.draw(texts).encode("utf-8", "surrogatepass"), safe="")
            sent = session.put(f"{url}/upload/{name}", data=body, timeout=2 * SECONDS)
            assert sent.status_code in (200, 404, 405), name

        tried(roots()[::5], check)
