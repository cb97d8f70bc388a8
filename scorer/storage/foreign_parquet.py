"""Reads tables that any library wrote as Parquet, by pyarrow."""

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scorer.protocol.documents import shown
from scorer.storage.schemas import Column


class NotParquet(ValueError):
    """A file cannot be read as Parquet."""


def read_foreign(content: bytes) -> dict[str, Column]:
    """Read the columns of a Parquet file, whoever wrote it.

    Raises
    ------
    NotParquet
        When it is no Parquet file, or two of its columns have one name.
    """
    try:
        # Not read_table, which imports pandas: in a process for this one file, half a second each time.
        table = pq.ParquetFile(io.BytesIO(content)).read(use_threads=False)
        return dict(zip(_once(table.column_names), map(_column, table.columns), strict=True))
    except Exception as error:  # noqa: BLE001 - pyarrow raises many types for a file that is not Parquet
        raise NotParquet(f"expected a Parquet file, found {error}") from None


def _once(names: Sequence[str]) -> Sequence[str]:
    if len(set(names)) != len(names):
        raise ValueError(f"columns that have one name: {shown(sorted(names))}")
    return names


def _column(column: pa.ChunkedArray) -> Column:
    """Text without gaps as a tuple; anything else as numpy holds it."""
    if column.null_count == 0 and (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return tuple(column.to_pylist())
    if column.null_count == 0 and (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        # The same as below, which imports pandas too.
        return np.from_dlpack(column.combine_chunks()).copy()
    return np.asarray(column.to_numpy(zero_copy_only=False))
