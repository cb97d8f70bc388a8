"""Dot products without rounding error, on any machine and in any order.

A vector is rounded once to a binary grid and then held as two vectors of small integers, stored as
float64 (the error-free splitting of Ozaki, Ogita, Oishi and Rump, *Numerical Algorithms* 59, 2012,
doi:10.1007/s11075-011-9478-1). The integers are so narrow that every product and every partial sum of a
dot product is an integer below 2**53. Such sums are exact in float64 whatever the order of addition, so
BLAS kernel, thread count, block size and row order cannot change a bit.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_BITS = 20
"""Bits of a part at most. The grid then is 2**-41 of the largest value; a finer one would be of no use, as
the quantiles of the normal distribution are known to 2**-44 before they are decided in high precision."""


def part_bits(length: int) -> int:
    """Return the most bits that a part may have when vectors of this length are multiplied.

    Two cross products of at most ``2**(2 * bits)`` are summed over ``length`` entries in one
    accumulator: ``2 * bits + 1 + log2(length) <= 53``. Never more than `MOST_BITS`.
    """
    # float64 holds every integer up to 2**53. One bit of the 53 is for the sum of the two cross products.
    return min((52 - (length - 1).bit_length()) // 2, MOST_BITS)


@dataclass(frozen=True)
class Parts:
    """A vector on a binary grid: ``(high * 2**(bits + 1) + low) * 2**(exponent - 2 * bits - 1)``.

    Attributes
    ----------
    high, low
        Integers of magnitude at most ``2**bits``, as float64.
    bits
        The width of a part, from `part_bits`.
    exponent
        Every value of the vector is at most ``2**exponent`` in magnitude.
    """

    high: Floats
    low: Floats
    bits: int
    exponent: int

    @property
    def unit_exponent(self) -> int:
        """Base-2 logarithm of the grid's spacing."""
        return self.exponent - 2 * self.bits - 1

    def values(self) -> Floats:
        """Put the parts together again. Exact."""
        return scaled_by(combine_sums(self.high, self.low, self.bits), self.unit_exponent)


def scaled_by(values: Floats, exponent: int) -> Floats:
    """Multiply by a power of two: ``np.ldexp``, but several times as fast where the power is a float."""
    return values * 2.0**exponent if abs(exponent) < 1000 else np.ldexp(values, exponent)


def magnitude_exponent(values: Floats) -> int:
    """Return the smallest e for which every value is below ``2**e`` in magnitude (0 for all zeros)."""
    if values.size == 0:
        return 0
    return math.frexp(max(float(values.max()), -float(values.min())))[1]


def split(values: Floats, bits: int, exponent: int | None = None) -> Parts:
    """Round finite values to a grid, half to even, and split them in two parts.

    Parameters
    ----------
    exponent
        Every value is at most two to this power; by default the smallest such of these values.
    """
    # A power of two only moves the binary point: scaling by it rounds nothing.
    exponent = magnitude_exponent(values) if exponent is None else exponent
    scaled = scaled_by(values, bits - exponent)
    high = np.rint(scaled)
    # The remainder is at most a half in magnitude, and exact: so the low part has `bits` bits and a sign.
    scaled -= high
    scaled *= 2.0 ** (bits + 1)
    return Parts(high, np.rint(scaled, out=scaled), bits, exponent)


def combine_sums(high: Floats, low: Floats, bits: int) -> Floats:
    """Add up a vector, in grid units, from the sums of its parts. Exact."""
    # A sum of n grid integers, each at most 2**(2 * bits + 1): `part_bits` keeps it within 2**53.
    return scaled_by(high, bits + 1) + low


def combine_products(high: Floats, cross: Floats, low: Floats, bits: int) -> Floats:
    """Add up a dot product, in grid units, from the exact sums of its parts' products.

    The three exact sums are added from the largest to the smallest: two roundings, always the same.
    """
    step = bits + 1
    return scaled_by(scaled_by(high, step) + cross, step) + low


def total(parts: Parts) -> float:
    """Sum of a vector in grid units."""
    return float(combine_sums(parts.high.sum(), parts.low.sum(), parts.bits))


def dot(left: Parts, right: Parts) -> float:
    """Dot product of two vectors of the same width, in units of both grids multiplied."""
    cross = left.high @ right.low + left.low @ right.high
    return float(combine_products(left.high @ right.high, cross, left.low @ right.low, left.bits))


def mean(values: Floats) -> float:
    """Return the mean with two roundings: that of the exact sum, then that of the quotient."""
    exponent = magnitude_exponent(values)  # summed in [-1, 1], so that no sum overflows
    return math.ldexp(math.fsum(scaled_by(values, -exponent).tolist()) / len(values), exponent)


def recentred(values: Floats, bits: int) -> Floats:
    """Shift values by about their mean, so that the grid is spent on their differences.

    The shift is a multiple of the coarse part's spacing: values that are short binary fractions (a
    target in five bins) stay short, and the low part of their split is zero. Whoever uses the result
    must be indifferent to a shift, or subtract the remaining mean.
    """
    centre = mean(values)
    spread = magnitude_exponent(values - centre)
    spacing = spread - bits
    shift = math.ldexp(round(math.ldexp(centre, -spacing)), spacing)
    return values - shift


