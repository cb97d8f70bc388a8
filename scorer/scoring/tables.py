"""Converts pandas objects of any types to tables of floats whose labels are compared by value.

The same ids come as Python objects, as strings of numpy, Python or pyarrow, or as categories, and the same
numbers as numpy's, pandas' or pyarrow's types, decimals or Python objects. None of that may change a score.
"""

from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype, is_object_dtype

from scorer.scoring.errors import refuse
from scorer.scoring.exact import Floats

NUMBERS = (Real, Decimal, np.bool_)


def frame_of(name: str, value: object) -> pd.DataFrame:
    """Convert a DataFrame to numpy's numbers, with NaN for what is missing; labels stay as they are.

    Parameters
    ----------
    name
        The argument, for the error.
    value
        Columns of numpy's numbers and bools are taken as they are; other numbers become float64.

    Raises
    ------
    ScoringInputError
        When it is no DataFrame, or holds something else than real numbers.
    """
    if not isinstance(value, pd.DataFrame):
        refuse(name, "a pandas DataFrame indexed by id", type(value).__name__, "wrap it in one")
    if is_plain(value):
        return value
    columns = [_floats(name, value.iloc[:, position]) for position in range(value.shape[1])]
    return pd.DataFrame(np.column_stack(columns), index=value.index, columns=value.columns)


def series_of(name: str, value: object) -> pd.Series:
    """Convert a Series as `frame_of` does a DataFrame."""
    if not isinstance(value, pd.Series):
        refuse(name, "a pandas Series indexed by id", type(value).__name__, "take one column of it")
    if _is_plain(value.dtype):
        return value
    return pd.Series(_floats(name, value), index=value.index, name=value.name)


def rows_of(name: str, frame: object) -> Floats:
    """Return the (columns, ids) values of a table."""
    return np.ascontiguousarray(frame_of(name, frame).to_numpy(dtype=np.float64).T)


def values_of(name: str, series: object) -> Floats:
    """Return the (ids,) values of a Series."""
    return series_of(name, series).to_numpy(dtype=np.float64)


def array_of(name: str, values: object) -> Floats:
    """Convert an array of numbers, also of Python objects, to float64."""
    array = np.asarray(values)
    if array.dtype != object:
        return array.astype(np.float64)
    return _floats_of_objects(name, pd.Series(array.ravel(), dtype=object)).reshape(array.shape)


def is_plain(frame: pd.DataFrame) -> bool:
    """Return whether a table holds numpy's numbers and bools only."""
    return all(_is_plain(dtype) for dtype in frame.dtypes)


def _is_plain(dtype: object) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "fiub"


def _floats(name: str, column: pd.Series) -> Floats:
    if is_object_dtype(column.dtype):
        return _floats_of_objects(name, column)
    real = is_numeric_dtype(column.dtype) and not np.issubdtype(column.dtype.type, np.complexfloating)
    if not (real or is_bool_dtype(column.dtype)):
        refuse(name, "numbers", f"dtype {column.dtype}", "convert it to float64")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _floats_of_objects(name: str, column: pd.Series) -> Floats:
    present = column[column.notna().to_numpy()]
    for kind in {type(value) for value in present}:
        if not issubclass(kind, NUMBERS):
            refuse(name, "numbers", f"dtype {column.dtype} with a {kind.__name__}", "convert it to float64")
    values = np.full(len(column), np.nan)
    try:
        values[column.notna().to_numpy()] = [float(value) for value in present]
    except (OverflowError, ValueError) as error:
        refuse(name, "numbers that float64 can hold", str(error), "convert it to float64")
    return values


def same_labels(left: pd.Index, right: pd.Index) -> bool:
    """Return whether two indices hold the same labels in the same order, in any types.

    A missing label equals no label, itself included, as in ``numerai_tools``.
    """
    if len(left) != len(right) or _misses_labels(left) or _misses_labels(right):
        return False
    return bool(left.equals(right)) or _objects(left) == _objects(right)


def _misses_labels(index: pd.Index) -> bool:
    return not isinstance(index, pd.MultiIndex) and index.hasnans


def _objects(index: pd.Index) -> list[object]:
    return index.astype(object).tolist()


def require_unique(name: str, labels: pd.Index, what: str = "id") -> None:
    """Refuse labels that occur twice."""
    if labels.has_duplicates:
        twice = labels[labels.duplicated()][0]
        refuse(name, f"each {what} once", f"{twice!r} more than once", "drop the duplicates")


def require_sorted(name: str, index: pd.Index) -> None:
    """Refuse labels that do not ascend."""
    if not index.is_monotonic_increasing:
        refuse(name, "a sorted index", "an unsorted one", "call sort_index() first")
