"""Canonical Parquet: one content gives one file, to the byte, whatever library is installed.

A Parquet file can say one thing to one reader and another to the next: notes for pandas rename columns or
make one the index, statistics that lie hide rows from whoever filters, a page may be named twice. The files
written here hold nothing of that kind: one row group, every column required and in one page of plain values,
uncompressed, without notes, indices, or statistics of values. Whoever reads such a table writes it again and
compares, so that no file with another byte passes. Every reader of Parquet reads them.

The layout is that of https://github.com/apache/parquet-format, its structures in Thrift's compact protocol.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scorer.protocol.digest import length_prefixed
from scorer.storage.thrift import (
    BINARY,
    FALSE,
    I8,
    I32,
    I64,
    STRUCT,
    Field,
    list_field,
    number_field,
    prefixed,
    structure,
    text_field,
    varint,
)

Column = Sequence[str] | NDArray[Any]
"""Text, or one-dimensional float64, int64 or uint64."""
Values = tuple[str, ...] | NDArray[Any]
"""A column that was read."""

MAGIC: Final = b"PAR1"
CREATED_BY: Final = "cupel"
PLAIN, RLE = 0, 3
INT64, DOUBLE, BYTE_ARRAY = 2, 5, 6
_LENGTH: Final = struct.Struct("<I")


class NotCanonical(ValueError):
    """A file is not what `write_parquet` makes of any table."""


@dataclass(frozen=True)
class ColumnKind:
    """The form of a column's type in a file: ``physical`` in Parquet's numbers, ``notes`` its meaning.

    Attributes
    ----------
    dtype
        Of the values in a page; None for text.
    """

    physical: int
    dtype: str | None
    notes: tuple[Field, ...] = ()


UNSIGNED: Final = (
    number_field(6, I32, 14),  # converted type UINT_64
    # LogicalType.INTEGER of 64 bits, without a sign. Old readers know the converted type alone.
    (10, STRUCT, structure((10, STRUCT, structure((1, I8, bytes([64])), (2, FALSE, b""))))),
)
# Converted type UTF8, and LogicalType.STRING.
STRING: Final = (number_field(6, I32, 0), (10, STRUCT, structure((1, STRUCT, structure()))))
NO_NULLS: Final = structure(number_field(3, I64, 0))
"""Without it, fastparquet reads whole numbers as floats, which hold fewer digits."""
KINDS: Final = {
    "float64": ColumnKind(DOUBLE, "<f8"),
    "int64": ColumnKind(INT64, "<i8"),
    "uint64": ColumnKind(INT64, "<u8", UNSIGNED),
    "text": ColumnKind(BYTE_ARRAY, None, STRING),
}


def kind_of(column: Column) -> str:
    """Return the name of a column's type, or what it is where no table has such a column."""
    if not isinstance(column, np.ndarray):
        return "text"
    return column.dtype.name if column.ndim == 1 else f"{column.dtype} of {column.ndim} dimensions"


def _values(column: Column) -> bytes:
    """Return a page's content. -0.0 and all NaNs are written one way, as digests take them."""
    if not isinstance(column, np.ndarray):
        return length_prefixed(column)
    if column.dtype.kind == "f":
        # Adding 0.0 turns -0.0 into 0.0 and changes no other number.
        column = np.where(np.isnan(column), np.nan, column + 0.0)
    return np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<")).tobytes()


def _page(rows: int, content: bytes) -> bytes:
    size = len(content)
    # DataPageHeader: rows, encoding of the values, and of levels, of which a required column has none.
    head = structure(
        number_field(1, I32, rows),
        number_field(2, I32, PLAIN),
        number_field(3, I32, RLE),
        number_field(4, I32, RLE),
    )
    return (
        structure(
            number_field(1, I32, 0), number_field(2, I32, size), number_field(3, I32, size), (5, STRUCT, head)
        )
        + content
    )


def _chunk(name: str, kind: ColumnKind, rows: int, offset: int, size: int) -> bytes:
    # ColumnMetaData: type, encodings, path, codec, values, size unpacked and packed, offset, statistics.
    described = structure(
        number_field(1, I32, kind.physical),
        list_field(2, I32, [varint(PLAIN << 1)]),
        list_field(3, BINARY, [prefixed(name.encode())]),
        number_field(4, I32, 0),  # uncompressed
        number_field(5, I64, rows),
        number_field(6, I64, size),
        number_field(7, I64, size),
        number_field(9, I64, offset),
        (12, STRUCT, NO_NULLS),
    )
    # ColumnChunk.file_offset is out of use; the format asks for 0.
    return structure(number_field(2, I64, 0), (3, STRUCT, described))


def write_parquet(columns: Mapping[str, Column]) -> bytes:
    """Return the Parquet file of a table, in the order of its columns.

    Raises
    ------
    TypeError
        When a column is neither text nor float64, int64 or uint64 of one dimension.
    ValueError
        When columns differ in length, or text cannot be written in UTF-8.
    """
    kinds = {name: KINDS.get(kind_of(column)) for name, column in columns.items()}
    for name, kind in kinds.items():
        if kind is None:
            raise TypeError(
                f"column {name}: expected {', '.join(KINDS)} of one dimension, found {kind_of(columns[name])}"
            )
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"expected columns of one length, found {sorted(lengths)}")
    return _file(
        columns, {name: kind for name, kind in kinds.items() if kind is not None}, max(lengths, default=0)
    )


