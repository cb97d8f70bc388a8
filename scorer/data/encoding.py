"""Parquet files of eras, the same to the byte on every machine, whatever library is installed.

A feature in five bins takes three bits a value: a dictionary of five, and indices packed as they are. Pages
are made era by era, by whoever builds the era; a row group gathers the pages of some eras, so that no file is
ever in memory, and a build that was stopped goes on from the eras that it has.

The layout is that of https://github.com/apache/parquet-format: RLE_DICTIONARY pages without levels.
"""

import json
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from scorer.data.bins import Codes
from scorer.protocol.digest import length_prefixed
from scorer.scoring.exact import Floats
from scorer.storage.parquet import BYTE_ARRAY, CREATED_BY, DOUBLE, MAGIC, NO_NULLS, PLAIN, RLE, STRING
from scorer.storage.thrift import (
    BINARY,
    I8,
    I32,
    I64,
    STRUCT,
    TRUE,
    Field,
    list_field,
    number_field,
    prefixed,
    structure,
    text_field,
    varint,
)

INT32, FLOAT = 1, 4
RLE_DICTIONARY: Final = 8
DATA_PAGE, DICTIONARY_PAGE = 0, 2
BIN_WIDTH: Final = 3
"""Bits of a bin in a page; six values at most."""
INT8: Final[tuple[Field, ...]] = (
    number_field(6, I32, 15),  # converted type INT_8
    (10, STRUCT, structure((10, STRUCT, structure((1, I8, bytes([8])), (2, TRUE, b""))))),
)
_LENGTH: Final = struct.Struct("<I")
_BIN_VALUES: Final = np.arange(5, dtype="<i4").tobytes()
_TARGET_VALUES: Final = np.array([0.0, 0.25, 0.5, 0.75, 1.0, np.nan], dtype="<f4").tobytes()


@dataclass(frozen=True)
class ColumnType:
    """The form of a column: its type, and the values of its dictionary if it has one.

    Attributes
    ----------
    numpy
        What pandas makes of it.
    """

    physical: int
    notes: tuple[Field, ...]
    numpy: str
    dictionary: bytes = b""
    values: int = 0


TYPES: Final = {
    "bin": ColumnType(INT32, INT8, "int8", _BIN_VALUES, 5),
    "target": ColumnType(FLOAT, (), "float32", _TARGET_VALUES, 6),
    "float": ColumnType(DOUBLE, (), "float64"),
    "text": ColumnType(BYTE_ARRAY, STRING, "object"),
}


