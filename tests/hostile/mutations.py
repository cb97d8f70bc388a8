"""Ways to spoil bytes that know nothing of what they mean."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

INTERESTING: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x22, 0x2C, 0x30)
WIDE: Final = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
LONGEST: Final = 2**20
"""Bytes of an input: larger ones are refused by their size."""


def _place(content: bytes, stream: Random) -> int:
    """Somewhere, more often near one of the ends, where formats keep what they say of themselves."""
    kind, size = stream.random(), len(content)
    near = stream.randrange(min(size, 64) + 1)
    return near if kind < 0.2 else size - near if kind < 0.4 else stream.randrange(size + 1)


def flip_bit(content: bytes, stream: Random) -> bytes:
    at = _place(content, stream)
    flipped = bytes(each ^ 1 << stream.randrange(8) for each in content[at : at + 1])
    return content[:at] + flipped + content[at + 1 :]


def set_byte(content: bytes, stream: Random) -> bytes:
    at = _place(content, stream)
    value = stream.choice(INTERESTING) if stream.random() < 0.5 else stream.randrange(256)
    return content[:at] + bytes([value]) + content[at + 1 :]


def set_word(content: bytes, stream: Random) -> bytes:
    at, width = _place(content, stream), stream.choice((2, 4, 8))
    value: int = stream.choice(WIDE) & ((1 << 8 * width) - 1)
    return content[:at] + value.to_bytes(width, stream.choice(("little", "big"))) + content[at + width :]


def delete(content: bytes, stream: Random) -> bytes:
    at = _place(content, stream)
    return content[:at] + content[at + stream.choice((1, 2, 4, 16, 256)) :]


def insert(content: bytes, stream: Random) -> bytes:
    at = _place(content, stream)
    return content[:at] + stream.randbytes(stream.choice((1, 2, 4, 16))) + content[at:]


def repeat(content: bytes, stream: Random) -> bytes:
    at, size = _place(content, stream), stream.choice((1, 8, 64, 512))
    return (content[:at] + content[at : at + size] * stream.choice((2, 3, 50)) + content[at + size :])[
        :LONGEST
    ]


def move(content: bytes, stream: Random) -> bytes:
    one, other, size = _place(content, stream), _place(content, stream), stream.choice((1, 4, 32))
    return content[:one] + content[other : other + size] + content[one + size :]


def truncate(content: bytes, stream: Random) -> bytes:
    at = _place(content, stream)
    return content[:at] if stream.random() < 0.5 else content[at:]


MUTATIONS: Final[Sequence[Callable[[bytes, Random], bytes]]] = (
    flip_bit,
    flip_bit,
    set_byte,
    set_byte,
    set_word,
    delete,
    insert,
    repeat,
    move,
    truncate,
)


def spoil(content: bytes, stream: Random, others: Sequence[bytes]) -> bytes:
    """One to eight mutations; now and then the end of another file."""
    for _ in range(stream.choice((1, 1, 1, 2, 2, 4, 8))):
        content = stream.choice(MUTATIONS)(content, stream)
    if stream.random() < 0.05:
        other = stream.choice(others)
        content = content[: _place(content, stream)] + other[_place(other, stream) :]
    return content[:LONGEST]
