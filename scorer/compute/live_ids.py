"""Reads the ids of a file of live data in a child process; the module imports little, for a zygote's sake."""

from pathlib import Path
from typing import Final

from scorer.isolation import ReadResult, imports

INDICES: Final = ("id", "numerai_ticker", "symbol")


@imports("pyarrow.parquet")
def read_ids(path: Path) -> ReadResult:
    """Read the ids of a file of live data, a line each; none where it has no column of ids."""
    import pyarrow.parquet as pq  # declared above: the node itself has no use for it

    # Not read_table, which imports pandas.
    file = pq.ParquetFile(path)
    names = file.schema_arrow.names
    column = next((name for name in INDICES if name in names), None)
    if column is None:
        return ReadResult()
    ids = file.read(columns=[column], use_threads=False).column(column).to_pylist()
    return ReadResult({}, ("\n".join(map(str, ids)).encode(),))
