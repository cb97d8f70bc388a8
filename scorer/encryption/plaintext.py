"""The plaintext of a submission: one IEEE 754 double an id, little-endian, in the order of the universe.

Each prediction lies in [0, 1] and has one spelling: zero has no sign. Of all 2^64 patterns of bits those are
the patterns from 0 to that of 1.0, read as a whole number (IEEE 754-2019, section 5.10: the bits of numbers
that are not negative ascend as the numbers do). So one comparison refuses NaN, infinities, negative numbers,
-0.0 and numbers above 1.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.encryption.errors import PlaintextRefused

SIZE: Final = 8
"""Bytes of a prediction."""
MOST_IDS: Final = 1 << 20
"""Ids of a universe: 8 MiB of plaintext, 170 times the universe of 6,000 ids."""
_LITTLE: Final = np.dtype("<f8")
_ONE: Final = np.float64(1).view(np.uint64)

Floats = NDArray[np.float64]


def encode(predictions: Floats) -> bytes:
    """Spell predictions as a plaintext; -0.0 becomes 0.0, as it does in the content hash.

    Parameters
    ----------
    predictions
        In the order of the universe, shape (ids,) float64, each in [0, 1].

    Returns
    -------
    bytes
        8 bytes an id.

    Raises
    ------
    PlaintextRefused
        When predictions have another type or shape, or one is NaN or outside [0, 1].
    """
    if predictions.dtype.name != "float64" or predictions.ndim != 1:
        raise PlaintextRefused(
            "expected predictions in float64 of one dimension, "
            f"found {predictions.dtype} of {predictions.ndim}"
        )
    _check_count(len(predictions))
    canonical = np.where(predictions == 0, 0.0, predictions)
    _refuse_outside(canonical)
    return canonical.astype(_LITTLE, copy=False).tobytes()


def decode(content: bytes, ids: int) -> Floats:
    """Read a plaintext.

    Parameters
    ----------
    content
        Exactly 8 bytes an id.
    ids
        How many ids the universe has.

    Returns
    -------
    ndarray
        Shape (ids,) float64, each in [0, 1]; read-only.

    Raises
    ------
    PlaintextRefused
        When the size is another, or the bytes are none that `encode` writes.
    """
    _check_count(ids)
    if len(content) != SIZE * ids:
        raise PlaintextRefused(f"expected {SIZE * ids} bytes for {ids} ids, found {len(content)}")
    predictions = np.frombuffer(content, dtype=_LITTLE).astype(np.float64, copy=False)
    _refuse_outside(predictions)
    predictions.flags.writeable = False
    return predictions


def _check_count(ids: int) -> None:
    if not 1 <= ids <= MOST_IDS:
        raise PlaintextRefused(f"expected from 1 to {MOST_IDS} ids, found {ids}")


def _refuse_outside(predictions: Floats) -> None:
    """Refuse whatever is not in [0, 1]; the message names a place, and no prediction."""
    is_outside = np.ascontiguousarray(predictions).view(np.uint64) > _ONE
    if is_outside.any():
        raise PlaintextRefused(
            "expected a number from 0 to 1, and zero without a sign, for each id; found another for "
            f"{np.count_nonzero(is_outside)} ids, first at place {int(np.argmax(is_outside))}"
        )
