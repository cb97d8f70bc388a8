"""Numbers on a fixed binary grid: logarithms that are the same on every machine, and sums without an order.

Prices enter features through their logarithm in steps of 2**-32, held as int64. Sums of such integers are
exact, so that the sum over any window is a difference of two running sums, whatever block of sessions they
were computed in. Libraries differ in the last bits of ``log``: where its error bound straddles the edge
between two steps, the step is decided in high precision, as `scorer.scoring.quantiles` does for quantiles.
"""

from functools import cache
from typing import Final

import mpmath
import numpy as np
from numpy.typing import NDArray

from scorer.scoring.exact import Floats, magnitude_exponent, scaled_by

Integers = NDArray[np.int64]

LOG_BITS: Final = 32
"""A logarithm is held in steps of two to minus this power: 2.3e-10."""
LOG_ERROR: Final = 2.0**-49
"""A bound on the error of ``np.log``, as a share of the result and at least of 1: eight units in the last
place, where numpy's own tests allow four."""
DECIDING_PRECISION: Final = 120
SUM_BITS: Final = 53
"""Whole numbers of this many bits are exact in float64."""


def fixed_log(values: Floats) -> Integers:
    """Return the natural logarithm of positive finite values in steps of 2**-32; 0 for all others."""
    usable = np.isfinite(values) & (values > 0)
    scaled = np.log(np.where(usable, values, 1.0)) * 2.0**LOG_BITS
    steps = np.floor(scaled)
    steps += scaled - steps > 0.5
    near = np.abs(scaled - np.floor(scaled) - 0.5) <= LOG_ERROR * np.maximum(np.abs(scaled), 2.0**LOG_BITS)
    for place in np.flatnonzero(near & usable).tolist():
        steps.flat[place] = _decided(float(values.flat[place]))
    return steps.astype(np.int64)


def _decided(value: float) -> int:
    """Return the nearest step of a logarithm, from 120 bits of it."""
    context = _deciding()
    return int(context.nint(context.log(context.mpf(value)) * 2**LOG_BITS))


@cache
def _deciding() -> mpmath.MPContext:
    """A context of high precision; to make one takes a hundred times as long as a logarithm."""
    context = mpmath.MPContext()
    context.prec = DECIDING_PRECISION
    return context


def fixed_growth(steps: Integers) -> Floats:
    """Return simple returns, to the nearest step, from log returns in steps of 2**-32."""
    scaled = np.expm1(steps.astype(np.float64) * 2.0**-LOG_BITS) * 2.0**LOG_BITS
    rounded = np.rint(scaled)
    near = np.abs(np.abs(scaled - np.floor(scaled)) - 0.5) <= LOG_ERROR * np.maximum(np.abs(scaled), 1.0)
    context = _deciding()
    for place in np.flatnonzero(near).tolist():
        exact = context.expm1(context.mpf(int(steps.flat[place])) / 2**LOG_BITS)
        rounded.flat[place] = int(context.nint(exact * 2**LOG_BITS))
    return np.asarray(rounded * 2.0**-LOG_BITS)


def running_sums(rows: Integers) -> Integers:
    """Return (rows + 1, columns) sums of all rows before each: row 0 is zero."""
    sums = np.zeros((len(rows) + 1, *rows.shape[1:]), dtype=np.int64)
    # Row by row: four times as fast as a cumulative sum along the first axis.
    for before, row, after in zip(sums, rows, sums[1:], strict=False):
        np.add(before, row, out=after)
    return sums


def on_grid(values: Floats) -> Floats:
    """Round finite values to whole steps of a grid so fine that their sum is below 2**53 steps.

    The sum of the result, and of any part of it, is exact in any order. The step depends on the number of
    values and the largest of them.
    """
    bits = SUM_BITS - 1 - max(len(values) - 1, 1).bit_length()
    return np.rint(scaled_by(values, bits - magnitude_exponent(values)))


def group_sums(values: Floats, codes: Integers, groups: int) -> Floats:
    """Return the sum of each group of `values` on a grid (`on_grid`); exact."""
    return np.asarray(np.bincount(codes, weights=values, minlength=groups), dtype=np.float64)


def demeaned(values: Floats, codes: Integers, counts: Integers) -> Floats:
    """Return finite values less the mean of their group, in steps of a grid of their own.

    Parameters
    ----------
    codes
        The group of each value, a position in `counts`.
    counts
        How many values each group has.
    """
    steps = on_grid(values)
    means = group_sums(steps, codes, len(counts)) / np.maximum(counts, 1)
    return np.asarray(steps - means[codes])
