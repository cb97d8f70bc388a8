"""Lists of plain rows are answered as graphql-core answers them, whatever is in them."""

import json
from typing import Any

import pytest
from graphql import GraphQLError
from graphql.execution.executor import Executor
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.server.engine import GraphqlEngine
from scorer.server.limits import DocumentLimits
from tests.server.generated import texts

FIELDS = ("rank", "username", "nmrStaked", "return_1_day", "return1Day", "corr20Rep", "team")
QUERIES = (
    "{ v2Leaderboard(limit: 1, offset: 0) { %s } }",
    "{ v2Leaderboard(limit: 1, offset: 0) { x: rank ...more } } fragment more on ClassicRow { %s }",
    "{ v2Leaderboard(limit: 1, offset: 0) { __typename %s } }",
    "query ($yes: Boolean = false) { v2Leaderboard(limit: 1, offset: 0) { rank @skip(if: $yes) %s } }",
)
plain = st.none() | st.integers() | st.floats(allow_nan=True) | st.booleans() | texts
values = plain | plain.map(lambda value: lambda: value) | st.lists(st.integers(), max_size=1)
keys = st.sampled_from(("rank", "username", "nmrStaked", "return1Day", "corr20Rep", "team"))
usual = st.fixed_dictionaries(
    {"rank": st.integers(1, 9), "username": texts, "nmrStaked": st.just("1.5"), "team": st.booleans()},
    optional={"return1Day": st.floats(-1, 1), "corr20Rep": st.none()},
)
ROWS: list[Any] = [None]


def leaderboard(_context: object, limit: int, offset: int) -> Any:
    return ROWS[0]


ENGINE = GraphqlEngine({"v2Leaderboard": leaderboard})


def answers(query: str, found: Any) -> tuple[dict[str, Any], int]:
    ROWS[0] = found
    return ENGINE.answer_with_cost(json.dumps({"query": query}).encode(), None)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(QUERIES),
    st.lists(st.sampled_from(FIELDS), min_size=1, unique=True),
    st.none()
    | st.lists(st.none() | st.dictionaries(keys, values), max_size=3)
    | st.lists(usual, max_size=3)
    | st.just("text"),
)
def test_a_list_is_answered_as_by_graphql_core(query: str, names: list[str], found: Any) -> None:
    asked = query % " ".join(names)
    ours = answers(asked, found)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("scorer.server.engine.LeafExecutor", Executor)
        assert json.dumps(ours) == json.dumps(answers(asked, found))


ROW = {"rank": 1, "username": "a"}
QUERY = "{ v2Leaderboard(limit: 1, offset: 0) { rank username } }"


def test_plain_rows_do_not_go_the_usual_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise GraphQLError("the usual way")

    monkeypatch.setattr(Executor, "complete_iterable_value", fails)
    answer, cost = answers(QUERY, [ROW] * 9)
    assert answer == {"data": {"v2Leaderboard": [ROW] * 9}}
    assert cost == DocumentLimits.root_cost + 18


def test_a_long_list_costs_what_it_may_and_no_more() -> None:
    answer, _ = answers(QUERY, [ROW] * (DocumentLimits.cost // 2))
    assert answer["errors"][0]["message"].startswith("query: expected an answer of at most")
