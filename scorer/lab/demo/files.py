"""Submission files as data scientists send them: good ones in two formats, and every kind of broken one."""

import io
from collections.abc import Callable
from enum import StrEnum
from typing import Literal

import pandas as pd

FileFormat = Literal["csv", "parquet"]

COLUMNS = ("id", "prediction")


class BrokenKind(StrEnum):
    """Faults of a submission file."""

    UNREADABLE = "unreadable bytes"
    EMPTY = "empty file"
    MISSING_IDS = "missing ids"
    DUPLICATE_IDS = "duplicate ids"
    UNKNOWN_IDS = "unknown ids"
    NAN = "NaN"
    INFINITY = "infinity"
    OUT_OF_RANGE = "out of [0, 1]"
    WRONG_COLUMNS = "wrong columns"


def write_submission(predictions: pd.Series, file_format: FileFormat) -> bytes:
    """Return a submission file.

    Parameters
    ----------
    predictions : pd.Series
        Predictions in (0, 1) by id.
    file_format : {"csv", "parquet"}
        How to write them.

    Returns
    -------
    bytes
        Two columns, id and prediction, in the order of the ids.
    """
    table = pd.DataFrame({"id": predictions.index, "prediction": predictions.to_numpy()})
    buffer = io.BytesIO()
    if file_format == "parquet":
        table.to_parquet(buffer, index=False)
    else:
        table.to_csv(buffer, index=False)
    return buffer.getvalue()


def evenly_spread(ids: pd.Index) -> pd.DataFrame:
    """Return a table that would be a valid submission: ranks in the order of the ids."""
    ranks = (pd.RangeIndex(len(ids)).to_numpy() + 0.5) / len(ids)
    return pd.DataFrame({"id": ids.to_numpy(), "prediction": ranks})


def with_second_prediction(table: pd.DataFrame, value: float) -> pd.DataFrame:
    """Return the table with another value in its second row."""
    spoilt = table.copy()
    spoilt.loc[1, "prediction"] = value
    return spoilt


def with_second_id(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the table with another id in its second row."""
    spoilt = table.copy()
    spoilt.loc[1, "id"] = name
    return spoilt


SPOIL: dict[BrokenKind, Callable[[pd.DataFrame], pd.DataFrame]] = {
    BrokenKind.MISSING_IDS: lambda table: table.iloc[: len(table) // 2],
    BrokenKind.DUPLICATE_IDS: lambda table: with_second_id(table, str(table.loc[0, "id"])),
    BrokenKind.UNKNOWN_IDS: lambda table: with_second_id(table, "NO SUCH ID"),
    BrokenKind.NAN: lambda table: with_second_prediction(table, float("nan")),
    BrokenKind.INFINITY: lambda table: with_second_prediction(table, float("inf")),
    BrokenKind.OUT_OF_RANGE: lambda table: with_second_prediction(table, 1.5),
    BrokenKind.WRONG_COLUMNS: lambda table: table.rename(columns={"prediction": "forecast"}),
}


def broken_file(kind: BrokenKind, ids: pd.Index) -> bytes:
    """Return a file, meant as CSV, that must be refused.

    Parameters
    ----------
    kind : BrokenKind
        The one thing that is wrong with it.
    ids : pd.Index
        At least two ids of the round.
    """
    if kind is BrokenKind.EMPTY:
        return b""
    if kind is BrokenKind.UNREADABLE:
        return bytes(range(128, 256)) * 8
    return SPOIL[kind](evenly_spread(ids)).to_csv(index=False).encode()


def broken_kind_of(era_number: int) -> BrokenKind:
    """Return the kind for an era: each in turn, so that nine weeks show them all."""
    kinds = list(BrokenKind)
    return kinds[era_number % len(kinds)]
