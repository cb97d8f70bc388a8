"""JSON documents as everyone must read them: strict parsing, typed fields, and what differs between two."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, NoReturn

from eth_utils.address import is_checksum_address

LARGEST: Final = 2**53 - 1
"""The largest whole number that every reader of JSON reads exactly."""
DEEPEST: Final = 32
"""Levels of a document. None of ours has more than five."""
SHOWN: Final = 3
"""Names that a message shows at most."""
SHOWN_CHARACTERS: Final = 100
"""Characters of one value that a message shows at most."""


class Absent(Enum):
    """The value of a field that a document does not have. No document can hold it."""

    ABSENT = "nothing"

    def __str__(self) -> str:
        return self.value


ABSENT: Final = Absent.ABSENT


def shown(value: object, most: int = SHOWN_CHARACTERS) -> str:
    """Return a stranger's text, fit for one line of a message: no control characters, and not too long."""
    text = str(value)
    part = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[:most])
    return part if len(text) <= most else f"{part}... ({len(text)} characters)"


def parse_json(text: bytes) -> Any:
    """Parse JSON that has one meaning only, to every reader.

    Raises
    ------
    ValueError
        When it is not UTF-8 without a byte-order mark; an object holds a name twice; a number is no whole
        number of at most 2**53 - 1, or written as -0; or it has more than 32 levels.
    """
    try:
        document = json.loads(
            text.decode(),
            object_pairs_hook=_each_name_once,
            parse_constant=_no_number,
            parse_float=_no_whole_number,
            parse_int=_whole_number,
        )
        _check_texts(document, DEEPEST)
    except RecursionError:
        raise _too_deep() from None
    return document


def _too_deep() -> ValueError:
    return ValueError(f"expected a document of at most {DEEPEST} levels, found more than can be read")


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
        more = f" and {len(repeated) - SHOWN} more" if len(repeated) > SHOWN else ""
        names = ", ".join(shown(name) for name in sorted(repeated)[:SHOWN])
        raise ValueError(f"expected each name once, found {names}{more} again")
    return document


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"expected a number, found {text}")


def _no_whole_number(text: str) -> NoReturn:
    raise ValueError(f"expected a whole number, found {shown(text)}")


def _whole_number(text: str) -> int:
    # The length first, before int() converts digits without bound.
    if len(text) > len(str(-LARGEST)) or text == "-0" or abs(int(text)) > LARGEST:
        raise ValueError(f"expected a whole number from -{LARGEST} to {LARGEST}, found {shown(text)}")
    return int(text)


def _check_texts(part: Any, levels: int) -> None:
    """Refuse text that UTF-8 cannot hold, which JSON can spell, and too many levels."""
    if isinstance(part, str):
        part.encode()
        return
    if isinstance(part, dict | list) and not levels:
        raise _too_deep()
    if isinstance(part, dict):
        for name, value in part.items():
            name.encode()
            _check_texts(value, levels - 1)
    elif isinstance(part, list):
        for value in part:
            _check_texts(value, levels - 1)


def check_fields(
    document: Any, required: Mapping[str, type], optional: Mapping[str, type] | None = None
) -> None:
    """Hold an object against its declared fields, as `check_types` does, and refuse any other."""
    check_types(document, required, optional)
    more = sorted(set(document) - set(required) - set(optional or {}))
    if more:
        raise ValueError(f"expected no field but {', '.join(required)}, found {shown(more[0])}")


def check_types(
    document: Any, required: Mapping[str, type], optional: Mapping[str, type] | None = None
) -> None:
    """Hold an object against the types of its declared fields.

    Raises
    ------
    KeyError
        Names the first field that is missing.
    ValueError
        When it is no object, or a field has another type.
    """
    if not isinstance(document, Mapping):
        raise ValueError(f"expected an object, found {shown(repr(document))}")
    for name in [*required, *(name for name in optional or {} if name in document)]:
        kind = {**required, **(optional or {})}[name]
        if type(document[name]) is not kind:  # and not isinstance: true is no whole number
            expected = "a whole number" if kind is int else f"a {kind.__name__}"
            raise ValueError(f"expected {expected} as {name}, found {shown(repr(document[name]))}")


def whole(document: Mapping[str, Any], name: str) -> int:
    """Return a field that is a whole number from 0 on; KeyError or ValueError for any other."""
    value = document[name]
    if type(value) is not int or value < 0:
        raise ValueError(f"expected a whole number from 0 on as {name}, found {shown(repr(value))}")
    return value


def amount(document: Mapping[str, Any], name: str) -> int:
    """Return an amount in nano-NMR from decimal digits; KeyError or ValueError for any other field."""
    value = document[name]
    if not isinstance(value, str) or not re.fullmatch(r"0|[1-9][0-9]{0,19}", value):
        raise ValueError(f"expected decimal digits as {name}, found {shown(repr(value))}")
    if int(value) >= 2**64:
        raise ValueError(f"expected less than 2**64 as {name}, found {value}")
    return int(value)


def address(document: Mapping[str, Any], name: str) -> str:
    """Return a field that is an address with its checksum (EIP-55); KeyError or ValueError for any other."""
    value = document[name]
    if not isinstance(value, str) or not is_checksum_address(value):
        raise ValueError(f"expected an address with its checksum as {name}, found {shown(repr(value))}")
    return value


def to_hex(content: bytes) -> str:
    """Write bytes as documents hold them: ``0x`` and lower-case hex."""
    return "0x" + content.hex()


def from_hex(text: Any, size: int | None = None) -> bytes:
    """Read bytes from what `to_hex` writes, of any `size` if None.

    Raises
    ------
    ValueError
        When `text` is written in another way or has another size, so that nothing can hide in the spelling.
    """
    try:
        content = bytes.fromhex(text[2:])
    except (ValueError, TypeError):
        content = b""
    # bytes.fromhex also takes capitals and spaces: written again, each content has one spelling.
    if to_hex(content) != text or size not in (None, len(content)):
        expected = "0x and lower-case hex" if size is None else f"0x and {2 * size} lower-case hex digits"
        raise ValueError(f"expected {expected}, found {shown(repr(text))}")
    return content


def document_differences(
    expected: Any, found: Any, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any, Any]]:
    """(path, expected, found) of every value two documents differ in; unlike in Python, 1 is not true.

    `ABSENT` stands for a field or an item that one of them does not have.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in [*expected, *(name for name in found if name not in expected)]:
            yield from document_differences(
                expected.get(name, ABSENT), found.get(name, ABSENT), (*path, name)
            )
    elif isinstance(expected, list) and isinstance(found, list):
        yield from document_differences(_by_place(expected), _by_place(found), path)
    elif type(expected) is not type(found) or expected != found:
        yield ".".join(path), expected, found


def _by_place(items: list[Any]) -> dict[str, Any]:
    return {str(number): item for number, item in enumerate(items)}
