"""Predictions of many models that are read block by block, from memory or elsewhere."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Block = TypeVar("Block", bound=np.generic)


@runtime_checkable
class Rows(Protocol):
    """Predictions of shape (models, ids) that need not be in memory.

    Every function of this package that takes submissions reads them in blocks of rows, so an object that
    loads a block on demand serves as well as a numpy array.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape (models, ids)."""
        ...

    @property
    def dtype(self) -> "np.dtype[Any]":
        """The type, float64 or float32."""
        ...

    def __len__(self) -> int:
        """Return the number of models."""
        ...

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        """Read the predictions of some models, shape (rows, ids)."""
        ...


def row_blocks(models: int, size: int) -> Sequence[slice]:
    """Split the rows 0 to `models` in blocks of at most `size`."""
    return [slice(start, min(start + size, models)) for start in range(0, models, size)]
