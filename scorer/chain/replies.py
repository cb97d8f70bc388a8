"""JSON-RPC answers, read from bytes: bounded in depth and parts, and one answer to each request."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

MOST_PARTS: Final = 2_000_000
"""Members and elements of one document: in memory each is many times what it is in the text."""
DEEPEST: Final = 32
"""Objects and arrays within each other; what nodes answer has about ten."""


class Malformed(Exception):
    """An answer is not what was asked for; the message says what was expected and found."""


class TooManyParts(Malformed):
    """An answer has more parts than are read."""


@dataclass(frozen=True)
class Failure:
    """A JSON-RPC error. `code` is None where an endpoint names none, `data` where it is no text."""

    code: int | None
    message: str
    data: str | None = None


@dataclass(frozen=True)
class RpcResult:
    """The value that a method returned, as it came."""

    value: Any


def document_of(body: bytes) -> Any:
    """Read the JSON document in a body.

    Raises
    ------
    Malformed
        When it is none, or is nested too deep, or has too many parts.
    """
    parts = body.count(b",") + body.count(b"[") + body.count(b"{")
    if parts > MOST_PARTS:
        raise TooManyParts(f"expected at most {MOST_PARTS} parts, found {parts}")
    try:
        document = json.loads(body.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"expected JSON, found {type(error).__name__}") from None
    _require_shallow(document)
    return document


def answer_in(document: Any, request_id: int) -> RpcResult | Failure:
    """Read the one answer to a request.

    Raises
    ------
    Malformed
        When it is another request's, or neither a result nor an error, or both.
    """
    if not isinstance(document, dict):
        raise Malformed(f"expected an object, found {kind(document)}")
    if not _is_of(document.get("id"), request_id):
        raise Malformed("expected the answer to this request, found one to another")
    return _answer(document)


def answers_in(document: Any, ids: Sequence[int]) -> list[RpcResult | Failure]:
    """Read the answers to a batch, in the order of the requests; a failure for each that is missing.

    Raises
    ------
    Malformed
        When it is no list of answers, or answers a request twice.
    """
    if not isinstance(document, list):
        raise Malformed(f"expected a list of answers, found {kind(document)}")
    found = dict(_numbered(document))
    missing = Failure(None, "the batch's answer lacks this one")
    return [_answer(found[each]) if each in found else missing for each in ids]


def refusal_in(document: Any) -> Failure | None:
    """Return the error that a whole batch, or a request without an answer of its own, was refused with."""
    if not isinstance(document, dict):
        return None
    error = document.get("error")
    if error is None and "result" not in document and isinstance(document.get("message"), str):
        return _failure(document)  # as gateways say before JSON-RPC begins
    # Some send the error as a mere text.
    return _failure(error) if isinstance(error, dict | str) and error else None


def kind(value: object) -> str:
    """Name the kind of a value for a message: never the value itself, which may be of any length."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", int: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def _numbered(document: Sequence[Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    seen: set[int] = set()
    for each in document:
        if not isinstance(each, dict):
            raise Malformed(f"expected answers in a batch, found {kind(each)}")
        number = _number(each.get("id"))
        if number in seen:
            raise Malformed("expected one answer to each request, found two")
        if number is not None:
            seen.add(number)
            yield number, each


def _answer(document: Mapping[str, Any]) -> RpcResult | Failure:
    error = document.get("error")
    if error is None and "result" in document:
        return RpcResult(document["result"])  # some add "error": null to a result
    if "result" in document and document["result"] is not None:
        raise Malformed("expected a result or an error, found both")
    refusal = refusal_in(document)
    if refusal is None:
        raise Malformed("expected a result or an error, found neither")
    return refusal


def _failure(error: Mapping[str, Any] | str) -> Failure:
    if isinstance(error, str):
        return Failure(None, error)
    code, message, data = error.get("code"), error.get("message"), error.get("data")
    if isinstance(data, dict):  # Besu and Nethermind sometimes, and what wraps other nodes
        data = next((data[name] for name in ("data", "result") if isinstance(data.get(name), str)), None)
    return Failure(
        # By its type: to isinstance, true is an integer.
        code if type(code) is int else None,
        message if isinstance(message, str) else "",
        data if isinstance(data, str) else None,
    )


def _is_of(found: object, request_id: int) -> bool:
    """Check whether an id is the request's; a missing one is, where only one request was sent."""
    return found is None or _number(found) == request_id


def _number(found: object) -> int | None:
    if type(found) is int:
        return found
    # isdigit alone takes digits of other scripts too.
    is_number = isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 20
    return int(found) if is_number and isinstance(found, str) else None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _require_shallow(document: Any) -> None:
    level = [document]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _inner(each)]
        if not level:
            return
    raise Malformed(f"expected at most {DEEPEST} levels, found more")


def _inner(value: Any) -> Iterator[Any]:
    """Return the objects and arrays right within another."""
    within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (each for each in within if isinstance(each, dict | list))