def _file(columns: Mapping[str, Column], kinds: Mapping[str, ColumnKind], rows: int) -> bytes:
    out, chunks, offset = [MAGIC], [], len(MAGIC)
    for name, kind in kinds.items():
        page = _page(rows, _values(columns[name]))
        out.append(page)
        chunks.append(_chunk(name, kind, rows, offset, len(page)))
        offset += len(page)
    group = structure(
        list_field(1, STRUCT, chunks), number_field(2, I64, offset - len(MAGIC)), number_field(3, I64, rows)
    )
    footer = structure(
        number_field(1, I32, 1),
        list_field(
            2,
            STRUCT,
            [
                structure(text_field(4, "schema"), number_field(5, I32, len(kinds))),
                *map(_element, kinds.items()),
            ],
        ),
        number_field(3, I64, rows),
        list_field(4, STRUCT, [group]),
        text_field(6, CREATED_BY),
    )
    return b"".join([*out, footer, _LENGTH.pack(len(footer)), MAGIC])


def _element(column: tuple[str, ColumnKind]) -> bytes:
    name, kind = column
    # Field 3 says that a value is required, so that no levels are written.
    return structure(
        number_field(1, I32, kind.physical), number_field(3, I32, 0), text_field(4, name), *kind.notes
    )


def read_parquet(content: bytes) -> dict[str, Values]:
    """Read the columns of a file that `write_parquet` wrote, in about twice its size of memory.

    Text comes as a tuple. Nothing but Python reads the bytes, and a file says no size that it does not have.

    Raises
    ------
    NotCanonical
        When the bytes are not what `write_parquet` makes of these columns.
    """
    try:
        columns = _Reader(content).columns()
        again = write_parquet(columns)
    except (ValueError, TypeError, LookupError, OverflowError, struct.error) as error:
        raise NotCanonical(f"expected a canonical Parquet file, found {error}") from None
    if again != content:
        raise NotCanonical("expected a canonical Parquet file, found one that is written in another way")
    return columns


class _Reader:
    """Takes a file apart as if it were canonical. What it makes of another file does not matter."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        if len(content) < 12 or content[:4] != MAGIC or content[-4:] != MAGIC:
            raise ValueError("another kind of file")
        self.end = len(content) - 8
        self.at = self.end - int(_LENGTH.unpack(content[-8:-4])[0])
        if self.at < 4:
            raise ValueError("a footer that is longer than the file")

    def columns(self) -> dict[str, Values]:
        kinds = dict(self._schema())
        rows = self._next()
        found: dict[str, Values] = {}
        self.at = 4
        for name, kind in kinds.items():
            size = self._page_size()
            found[name] = _column(self.content[self.at : self.at + size], kind, rows)
            self.at += size
        return found

    def _schema(self) -> Iterator[tuple[str, str]]:
        """Names and kinds of the columns: fields 1 and 2 of the footer; the number of rows is next."""
        self._next()
        self.at += 1
        for number in range(self._list_size()):
            start = self.at
            name = self._element()
            if number:
                yield name, self._kind(name, self.content[start : self.at])

    def _kind(self, name: str, element: bytes) -> str:
        for kind, described in KINDS.items():
            if _element((name, described)) == element:
                return kind
        raise ValueError(f"a column {name[:60]!r} of another type")

    def _list_size(self) -> int:
        head = self._byte()
        return head >> 4 if head >> 4 < 15 else self._varint()

    def _element(self) -> str:
        """Skip one structure of the schema; the text in it, which is the name."""
        name = ""
        while head := self._byte():
            skip: Callable[[], Any] | None = {
                I32: self._varint,
                BINARY: self._binary,
                STRUCT: self._skip,
            }.get(head & 15)
            if skip is None:
                raise ValueError("a schema of another form")
            found = skip()
            name = found if isinstance(found, str) else name
        return name

    def _skip(self) -> None:
        """Skip the note on a column's type, which is the same for every column of a type."""
        for note in (STRING, UNSIGNED):
            content = note[1][2]
            if self.content.startswith(content, self.at):
                self.at += len(content)
                return
        raise ValueError("a column of another type")

    def _page_size(self) -> int:
        self._next()
        size = self._next()
        self._next()
        self.at += 1
        for _ in range(4):
            self._next()
        self.at += 2
        return size

    def _next(self) -> int:
        """Return the next field of a structure, where it is a number."""
        self.at += 1
        return self._varint() >> 1

    def _binary(self) -> str:
        size = self._varint()
        self.at += size
        return self.content[self.at - size : self.at].decode()

    def _varint(self) -> int:
        number = shift = 0
        while shift < 64:
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7
        raise ValueError("a number that is too long")

    def _byte(self) -> int:
        byte = self.content[self.at]
        self.at += 1
        return byte


def _column(content: bytes, kind: str, rows: int) -> Values:
    dtype = KINDS[kind].dtype
    if dtype is not None:
        return np.frombuffer(content, dtype=dtype).astype(kind)
    texts, at = [], 0
    for _ in range(rows):
        (size,) = _LENGTH.unpack_from(content, at)
        texts.append(content[at + 4 : at + 4 + size].decode())
        at += 4 + size
    return tuple(texts)
