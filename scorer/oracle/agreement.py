"""Reads from several endpoints, which must all say the same."""

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from scorer.chain import endpoint
from scorer.chain.contracts import Suite
from scorer.chain.errors import EndpointsDisagree as EndpointsDisagree
from scorer.observation.observe import Block, finalised_block
from scorer.protocol.documents import shown

T = TypeVar("T")


def agreed_block(suites: Sequence[Suite]) -> Block:
    """Return the newest block that is final for all endpoints.

    Raises
    ------
    EndpointsDisagree
        When two of them know another block at its height.
    """
    block = min((finalised_block(suite) for suite in suites), key=lambda block: block.number)
    return agreed(suites, "the block", lambda suite: _block_at(suite, block.number))


def _block_at(suite: Suite, number: int) -> Block:
    block = suite.w3.eth.get_block(number)
    return Block(block["number"], bytes(block["hash"]), block["timestamp"])


def agreed(suites: Sequence[Suite], what: str, read: Callable[[Suite], T]) -> T:
    """Return what `read` returns at every endpoint.

    Raises
    ------
    EndpointsDisagree
        Names the two endpoints, and the first field in which they differ.
    """
    first = read(suites[0])
    for other in suites[1:]:
        reply = read(other)
        if reply != first:
            where, ours, theirs = _first_difference(what, first, reply)
            raise EndpointsDisagree(
                f"expected endpoints to agree, found {where} to be {shown(ours)} at {host_of(suites[0])} and "
                f"{shown(theirs)} at {host_of(other)}; ask others"
            )
    return first


def _first_difference(what: str, first: Any, second: Any) -> tuple[str, Any, Any]:
    """Return the place, and both values, of the first field or key in which two replies differ."""
    if is_dataclass(first) and type(first) is type(second):
        for field in fields(first):
            ours, theirs = getattr(first, field.name), getattr(second, field.name)
            if ours != theirs:
                return _first_difference(f"{what}, {field.name}", ours, theirs)
    if isinstance(first, dict) and isinstance(second, dict):
        key = min(key for key in {*first, *second} if first.get(key) != second.get(key))
        return f"{what} {key}", first.get(key, "none"), second.get(key, "none")
    return what, first, second


def host_of(suite: Suite) -> str:
    """Return the host of the endpoint behind contracts."""
    return endpoint.host_of(suite.w3)
