"""Whole numbers on a grid, and their big-endian bytes without gaps."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.exact import Parts

GRID_BYTES: Final = 6
"""Bytes of a number on a grid of `scorer.scoring.exact`, which has 41 bits at most."""


def grid_integers(parts: Parts) -> NDArray[np.int64]:
    """Return the vector of `parts` in units of its grid."""
    # High and low part together have 2 * bits + 1 bits, at most 41: int64 holds them.
    step = 1 << (parts.bits + 1)
    return parts.high.astype(np.int64) * step + parts.low.astype(np.int64)


def six_bytes(numbers: Iterable[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return numbers in two's complement of 48 bits, most significant byte first, shape (numbers, 6)."""
    array = np.asarray(list(numbers) if not isinstance(numbers, np.ndarray) else numbers, dtype=np.int64)
    if len(array) and not (array.min() >= -(2**47) and array.max() < 2**47):
        raise ValueError(f"expected numbers of 48 bits, found some from {array.min()} to {array.max()}")
    return array.astype(">i8").view(np.uint8).reshape(-1, 8)[:, 8 - GRID_BYTES :]


def two_bytes(numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return numbers from 0 to 65,535, most significant byte first, shape (numbers, 2)."""
    if len(numbers) and not (numbers.min() >= 0 and numbers.max() < 2**16):
        raise ValueError(f"expected numbers of 16 bits, found some from {numbers.min()} to {numbers.max()}")
    return numbers.astype(">u2").view(np.uint8).reshape(-1, 2)
