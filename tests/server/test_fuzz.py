"""Every root with every kind of argument, from anybody: data or a refusal in words, never a defect."""

import json
import random
from typing import Any

import pytest
import requests
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    build_schema,
)

from scorer.server.api_keys import OWNER_SCOPES, NewKey
from scorer.server.application import ROOTS
from scorer.server.engine import DEFECT, GraphqlEngine, schema_text
from scorer.server.services import RequestContext
from tests.server.site import Site
from tests.server.site import site as site

SCHEMA = build_schema(schema_text())
ROUNDS = 12
NUMBERS = (-(2**31), -1, 0, 1, 2, 8, 2**31 - 1)
TEXTS = (
    *(
        "",
        "1",
        "2",
        "0",
        "-1",
        "999999999",
        "99999999999999999999",
        "model_1",
        "model_99999",
        "alice",
        "Infinity",
    ),
    *("x" * 3000, "\x00", "é\u202e😀", "../../etc/passwd", "' OR 1=1 --", "${jndi:ldap}", "0x" + "11" * 20),
    *(
        "0x" + "22" * 32,
        "0x" + "33" * 65,
        "https://example.org/",
        "http://127.0.0.1/",
        "2026-03-29",
        "٣",
        "1\n2",
    ),
)
LIKELY = {
    "tournament": 8,
    "tournamentNumber": 8,
    "modelId": "1",
    "modelName": "model_1",
    "limit": 5,
    "offset": 0,
}
"""Arguments without which most questions end at the first check."""


def value_of(kind: GraphQLInputType, chance: random.Random) -> Any:
    if isinstance(kind, GraphQLNonNull):
        return value_of(kind.of_type, chance)
    if isinstance(kind, GraphQLList):
        return [value_of(kind.of_type, chance) for _ in range(chance.randrange(3))]
    if isinstance(kind, GraphQLEnumType):
        return chance.choice(list(kind.values))
    named = getattr(kind, "name", "")
    if named == "Int":
        return chance.choice(NUMBERS)
    return chance.choice((True, False)) if named in ("Boolean", "bool") else chance.choice(TEXTS)


def selection(kind: GraphQLOutputType, depth: int = 4) -> str:
    """All fields of a type, down to a depth."""
    while isinstance(kind, GraphQLNonNull | GraphQLList):
        kind = kind.of_type
    if isinstance(kind, GraphQLScalarType | GraphQLEnumType):
        return ""
    assert isinstance(kind, GraphQLObjectType)
    parts = [
        name + selection(field.type, depth - 1)
        for name, field in kind.fields.items()
        if depth > 1 or not selection_needed(field.type)
    ]
    return " { " + " ".join(parts) + " }"


def selection_needed(kind: GraphQLOutputType) -> bool:
    while isinstance(kind, GraphQLNonNull | GraphQLList):
        kind = kind.of_type
    return isinstance(kind, GraphQLObjectType)


def request(operation: str, name: str, field: GraphQLField, chance: random.Random) -> bytes:
    given = {
        argument: LIKELY.get(argument) if chance.random() < 0.7 else value_of(spec.type, chance)
        for argument, spec in field.args.items()
        if isinstance(spec.type, GraphQLNonNull) or chance.random() < 0.7
    }
    given = {
        argument: value_of(field.args[argument].type, chance) if value is None else value
        for argument, value in given.items()
    }
    declared = ", ".join(f"${argument}: {field.args[argument].type}" for argument in given)
    passed = ", ".join(f"{argument}: ${argument}" for argument in given)
    head = f"{operation} ({declared})" if given else operation
    call = f"{name}({passed})" if given else name
    query = f"{head} {{ {call}{selection(field.type)} }}"
    return json.dumps({"query": query, "variables": given}).encode()


def asked(site: Site, key: NewKey | None, chance: random.Random) -> list[tuple[str, dict[str, Any]]]:
    engine = GraphqlEngine(ROOTS)
    answers = []
    for operation, kind in (("query", SCHEMA.query_type), ("mutation", SCHEMA.mutation_type)):
        assert kind is not None
        for name, field in kind.fields.items():
            if name in ("revokeApiToken", "logout"):
                continue
            for _ in range(ROUNDS):
                header = (
                    f"Token {key.public_id}${key.secret}" if key else chance.choice((None, "Token a$b", "é"))
                )
                body = request(operation, name, field, chance)
                context = RequestContext(site.services, header, "127.0.0.1")
                answers.append((body.decode(), engine.answer(body, context)))
    return answers


@pytest.mark.parametrize("has_key", [True, False], ids=("with a key", "without"))
def test_no_argument_makes_a_root_fail(site: Site, *, has_key: bool) -> None:
    site.world.settle(site.world.sealed_round())
    site.world.open()
    site.step()
    site.step()
    account = site.account_of(1)
    key = site.services.keys.create(account, "all", OWNER_SCOPES) if has_key else None
    answers = asked(site, key, random.Random(7))
    messages = {query: [error["message"] for error in answer.get("errors", ())] for query, answer in answers}
    defects = {query[:400]: found for query, found in messages.items() if DEFECT in found}
    assert not defects, list(defects.items())[:3]
    invalid = [found for found in messages.values() if any("Cannot query field" in words for words in found)]
    assert not invalid
    assert any(answer.get("data") and not answer.get("errors") for _, answer in answers)
    json.dumps([answer for _, answer in answers])


PATHS = ("/", "/status", "/upload/x", "/submission/x", "/data/x", "/rounds/1/rules.json", "/rounds/9/../x")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")


def test_no_method_on_a_route_makes_the_server_fail(site: Site) -> None:
    for path in PATHS:
        for method in METHODS:
            url = site.url + path
            answer = requests.request(method, url, data=b"\xff\x00", timeout=10, allow_redirects=False)
            assert answer.status_code < 500, (method, path)
            assert answer.status_code not in (301, 302, 307, 308), (method, path)
