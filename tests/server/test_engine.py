"""The GraphQL engine: documents of real clients validate, hostile ones cost little, faults have words."""

import json
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest
import requests
from graphql import build_schema, parse, validate
from starlette.applications import Starlette
from starlette.routing import Route

from scorer.server.engine import DEFECT, GraphqlEngine, Root, schema_text
from scorer.server.errors import ApiError
from scorer.server.graphql_route import graphql_routes
from scorer.server.kept_answers import encoded
from scorer.server.limits import DocumentLimits
from scorer.server.names import camel_case
from scorer.server.rate_limit import RateLimiter
from tests.server.client_documents import NUMERAI_CLI, numerapi_documents
from tests.server.loopback import served

SCHEMA = build_schema(schema_text())
TOURNAMENTS = "query { tournaments { name tournament } }"


def tournaments(_context: object) -> list[dict[str, Any]]:
    return [{"name": "classic", "tournament": 8}]


def leaderboard(_context: object, limit: int, offset: int) -> list[dict[str, Any]]:
    rows = [{"username": "b", "return1Day": 0.5}, {"username": "a", "return1Day": lambda: 0.25}]
    return rows[offset : offset + limit]


def trigger(_context: object, model_id: str) -> str:
    if model_id == "7":
        raise ZeroDivisionError("secret of the inside")
    raise ApiError(f"model: expected one of yours, found {model_id}")


def create_submission(_context: object, source: str, filename: str, **_more: object) -> dict[str, str]:
    return {"id": f"{filename} from {source}"}


ROOTS: dict[str, Root] = {
    "tournaments": tournaments,
    "v2Leaderboard": leaderboard,
    "triggerModelWebhook": trigger,
    "createSubmission": create_submission,
}


