"""Reads a submission's two columns from a Parquet file, in batches, as far as its bounds go.

What the file says of its own sizes is not relied on, and the metadata of its column chunks is not looked at:
pyarrow's constructors of those end the process for a file that contradicts itself. Rows and bytes are counted
as they come. A page that unpacks to more than it may is stopped by the process's limit of memory.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scorer.submission.table import (
    ColumnLayout,
    SubmissionRefused,
    SubmissionTable,
    check_rows,
    check_size,
    no_table,
    parser_words,
)

LONGEST_ID: Final = 1_000
"""Most bytes of an id. Parquet says in a few bytes that an id of any length is repeated in every row."""
BATCH: Final = 8_192
"""Rows that are read at once where ids are references into a dictionary."""
PLAIN_BATCH: Final = 256
"""Rows that are read at once where each id is unpacked."""
T = TypeVar("T")
T_NUMBER = TypeVar("T_NUMBER", np.float64, np.uint8)


def read_parquet(content: bytes, layout: ColumnLayout, name: str, count: int) -> SubmissionTable:
    """Read two of the columns that the file holds, whatever a library noted beside them about an index."""
    return _parsed(lambda: _read(content, layout, name, count), name)


def _parsed(parse: Callable[[], T], name: str) -> T:
    try:
        return parse()
    except (SubmissionRefused, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - every parser failure means the same: not a table
        raise no_table(name, parser_words(error)) from None


def _read(content: bytes, layout: ColumnLayout, name: str, count: int) -> SubmissionTable:
    file = pq.ParquetFile(pa.BufferReader(content))
    id_column, prediction = layout.columns(file.schema_arrow.names, name)
    _check_types(file.schema_arrow, id_column, prediction, name)
    check_rows(file.metadata.num_rows, count, name)
    table = _two_columns(content, [id_column, prediction], name, count)
    ids = _texts(table.column(id_column), name)
    return SubmissionTable(id_column, ids, _numbers(table.column(prediction)))


def _check_types(schema: pa.Schema, id_column: str, prediction: str, name: str) -> None:
    id_type, prediction_type = schema.field(id_column).type, schema.field(prediction).type
    if not _is_numeric(prediction_type):
        raise SubmissionRefused(name, f"numbers in the column {prediction}", f"the type {prediction_type}")
    if not _is_text_or_whole(id_type):
        raise SubmissionRefused(name, f"text in the column {id_column}", f"the type {_value_type(id_type)}")


def _two_columns(content: bytes, wanted: list[str], name: str, count: int) -> pa.Table:
    """Ids stay references into what the file holds once, except in encodings that have no dictionary.

    Such are DELTA_BYTE_ARRAY and DELTA_LENGTH_BYTE_ARRAY: that pyarrow cannot is said by an OSError.
    """
    try:
        return _batches(content, wanted, name, count, dictionary=[wanted[0]], rows=BATCH)
    except (pa.ArrowException, OSError):
        return _batches(content, wanted, name, count, dictionary=[], rows=PLAIN_BATCH)


def _batches(
    content: bytes, wanted: list[str], name: str, count: int, *, dictionary: list[str], rows: int
) -> pa.Table:
    """Return all rows, unless they are too many or take too many bytes."""
    file = pq.ParquetFile(pa.BufferReader(content), read_dictionary=dictionary)
    batches, found, unpacked = [], 0, 0
    for batch in file.iter_batches(batch_size=rows, columns=wanted, use_threads=False):
        found += batch.num_rows
        unpacked += batch.nbytes
        check_rows(found, count, name)
        check_size(unpacked, count, name)
        # A reference may point beyond its dictionary, which pyarrow checks only when it is asked to.
        batch.validate(full=True)
        _check_longest(batch.column(wanted[0]), wanted[0], name)
        batches.append(batch)
    if not batches:
        return pa.Table.from_batches([], file.schema_arrow).select(wanted)  # `empty_table` imports pandas
    return pa.Table.from_batches(batches)


def _check_longest(ids: pa.Array, id_column: str, name: str) -> None:
    """Refuse a long id before it is repeated."""
    if not pa.types.is_dictionary(ids.type) or pa.types.is_integer(ids.type.value_type):
        return
    longest = pc.max(pc.binary_length(ids.dictionary)).as_py() or 0
    if longest > LONGEST_ID:
        expected = f"ids of at most {LONGEST_ID} bytes in the column {id_column}"
        raise SubmissionRefused(name, expected, f"one of {longest}")


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text_or_whole(kind: pa.DataType) -> bool:
    value = _value_type(kind)
    is_text = pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)
    return bool(is_text or pa.types.is_integer(value))


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return a column of numbers as float64, NaN where it has none.

    From its buffers, because `to_numpy` and scalars of pyarrow import pandas, in each child process.
    """
    # Rounds whole numbers beyond 2**53 instead of failing at them: the check of [0, 1] refuses them later.
    floats = column.cast(pa.float64(), safe=False)
    return np.concatenate([np.empty(0), *(_plain(chunk) for chunk in floats.chunks if len(chunk))])


def _plain(chunk: pa.Array) -> NDArray[np.float64]:
    # pyarrow's buffers are read-only.
    values = _buffer(chunk, np.float64).copy()
    if chunk.null_count:
        values[_buffer(chunk.is_null().cast(pa.uint8()), np.uint8) == 1] = np.nan
    return values


def _buffer(chunk: pa.Array, kind: type[T_NUMBER]) -> NDArray[T_NUMBER]:
    return np.frombuffer(chunk.buffers()[1], kind)[chunk.offset : chunk.offset + len(chunk)]


def _texts(column: pa.ChunkedArray, name: str) -> list[str]:
    """Return a column of ids as text; whole numbers become their digits."""
    if column.null_count:
        raise SubmissionRefused(name, "an id in every row", f"{column.null_count} rows without")
    return [str(value) for value in column.to_pylist()]
