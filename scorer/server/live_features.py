"""Reads the features of a live era from its file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow.parquet as pq

ID: Final = "id"
FEATURE: Final = "feature"
"""The beginning of the name of a feature's column."""


def features_of(path: Path, ids: Sequence[str]) -> pd.DataFrame | None:
    """Return the features in a live file that has these very ids, in their order; None for any other file."""
    if _ids_of(path, len(set(ids))) != set(ids):
        return None
    names = [name for name in pq.read_schema(path).names if name.startswith(FEATURE)]
    table: pd.DataFrame = pq.read_table(path, columns=[ID, *names]).to_pandas(ignore_metadata=True)
    return table.set_index(ID).loc[pd.Index(ids, name=ID)]


def _ids_of(path: Path, count: int) -> set[str]:
    """Return the ids of a live file of so many rows; none of a file of others, or of another form."""
    file = pq.ParquetFile(path)
    if file.metadata.num_rows != count or ID not in file.schema_arrow.names:
        return set()
    return set(file.read([ID]).column(ID).to_pylist())
