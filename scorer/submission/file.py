"""Reads a submission file, CSV or Parquet, within bounds that the universe sets.

What is read here was written by a stranger: nothing outside of a child process calls it on such a file, see
`scorer.submission.reader`.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.submission.table import (
    PARQUET_MAGIC,
    SHOWN,
    ColumnLayout,
    SubmissionRefused,
    SubmissionTable,
    check_rows,
    check_size,
    counted,
    no_table,
    parser_words,
    shown,
)

LONGEST_NUMBER: Final = 1_500
"""Most characters of a number: float64 has 1,077 digits at most, and reading takes the square of a length."""
OTHER_CONTENT: Final = (
    (b"\x1f\x8b", "data packed by gzip; unpack it first"),
    (b"BZh", "data packed by bzip2; unpack it first"),
    (b"\xfd7zXZ", "data packed by xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "data packed by zstd; unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (b"\xff\xfe", "text in UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "text in UTF-16; save it as UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save it as CSV"),
    (b"ARROW1", "an Arrow or Feather file; save it as Parquet"),
    (b"FEA1", "a Feather file; save it as Parquet"),
    (b"\x89HDF", "an HDF5 file; save it as Parquet"),
    (b"ORC", "an ORC file; save it as Parquet"),
    (b"SQLite format 3", "a SQLite database; save a table as CSV"),
    (b"\x80\x04", "a Python pickle; save it as CSV or Parquet"),
    (b"\x80\x05", "a Python pickle; save it as CSV or Parquet"),
    (b"%PDF", "a PDF document"),
)
"""The first bytes of files that are neither, and what such files are."""


def read_table(content: bytes, layout: ColumnLayout, name: str, *, ids: int) -> SubmissionTable:
    """Read a submission file, CSV in UTF-8 or Parquet, as far as its columns and types go.

    Parameters
    ----------
    ids
        How many the universe has: it bounds what is read, and what a small file may unpack to.

    Raises
    ------
    SubmissionRefused
        When it is empty, unreadable, too large, of other columns, or holds what is no number or no id.
    """
    if not content:
        raise SubmissionRefused(name, "a CSV or Parquet file", "an empty file")
    check_size(len(content), ids, name)
    table = (_read_parquet if content.startswith(PARQUET_MAGIC) else _read_csv)(content, layout, name, ids)
    if "" in table.ids:
        raise SubmissionRefused(name, "an id in every row", f"{table.ids.count('')} rows without")
    return table


def _read_parquet(content: bytes, layout: ColumnLayout, name: str, count: int) -> SubmissionTable:
    # Who only asks others to read needs no pyarrow, which takes a tenth of a member's start.
    from scorer.submission.parquet import read_parquet

    return read_parquet(content, layout, name, count)


def _other_content(content: bytes) -> str | None:
    """Return what a file is, where it begins like one that is neither CSV nor Parquet."""
    if content.startswith(b"PK\x03\x04"):
        is_workbook = b"[Content_Types].xml" in content or b"xl/" in content
        return "an Excel workbook; save it as CSV" if is_workbook else "a zip archive; unpack it first"
    # Every other byte is zero: plain letters in UTF-16, without its mark at the beginning.
    if content[1::2][:20] == bytes(20) or content[::2][:20] == bytes(20):
        return "text in UTF-16; save it as UTF-8"
    kinds = (kind for begin, kind in OTHER_CONTENT if content.startswith(begin))
    return next(kinds, None)


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise no_table(name, error) from None


def _read_csv(content: bytes, layout: ColumnLayout, name: str, count: int) -> SubmissionTable:
    """Read text of two columns. Every character counts: an id such as NA or 007 is that text."""
    other = _other_content(content)
    if other is not None:
        raise no_table(name, other)
    rows = _csv_rows(_decoded(content, name), name)
    header = next(rows, [])
    id_column, prediction = layout.columns(header, name)
    at, value_at = header.index(id_column), header.index(prediction)
    ids, texts = [], []
    for number, row in enumerate(rows, start=1):
        check_rows(number, count, name)
        if len(row) != len(header):
            expected = f"{len(header)} values in every row"
            raise SubmissionRefused(name, expected, f"{len(row)} in row {number} below the header")
        ids.append(row[at])
        texts.append(row[value_at])
    return SubmissionTable(id_column, ids, _numbers(texts, ids, prediction, name))


def _csv_rows(text: str, name: str) -> Iterator[list[str]]:
    """Yield the rows that are not blank."""
    try:
        yield from filter(None, csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise no_table(name, parser_words(error)) from None


def _number(text: str) -> float:
    """Return the float64 nearest to a decimal text, NaN for an empty one; ValueError for any other text."""
    # float() also takes 0_5 and digits of other scripts, which no other reader of CSV does.
    if not text.isascii() or "_" in text or len(text) > LONGEST_NUMBER:
        raise ValueError(text)
    return float(text) if text else np.nan


def _numbers(texts: Sequence[str], ids: Sequence[str], column: str, name: str) -> NDArray[np.float64]:
    wrong: list[int] = []
    numbers = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        try:
            numbers[row] = _number(text)
        except ValueError:
            wrong.append(row)
    if wrong:
        examples = [f"{shown(texts[row])} for {shown(ids[row])}" for row in wrong[:SHOWN]]
        raise SubmissionRefused(
            name, f"numbers in the column {column}", f"other text: {counted(examples, len(wrong))}"
        )
    return numbers
