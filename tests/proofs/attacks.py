"""Alterations of a proof's arguments, one at a time: what a prover who cheats would try."""

from collections.abc import Iterator, Sequence
from typing import Any

Path = tuple[int, ...]


def altered(argument: Any) -> Iterator[tuple[Path, str, Any]]:
    """Yield (where, how, argument) for every alteration of one part of a nested argument."""
    yield from _altered(argument, ())


def _altered(part: Any, at: Path) -> Iterator[tuple[Path, str, Any]]:
    if isinstance(part, tuple | list):
        for place, inner in enumerate(part):
            for where, how, other in _altered(inner, (*at, place)):
                yield where, how, type(part)((*part[:place], other, *part[place + 1 :]))
    for how, changed in _others(part):
        yield at, how, changed


def _others(part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, list):
        yield from _other_lists(part)
    elif isinstance(part, bytes):
        yield from _other_bytes(part)
    elif isinstance(part, bool):
        yield "other", not part
    elif isinstance(part, int):
        for how, number in (("less", part - 1), ("more", part + 1), ("zero", 0), ("opposite", -part)):
            if number != part:
                yield how, number


def _other_lists(part: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    if not part:
        return
    yield "without the last", part[:-1]
    yield "last twice", [*part, part[-1]]
    yield "empty", []
    if part[::-1] != part:
        yield "reversed", part[::-1]


def _other_bytes(part: bytes) -> Iterator[tuple[str, bytes]]:
    size = len(part)
    if not size:
        yield "a byte", b"\0"
        return
    for place in {0, size // 2, size - 1}:
        for bit in (1, 0x80):
            yield f"bit at {place}", part[:place] + bytes([part[place] ^ bit]) + part[place + 1 :]
    yield "zeros", bytes(size)
    if size == 32:
        return
    for width in (2, 4, 6, 8, 12):
        if size % width == 0 and size >= 2 * width:
            yield f"first {width} bytes last", part[width:] + part[:width]
            yield f"first two of {width} swapped", part[width : 2 * width] + part[:width] + part[2 * width :]
            yield f"{width} bytes less", part[:-width]
            yield f"{width} bytes more", part + bytes(width)
            words = [part[begin : begin + width] for begin in range(0, size, width)]
            yield f"reversed by {width}", b"".join(words[::-1])
    yield "empty", b""


def replaced(argument: Sequence[Any], place: int, other: Any) -> tuple[Any, ...]:
    """Return the argument with another part at one place."""
    return (*argument[:place], other, *argument[place + 1 :])
