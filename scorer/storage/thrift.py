"""Thrift's compact protocol, as far as the footers and page headers of Parquet need it."""

from collections.abc import Sequence

I8, I32, I64, BINARY, LIST, STRUCT = 3, 5, 6, 8, 9, 12
"""Thrift's types, as the compact protocol numbers them."""
TRUE, FALSE = 1, 2

Field = tuple[int, int, bytes]
"""A field of a structure: its number, its type, its value in bytes."""


def varint(value: int) -> bytes:
    """Return a number from 0 on in groups of seven bits, the least first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number_field(field: int, kind: int, value: int) -> Field:
    """Return a field that holds a whole number from 0 on."""
    return field, kind, varint(value << 1)  # never negative here, so zigzag is a doubling


def text_field(field: int, value: str) -> Field:
    """Return a field that holds text."""
    return field, BINARY, prefixed(value.encode())


def prefixed(content: bytes) -> bytes:
    """Return bytes behind their length."""
    return varint(len(content)) + content


def list_field(field: int, kind: int, items: Sequence[bytes]) -> Field:
    """Return a field that holds a list of one type."""
    head = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + varint(len(items))
    return field, LIST, head + b"".join(items)


def structure(*fields: Field) -> bytes:
    """Return a structure whose fields' numbers ascend by at most 15 each."""
    out, last = [], 0
    for field, kind, content in fields:
        out += [bytes([field - last << 4 | kind]), content]
        last = field
    return b"".join([*out, b"\0"])
