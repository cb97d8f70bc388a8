"""Memory that the kernels of numpy read and write fastest."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

CACHE_LINE = 64
"""A cache line has 64 bytes; numpy's own arrays begin 16 into one, so that wide loads cross into the next."""


def aligned(shape: tuple[int, ...], dtype: Any = np.float64) -> NDArray[Any]:
    """Allocate an array of this shape, not filled, that begins at the start of a cache line."""
    size = prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + CACHE_LINE, dtype=np.uint8)
    begin = -raw.ctypes.data % CACHE_LINE
    found: NDArray[Any] = raw[begin : begin + size].view(dtype).reshape(shape)
    return found


def aligned_copy(values: NDArray[Any]) -> NDArray[Any]:
    """Copy an array to memory that begins at the start of a cache line."""
    copy = aligned(values.shape, values.dtype)
    copy[...] = values
    return copy
