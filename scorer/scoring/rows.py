"""Predictions of many models that are read row by row, from wherever they are."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Block = TypeVar("Block", bound=np.generic)


@runtime_checkable
class Rows(Protocol):
    """Predictions of shape (models, ids) that need not be in memory.

    Every function of this package that takes submissions reads them in blocks of rows; a numpy array serves,
    and so does whatever loads a block when it is asked for one.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(models, ids)."""
        ...

    @property
    def dtype(self) -> "np.dtype[Any]":
        """float64 or float32."""
        ...

    def __len__(self) -> int:
        """How many models."""
        ...

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        """The predictions of some models, shape (rows, ids)."""
        ...


def row_blocks(models: int, size: int) -> Sequence[slice]:
    """The rows 0 to `models` in blocks of at most `size`."""
    return [slice(start, min(start + size, models)) for start in range(0, models, size)]