def pack(codes: Codes) -> NDArray[np.uint8]:
    """Pack (rows, n) codes below eight in three bits each, the least first: (rows, 3 * ceil(n / 8)) bytes."""
    rows, count = codes.shape
    groups = -(-count // 8)
    padded = np.zeros((rows, groups * 8), dtype=np.uint8)
    padded[:, :count] = codes
    words = padded.view("<u8")
    # Pairs of bytes, then of pairs, then of fours move together.
    for shift, mask in ((5, 0x003F003F003F003F), (10, 0x00000FFF00000FFF), (20, 0xFFFFFF)):
        words |= words >> np.uint64(shift)
        words &= np.uint64(mask)
    return np.ascontiguousarray(padded.reshape(rows, groups, 8)[:, :, :BIN_WIDTH]).reshape(rows, -1)


def unpack(packed: NDArray[np.uint8], count: int) -> Codes:
    """Return the (rows, count) codes that `pack` packed."""
    rows = len(packed)
    words = np.zeros((rows, packed.shape[1] // BIN_WIDTH, 4), dtype=np.uint8)
    words[:, :, :BIN_WIDTH] = packed.reshape(rows, -1, BIN_WIDTH)
    numbers = words.reshape(rows, -1).view("<u4")
    eights = [(numbers >> np.uint32(BIN_WIDTH * place)) & np.uint32(7) for place in range(8)]
    return np.stack(eights, axis=-1).reshape(rows, -1)[:, :count].astype(np.uint8)


def packed_page(count: int, packed: bytes) -> bytes:
    """Return a data page of one bit-packed run of codes."""
    return page_head(count, len(packed)) + packed


def page_head(count: int, size: int) -> bytes:
    """Return what stands in a page of packed codes before them: all but the codes is the same for a count."""
    run = bytes([BIN_WIDTH]) + varint(-(-count // 8) << 1 | 1)
    return _page_header(count, len(run) + size, RLE_DICTIONARY) + run


def constant_page(count: int, code: int) -> bytes:
    """Return a data page in which every value has one code."""
    content = bytes([BIN_WIDTH]) + varint(count << 1) + bytes([code])
    return _page_header(count, len(content), RLE_DICTIONARY) + content


def text_page(texts: Sequence[str]) -> bytes:
    """Return a data page of plain text."""
    content = length_prefixed(texts)
    return _page_header(len(texts), len(content), PLAIN) + content


def float_page(values: Floats) -> bytes:
    """Return a data page of plain float64."""
    content = np.where(np.isnan(values), np.nan, values + 0.0).astype("<f8").tobytes()
    return _page_header(len(values), len(content), PLAIN) + content


def _page_header(count: int, size: int, encoding: int) -> bytes:
    described = structure(
        number_field(1, I32, count),
        number_field(2, I32, encoding),
        number_field(3, I32, RLE),
        number_field(4, I32, RLE),
    )
    return structure(
        number_field(1, I32, DATA_PAGE),
        number_field(2, I32, size),
        number_field(3, I32, size),
        (5, STRUCT, described),
    )


def _dictionary_page(content: bytes, count: int) -> bytes:
    described = structure(number_field(1, I32, count), number_field(2, I32, PLAIN))
    size = len(content)
    return (
        structure(
            number_field(1, I32, DICTIONARY_PAGE),
            number_field(2, I32, size),
            number_field(3, I32, size),
            (7, STRUCT, described),
        )
        + content
    )


@dataclass(frozen=True)
class ColumnChunk:
    """The pages of one column in a row group; of a column of text with a dictionary, its labels."""

    pages: Sequence[bytes]
    labels: Sequence[str] = ()


class ParquetWriter:
    """Writes row groups as they come, and the footer at the end.

    Parameters
    ----------
    file
        Open for writing, at its beginning.
    columns
        The type of each column, by name, in order: one of `TYPES`.
    index
        The column that pandas takes as the index, if any.
    """

    def __init__(self, file: BinaryIO, columns: Mapping[str, str], index: str | None = "id") -> None:
        self._file = file
        self._columns = {name: TYPES[kind] for name, kind in columns.items()}
        self._index = index
        self._groups: list[bytes] = []
        self._rows = 0
        self._offset = file.write(MAGIC)

    def write_group(self, rows: int, chunks: Iterable[ColumnChunk]) -> None:
        """Write a row group; chunks come in the order of the columns."""
        start, described = self._offset, []
        for (name, kind), chunk in zip(self._columns.items(), chunks, strict=True):
            described.append(self._write_chunk(name, kind, rows, chunk))
        size = self._offset - start
        self._groups.append(
            structure(
                list_field(1, STRUCT, described), number_field(2, I64, size), number_field(3, I64, rows)
            )
        )
        self._rows += rows

    def _write_chunk(self, name: str, kind: ColumnType, rows: int, chunk: ColumnChunk) -> bytes:
        content, count = kind.dictionary, kind.values
        if chunk.labels:
            content, count = length_prefixed(chunk.labels), len(chunk.labels)
        dictionary = _dictionary_page(content, count) if content else b""
        first, data = self._offset, self._offset + len(dictionary)
        self._offset += self._file.write(b"".join([dictionary, *chunk.pages]))
        size = self._offset - first
        encodings = [PLAIN, RLE_DICTIONARY] if dictionary else [PLAIN]
        described = structure(
            number_field(1, I32, kind.physical),
            list_field(2, I32, [varint(encoding << 1) for encoding in encodings]),
            list_field(3, BINARY, [prefixed(name.encode())]),
            number_field(4, I32, 0),  # uncompressed
            number_field(5, I64, rows),
            number_field(6, I64, size),
            number_field(7, I64, size),
            number_field(9, I64, data),
            *([number_field(11, I64, first)] if dictionary else []),
            (12, STRUCT, NO_NULLS),
        )
        return structure(number_field(2, I64, 0), (3, STRUCT, described))

    def finish(self, sizes: Collection[int] = ()) -> None:
        """Write the footer, padded by a note where the size of the file would be one of `sizes`."""
        footers = (self._footer({"padding": "." * n} if n else {}) for n in count())
        self._file.write(next(footer for footer in footers if self._offset + len(footer) not in sizes))

    def _footer(self, notes: Mapping[str, str]) -> bytes:
        """Return all behind the last row group, with the notes beside the one for pandas."""
        elements = [
            structure(
                number_field(1, I32, kind.physical), number_field(3, I32, 0), text_field(4, name), *kind.notes
            )
            for name, kind in self._columns.items()
        ]
        schema = structure(text_field(4, "schema"), number_field(5, I32, len(elements)))
        noted = {**({"pandas": self._pandas()} if self._index else {}), **notes}
        pairs = [structure(text_field(1, key), text_field(2, text)) for key, text in noted.items()]
        footer = structure(
            number_field(1, I32, 1),
            list_field(2, STRUCT, [schema, *elements]),
            number_field(3, I64, self._rows),
            list_field(4, STRUCT, self._groups),
            list_field(5, STRUCT, pairs),
            text_field(6, CREATED_BY),
        )
        return footer + _LENGTH.pack(len(footer)) + MAGIC

    def _pandas(self) -> str:
        """Return the note by which pandas knows the index."""
        index = {
            "name": self._index,
            "field_name": self._index,
            "pandas_type": "unicode",
            "numpy_type": "object",
            "metadata": None,
        }
        note = {
            "index_columns": [self._index],
            "column_indexes": [],
            "columns": [index],
            "pandas_version": "2.0.0",
        }
        return json.dumps(note, separators=(",", ":"))
