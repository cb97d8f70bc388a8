"""Finds the entry points that lead to a function: their tests are the likeliest to notice a fault in it."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from tests.mutation.operators import children_of, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.mutation.operators import Node


def entry_points(trees: Iterable[Node]) -> dict[str, set[str]]:
    """By place (as `Mutant.where` has it): the names of the external functions from which it is reached.

    Parameters
    ----------
    trees
        The compiler's syntax trees of one compilation, so that their references go together.
    """
    places: dict[int, str] = {}
    users: dict[int, set[int]] = defaultdict(set)
    doors: dict[int, str] = {}
    for tree in trees:
        for node, where in _declarations(tree, ""):
            places[node["id"]] = where
            if node.get("visibility") in ("external", "public") and node.get("kind") == "function":
                doors[node["id"]] = node["name"]
            for used in _references(node):
                users[used].add(node["id"])
    return {
        where: {doors[user] for user in _above(key, users) if user in doors} for key, where in places.items()
    }


def test_name(function: str) -> str:
    """Return the name of an entry point's test file: open_round for openRound."""
    return re.sub(r"(?<!^)([A-Z])", r"_\1", function).lower()


def _declarations(node: Node, where: str) -> Iterator[tuple[Node, str]]:
    inner = place_of(node, where)
    if inner != where and node["nodeType"] != "ContractDefinition":
        yield node, inner
    for child in children_of(node):
        yield from _declarations(child, inner)


def _references(node: Node) -> Iterator[int]:
    if isinstance(node.get("referencedDeclaration"), int):
        yield node["referencedDeclaration"]
    for child in children_of(node):
        yield from _references(child)
    for reference in node.get("externalReferences", []):
        yield reference["declaration"]


def _above(key: int, users: dict[int, set[int]]) -> set[int]:
    reached: set[int] = set()
    waiting = [key]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting.extend(users[current])
    return reached
