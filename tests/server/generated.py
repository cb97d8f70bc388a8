"""Generated requests (hypothesis): documents of the schema, values of its types, and of other ones."""

import json
from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    build_schema,
    get_named_type,
)
from hypothesis import strategies as st

from scorer.server.engine import schema_text

SCHEMA = build_schema(schema_text())
NUMBERS = (-(2**31), -1, 0, 1, 2, 8, 2**31 - 1)
TEXTS = (
    *("", "1", "2", "0", "-1", "999999999", "9" * 20, "9" * 5_000, "model_1", "model_99999", "alice"),
    *("Infinity", "NaN", "1e999", "x" * 3_000, "\x00", "é\u202e😀", "\ud800", "../../etc/passwd", "%2e%2e/x"),
    *("' OR 1=1 --", "${jndi:ldap}", "0x" + "11" * 20, "0x" + "22" * 32, "0x" + "33" * 65, "٣", "1\n2"),
    *(
        "https://example.org/",
        "http://127.0.0.1/",
        "javascript:alert(1)",
        "2026-03-29",
        "<script>",
        "a\r\nb: c",
    ),
)
LIKELY: Mapping[str, Any] = {
    "tournament": 8,
    "tournamentNumber": 8,
    "modelId": "1",
    "modelName": "model_1",
    "limit": 5,
    "offset": 0,
    "roundNumber": 1,
}
"""Arguments without which most questions end at the first check."""

texts = st.sampled_from(TEXTS) | st.text(max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def values(kind: GraphQLInputType) -> st.SearchStrategy[Any]:
    """Values of a type: null too where it may be."""
    if isinstance(kind, GraphQLNonNull):
        return _values(kind.of_type)
    return st.none() | _values(kind)


def _values(kind: GraphQLInputType) -> st.SearchStrategy[Any]:
    if isinstance(kind, GraphQLList):
        return st.lists(values(kind.of_type), max_size=3)
    if isinstance(kind, GraphQLEnumType):
        return st.sampled_from(sorted(kind.values))
    named = getattr(kind, "name", "")
    if named == "Int":
        return st.sampled_from(NUMBERS) | st.integers(-(2**31), 2**31 - 1)
    return st.booleans() if named in ("Boolean", "bool") else texts


@st.composite
def selections(draw: st.DrawFn, kind: GraphQLOutputType, depth: int = 4) -> str:
    """Some fields of a type, down to a depth; of a leaf none."""
    named = get_named_type(kind)
    if not isinstance(named, GraphQLObjectType):
        return ""
    fields = {
        name: field
        for name, field in named.fields.items()
        if depth > 1 or not isinstance(get_named_type(field.type), GraphQLObjectType)
    }
    every = draw(st.booleans())
    names = list(fields) if every else draw(st.lists(st.sampled_from(sorted(fields)), min_size=1, max_size=4))
    parts = [name + draw(selections(fields[name].type, depth - 1)) for name in dict.fromkeys(names)]
    return " { " + " ".join(parts) + " }"


@st.composite
def requests_of(draw: st.DrawFn, operation: str, name: str, field: GraphQLField) -> dict[str, Any]:
    """A request of one root: arguments as the schema has them, or now and then of another type."""
    given: dict[str, Any] = {}
    is_usual = draw(st.booleans())
    for argument, spec in field.args.items():
        if is_usual and argument in LIKELY:
            given[argument] = LIKELY[argument]
        elif isinstance(spec.type, GraphQLNonNull) or (not is_usual and draw(st.booleans())):
            given[argument] = draw(values(spec.type))
    if given and not is_usual and draw(st.integers(0, 4)) == 0:
        given[draw(st.sampled_from(sorted(given)))] = draw(json_values)
    declared = ", ".join(f"${argument}: {field.args[argument].type}" for argument in given)
    passed = ", ".join(f"{argument}: ${argument}" for argument in given)
    head = f"{operation} ({declared})" if given else operation
    call = f"{name}({passed})" if given else name
    return {"query": f"{head} {{ {call}{draw(selections(field.type))} }}", "variables": given}


def roots() -> list[tuple[str, str, GraphQLField]]:
    """Every root of the schema: operation, name and field."""
    found = []
    for operation, kind in (("query", SCHEMA.query_type), ("mutation", SCHEMA.mutation_type)):
        assert kind is not None
        found += [(operation, name, field) for name, field in kind.fields.items()]
    return found


bodies = st.one_of(
    st.binary(max_size=200),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries({"query": json_values, "variables": json_values}).map(
        lambda value: json.dumps(value).encode()
    ),
    texts.map(lambda text: text.encode("utf-8", "surrogatepass")),
)
"""Bodies that are hardly ever requests."""
