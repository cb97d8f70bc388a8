"""What several endpoints say of a round: all the same, or not to be relied on."""

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from scorer.chain.contracts import Suite
from scorer.chain.errors import EndpointsDisagree as EndpointsDisagree
from scorer.observation.observe import Block, finalised_block
from scorer.oracle.quorum_check import host_of
from scorer.protocol.documents import shown

T = TypeVar("T")


def agreed_block(suites: Sequence[Suite]) -> Block:
    """The newest block that is final for all endpoints.

    Raises
    ------
    EndpointsDisagree
        When two of them know another block at its height.
    """
    block = min((finalised_block(suite) for suite in suites), key=lambda block: block.number)
    return agreed(suites, "the block", lambda suite: _block_at(suite, block.number))


def _block_at(suite: Suite, number: int) -> Block:
    found = suite.w3.eth.get_block(number)
    return Block(found["number"], bytes(found["hash"]), found["timestamp"])


def agreed(suites: Sequence[Suite], what: str, read: Callable[[Suite], T]) -> T:
    """What `read` finds at every endpoint.

    Raises
    ------
    EndpointsDisagree
        Names the two endpoints, and the first field in which they differ.
    """
    first = read(suites[0])
    for other in suites[1:]:
        found = read(other)
        if found != first:
            where, ours, theirs = _first_difference(what, first, found)
            raise EndpointsDisagree(
                f"expected endpoints to agree, found {where} to be {shown(ours)} at {host_of(suites[0])} and "
                f"{shown(theirs)} at {host_of(other)}; ask others"
            )
    return first


def _first_difference(what: str, first: Any, found: Any) -> tuple[str, Any, Any]:
    if is_dataclass(first) and type(first) is type(found):
        for each in fields(first):
            ours, theirs = getattr(first, each.name), getattr(found, each.name)
            if ours != theirs:
                return _first_difference(f"{what}, {each.name}", ours, theirs)
    if isinstance(first, dict) and isinstance(found, dict):
        key = min(key for key in {*first, *found} if first.get(key) != found.get(key))
        return f"{what} {key}", first.get(key, "none"), found.get(key, "none")
    return what, first, found
