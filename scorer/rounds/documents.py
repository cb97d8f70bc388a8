"""JSON documents as everyone must read them: strict parsing, bytes in hex, and what differs between two."""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

import rfc8785


def parse_json(text: bytes) -> Any:
    """Parse JSON that has one meaning only, and that RFC 8785 can write again.

    Raises
    ------
    ValueError
        Also for a name that an object holds twice, NaN, Infinity, and integers beyond 2**53.
    """
    try:
        document = json.loads(text, object_pairs_hook=_each_name_once, parse_constant=_no_number)
        rfc8785.dumps(document)
    except RecursionError:
        raise ValueError("expected a document of a few levels, found more than can be read") from None
    return document


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"expected each name once, found {', '.join(repeated)} again")
    return document


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"expected a number, found {text}")


def to_hex(content: bytes) -> str:
    """Bytes as documents hold them: ``0x`` and lower-case hex."""
    return "0x" + content.hex()


def from_hex(text: str, size: int | None = None) -> bytes:
    """Bytes from what `to_hex` writes, of any `size` if None.

    Raises
    ------
    ValueError
        When `text` is written in another way or has another size, so that nothing can hide in the spelling.
    """
    try:
        content = bytes.fromhex(text[2:])
    except ValueError:
        content = b""
    if to_hex(content) != text or size not in (None, len(content)):
        expected = "0x and lower-case hex" if size is None else f"0x and {2 * size} lower-case hex digits"
        raise ValueError(f"expected {expected}, found {text!r}")
    return content


def document_differences(
    expected: Any, found: Any, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any, Any]]:
    """(path, expected, found) of every value two documents differ in; unlike in Python, 1 is not true."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in [*expected, *(name for name in found if name not in expected)]:
            yield from document_differences(
                expected.get(name, "nothing"), found.get(name, "nothing"), (*path, name)
            )
    elif type(expected) is not type(found) or expected != found:
        yield ".".join(path), expected, found