def ask(query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    return GraphqlEngine(ROOTS).answer(json.dumps({"query": query, "variables": variables}).encode(), None)


def routes_of(roots: dict[str, Root], limiter: RateLimiter | None = None) -> list[Route]:
    engine = GraphqlEngine(roots)
    return graphql_routes(engine, lambda body, _: encoded(engine.answer_with_cost(body, None)), limiter)


def only_error(answer: dict[str, Any]) -> str:
    (error,) = answer["errors"]
    return str(error["message"])


def test_every_document_of_numerapi_and_numerai_cli_is_valid() -> None:
    documents = [*numerapi_documents(), *NUMERAI_CLI]
    assert len(documents) == 51
    faults = {text: validate(SCHEMA, parse(text)) for text in documents}
    assert not {text: found for text, found in faults.items() if found}


def test_every_document_of_a_client_is_within_the_limits() -> None:
    engine = GraphqlEngine({})
    for text in (*numerapi_documents(), *NUMERAI_CLI):
        engine.limits.check(parse(text, max_tokens=engine.limits.tokens))


def test_names_with_underscores_have_a_twin_in_camel_case() -> None:
    for kind in SCHEMA.type_map.values():
        fields = getattr(kind, "fields", {})
        if not kind.name.startswith("__"):
            assert {camel_case(name) for name in fields} <= set(fields), kind.name


def test_values_may_be_computed_where_they_are_asked_for() -> None:
    query = "{ v2Leaderboard(limit: 2, offset: 0) { username return_1_day return1Day } }"
    rows = ask(query)["data"]["v2Leaderboard"]
    assert [row["return_1_day"] for row in rows] == [row["return1Day"] for row in rows] == [0.5, 0.25]


def test_an_argument_may_be_named_source() -> None:
    query = 'mutation { create_submission(filename: "f", tournament: 8, source: "numerapi") { id } }'
    assert ask(query)["data"]["create_submission"]["id"] == "f from numerapi"


def test_a_refusal_reaches_the_caller_and_a_defect_does_not() -> None:
    mutation = "mutation ($modelId: String!) { triggerModelWebhook(modelId: $modelId) }"
    assert only_error(ask(mutation, {"modelId": "8"})) == "model: expected one of yours, found 8"
    assert only_error(ask(mutation, {"modelId": "7"})) == DEFECT


@pytest.mark.parametrize(
    "query",
    [
        "query {",
        "{ nothing }",
        "{ v2Leaderboard(limit: 1) { username } }",
        "{ __schema { types { name } } }",
        "{" + " ".join(f"t{number}: tournaments {{ name }}" for number in range(21)) + "}",
        "{ tournaments {" + " ".join(f"n{number}: name" for number in range(400)) + "} }",
        "query { ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
        "{" + "... on Query {" * 300 + "tournaments { name }" + "}" * 301,
        "query { " + "{" * 5000,
    ],
    ids=("cut", "unknown", "missing", "introspection", "roots", "tokens", "cycle", "levels", "braces"),
)
def test_documents_that_are_wrong_or_large_are_refused_soon(query: str) -> None:
    engine = GraphqlEngine(ROOTS)
    began = time.process_time()
    answer = engine.answer(json.dumps({"query": query}).encode(), None)
    assert time.process_time() - began < 1
    assert answer["errors"]
    assert "data" not in answer


def test_fragments_count_once_for_each_spread() -> None:
    """Each level spreads the next one twice: 2**15 fields in a few hundred bytes."""
    levels = " ".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(15))
    query = f"{{ ...f0 }} {levels} fragment f15 on Query {{ tournaments {{ name }} }}"
    began = time.process_time()
    assert "root fields" in only_error(ask(query)) or "fields" in only_error(ask(query))
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ tournaments {" + " name" * 401 + "} }", "fields"),
        ("{" + "tournaments { name }" * 21 + "}", "root fields"),
        ("{ tournaments {" + " ".join(f"n{number}: name" for number in range(41)) + "} }", "aliases"),
        ("{" + "a {" * 9 + "b" + "}" * 10, "levels"),
        ("{ a }" + "".join(f"fragment f{number} on Query {{ a }}" for number in range(20)), "definitions"),
        ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "root fields"),
        ("{ tournaments { ...a } } fragment a on Tournament { ...a }", "fields"),
    ],
    ids=("fields", "roots", "aliases", "levels", "definitions", "cycle", "circle"),
)
def test_limits_come_before_validation(query: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To validate a document takes longer than to count it, and some documents much longer."""

    def validates(*_arguments: object, **_more: object) -> None:
        raise AssertionError("expected that it was refused before")

    monkeypatch.setattr("scorer.server.engine.validate", validates)
    found = only_error(GraphqlEngine(ROOTS).answer(json.dumps({"query": query}).encode(), None))
    assert f"expected at most {getattr(DocumentLimits(), LIMITS[words])} {words}" in found


LIMITS = {
    **{name: name for name in ("fields", "aliases", "definitions")},
    "root fields": "roots",
    "levels": "depth",
}


def test_an_answer_that_costs_too_much_is_cut_off() -> None:
    """Before all of it was made: a list of a million rows is not walked through."""
    seen: list[int] = []

    def name(number: int) -> str:
        seen.append(number)
        return str(number)

    def rows(_context: object, **_arguments: int) -> Iterable[dict[str, Any]]:
        return [{"username": partial(name, number)} for number in range(5_000)]

    engine = GraphqlEngine({"v2Leaderboard": rows}, DocumentLimits(cost=1_000, root_cost=100))
    query = "{ v2Leaderboard(limit: 1, offset: 0) { username } }"
    answer, cost = engine.answer_with_cost(json.dumps({"query": query}).encode(), None)
    assert "at most 1000 values" in only_error(answer)
    assert "data" not in answer
    assert len(seen) <= 900
    assert cost == 1_000


def test_a_long_answer_counts_as_many_requests() -> None:
    roots: dict[str, Root] = {"tournaments": lambda _context: [{"name": "a"}] * 60_000}
    routes = routes_of(roots, RateLimiter(60, 5))
    with served(Starlette(routes=routes)) as url:
        body = {"query": "{ tournaments { name } }"}
        answers = [requests.post(url, json=body, timeout=10).json() for _ in range(2)]
    assert len(answers[0]["data"]["tournaments"]) == 60_000
    assert "Too many requests" in answers[1]["errors"][0]["message"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"query": 5}', b'{"query": "{a}", "variables": 1}', b"[" * 9999, b"\xff"]
)
def test_a_request_that_is_no_question_is_refused(body: bytes) -> None:
    assert only_error(GraphqlEngine(ROOTS).answer(body, None)).startswith("request: expected")


def test_every_answer_over_http_has_status_200() -> None:
    routes = routes_of(ROOTS)
    with served(Starlette(routes=routes)) as url:
        good = requests.post(url, json={"query": TOURNAMENTS, "variables": None}, timeout=10)
        bad = requests.post(url, data=b"no JSON", timeout=10)
        wrong = requests.post(
            url, json={"query": "query ($x: Int!) { rounds(number: $x) { id } }"}, timeout=10
        )
        large = requests.post(url, data=b" " * 100_000, timeout=10)
        schema = requests.get(f"{url}/schema.graphql", timeout=10)
    assert [answer.status_code for answer in (good, bad, wrong, large, schema)] == [200] * 5
    assert good.json() == {"data": {"tournaments": [{"name": "classic", "tournament": 8}]}}
    assert all(answer.json()["errors"] for answer in (bad, wrong, large))
    assert schema.text == schema_text()
