"""One-hot encoding: a column for each value of a column, named as scikit-learn does."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from scorer.scoring.errors import refuse
from scorer.scoring.tables import values_of


def one_hot_encode(df: pd.DataFrame, columns: list[str], dtype: type = np.float64) -> pd.DataFrame:
    """Replace columns of discrete values by one column a value, named ``column_value``, of zeros and ones.

    Parameters
    ----------
    df
        Any table. None and NaN are values too, the last ones.
    columns
        Names of the columns to replace. One that is not a string is named ``x0``.
    dtype
        That of the new columns.

    Raises
    ------
    ScoringInputError
        For an infinity, strings among numbers, or two columns of one name.
    """
    if not isinstance(df, pd.DataFrame):
        refuse("df", "a pandas DataFrame", type(df).__name__, "wrap it in one")
    for column in columns:
        df = df.join(_encoded(df[[column]], dtype)).drop(columns=column)
    return df


def _encoded(table: pd.DataFrame, dtype: type) -> pd.DataFrame:
    """Zeros and ones for a table of one column."""
    if table.shape[1] != 1:
        found = f"{table.shape[1]} named {table.columns[0]!r}"
        refuse("df", "one column of each name", found, "rename them")
    name = table.columns[0]
    values = _encodable(table.iloc[:, 0])
    hits = _hits(values)
    prefix = name if isinstance(name, str) else "x0"
    names = [f"{prefix}_{category}" for category in hits]
    zeros_and_ones = np.array(list(hits.values())).reshape(len(hits), len(values)).T
    return pd.DataFrame(zeros_and_ones.astype(dtype), index=table.index, columns=names)


def _encodable(column: pd.Series) -> NDArray[Any]:
    """Return values as scikit-learn takes them: extension types of numbers and bools as float64."""
    extension = not isinstance(column.dtype, np.dtype)
    if extension and (is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype)):
        values: NDArray[Any] = values_of("df", column)
    else:
        values = column.to_numpy()
    if values.dtype.kind == "f" and np.isinf(values).any():
        refuse("df", "finite values", f"infinity in {column.name!r}", "replace it")
    return values


def _hits(values: NDArray[Any]) -> dict[str, NDArray[np.bool_]]:
    """Name of each different value, ascending, and where it stands; None and NaN come last."""
    missing = np.asarray(pd.isna(values))
    none = np.array([value is None for value in values], dtype=np.bool_)
    found = {}
    for category in _ascending(values[~missing]):
        hits = np.zeros(len(values), dtype=np.bool_)
        hits[~missing] = values[~missing] == category
        found[str(category)] = hits
    absent = {"None": none, "nan": missing & ~none}
    return found | {name: hits for name, hits in absent.items() if hits.any()}


def _ascending(values: NDArray[Any]) -> list[Any]:
    if values.dtype != object:
        return list(np.unique(values))
    try:
        return sorted(set(values))
    except TypeError as error:
        refuse("df", "strings or numbers, not both", str(error), "convert the column to one type")