def pearson(left: Floats, right: Floats) -> float:
    """Pearson correlation of two vectors from exact sums; NaN when one is constant, empty or not finite."""
    if not (_varies(left) and _varies(right)):
        return math.nan
    count, bits = len(left), part_bits(len(left))
    # Normalised, so that no square overflows; recentred, so that a large mean does not use up the grid.
    x, y = (split(recentred(normalised(values)[0], bits), bits) for values in (left, right))
    covariance = dot(x, y) - total(x) * (total(y) / count)
    # The same operations in the same order as in the engine, so that both round alike.
    return covariance / (math.sqrt(scatter(x)) * math.sqrt(scatter(y)))


def _varies(values: Floats) -> bool:
    """Return whether values are finite and differ. A NaN among them makes both minimum and maximum NaN."""
    if values.size == 0:
        return False
    low, high = values.min(), values.max()
    return bool(low != high and np.isfinite(low) and np.isfinite(high))


def scatter(parts: Parts) -> float:
    """Sum of squared deviations from the mean, in grid units."""
    # Callers recentre first: next to a large mean, this difference would lose most of its digits.
    summed = total(parts)
    return dot(parts, parts) - summed * summed / len(parts.high)


def normalised(values: Floats) -> tuple[Floats, int]:
    """Scale values into [-1, 1] by a power of two, so that nothing overflows later; and its exponent."""
    exponent = magnitude_exponent(values)
    return scaled_by(values, -exponent), exponent


def exact_matvec(matrix: Floats, vector: Floats) -> Floats:
    """(rows,) products of a matrix with a vector, see `exact_matmul`."""
    return np.asarray(exact_matmul(matrix, vector[:, np.newaxis])[:, 0])


def exact_matmul(left: Floats, right: Floats) -> Floats:
    """Product of two matrices whose entries are rounded to a grid, each left row to its own; sums exact.

    A row of the result depends on that row of the left matrix only, whatever the others hold.
    """
    return exact_product(left, split(right, part_bits(left.shape[1])))


def exact_product(left: Floats, right: Parts) -> Floats:
    """Multiply as `exact_matmul` does, with the right matrix split already to `part_bits` of its length."""
    # A grid for each row: a common one would round a small row more coarsely next to a large one.
    rows, exponents = _rows_below_one(left)
    a, bits = split(rows, right.bits), right.bits
    products = combine_products(a.high @ right.high, _cross(a, right), _low(a, right), bits)
    return np.ldexp(products, a.unit_exponent + right.unit_exponent + exponents)


def _rows_below_one(matrix: Floats) -> tuple[Floats, NDArray[np.intc]]:
    """Scale each row by a power of two to a largest magnitude from a half to one; and the exponents."""
    largest = matrix.max(axis=1, keepdims=True, initial=0.0)
    sizes = np.maximum(largest, -matrix.min(axis=1, keepdims=True, initial=0.0))
    _, exponents = np.frexp(sizes)
    return _below_one(matrix, exponents), exponents


def _below_one(matrix: Floats, exponents: NDArray[np.intc]) -> Floats:
    """Divide by two to the power of `exponents`, which broadcast; by a product where that is exact."""
    # Beyond that the factor may be no normal float; ldexp manages, several times slower.
    extreme = np.abs(exponents).max(initial=0) > 1000
    scaled: Floats = np.ldexp(matrix, -exponents) if extreme else matrix * np.ldexp(1.0, -exponents)
    return scaled


def exact_weighted_sum(blocks: Callable[[], Iterable[Floats]], weights: Floats) -> Floats:
    """(columns,) sum of a matrix's rows, each times its weight, with the rows read in blocks.

    The bits are those of ``exact_matvec(matrix.T, weights)`` whatever the blocks: all sums are exact.

    Parameters
    ----------
    blocks
        Returns the rows from the first to the last in blocks (rows, columns). It is called twice, as the
        grid of a column depends on its largest entry.
    weights
        (rows,) at least one.
    """
    sizes = np.max([np.abs(block).max(axis=0) for block in blocks() if len(block)], axis=0)
    _, exponents = np.frexp(sizes)
    bits = part_bits(len(weights))
    shares = split(weights, bits)
    sums, start = np.zeros((3, len(sizes))), 0
    for block in blocks():
        rows = slice(start, start + len(block))
        # The exponent is given: found from the block, the grid would depend on how rows are blocked.
        entries = split(_below_one(block, exponents), bits, exponent=0)
        sums += (
            shares.high[rows] @ entries.high,
            shares.high[rows] @ entries.low + shares.low[rows] @ entries.high,
            shares.low[rows] @ entries.low,
        )
        start = rows.stop
    # The entries were split with exponent 0, so that their unit is 2**(-2 * bits - 1).
    products = combine_products(sums[0], sums[1], sums[2], bits)
    return np.asarray(np.ldexp(products, shares.unit_exponent - 2 * bits - 1 + exponents))


def _cross(a: Parts, b: Parts) -> Floats:
    # Short binary fractions, such as features in bins, have no low part: half of all products is saved.
    cross: Floats = a.low @ b.high
    return cross + a.high @ b.low if b.low.any() else cross


def _low(a: Parts, b: Parts) -> Floats:
    return np.asarray(a.low @ b.low) if b.low.any() else np.zeros((len(a.low), b.low.shape[1]))
