"""Quantiles of the normal distribution for every possible rank, the same on every machine."""

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import mpmath
import numpy as np

from scorer.scoring.exact import Floats, Parts, magnitude_exponent, part_bits, split
from scorer.scoring.ranks import Indices

QUANTILE_ERROR = 2.0**-44
"""A bound on the error of `statistics.NormalDist.inv_cdf` (Wichura's AS 241, about one unit in the last
place) with the error of its argument: 5.7e-14 where some 4e-15 was measured. An entry closer than this to
the edge between two grid points is decided in high precision."""

DECIDING_PRECISION = 160
"""Bits of the high-precision decision; its error is some 2**-150, that of the nearest edge 2**-100."""

POWERED, QUANTILE = slice(0, 2), slice(2, 4)
"""The rows of `RankTable.parts` and `RankTable.untied` that hold the high and low part of each."""


@dataclass(frozen=True)
class RankTable:
    """Quantiles by rank for a cross-section of n ids.

    Quantile, powered and parts are indexed by ``2 * r - 1``, where r is the tie-kept average rank from 1
    to n: the doubled rank is an integer also when ties share a half rank. Entry 0 is unused.

    Attributes
    ----------
    quantile
        (2n,) The normal quantile of ``(r - 1/2) / n``, rounded to the grid of `part_bits(n)`.
    powered
        (2n,) ``sign(q) * |q| ** 1.5`` of it.
    parts
        (4, 2n) High and low part of powered, then high and low part of quantile.
    untied
        (4, n) The columns of parts that a submission without ties uses, in the order of its ranks.
    bits
        The width of the parts.
    quantile_exponent, powered_exponent
        See `Parts.exponent`.
    """

    quantile: Floats
    powered: Floats
    parts: Floats
    untied: Floats
    bits: int
    quantile_exponent: int
    powered_exponent: int


def signed_power_1_5(values: Floats) -> Floats:
    """Raise magnitudes to the power 1.5, keeping signs.

    As ``x * sqrt(|x|)``: both operations are correctly rounded by IEEE 754, which ``pow`` is not.
    """
    return values * np.sqrt(np.abs(values))


@lru_cache(maxsize=16)
def rank_table(count: int) -> RankTable:
    """Build the table for a cross-section of ``count`` ids (kept for the sixteen latest counts)."""
    bits = part_bits(count)
    quantile = _quantiles(count, bits)
    powered = signed_power_1_5(quantile)
    powered_parts, quantile_parts = split(powered, bits), split(quantile, bits)
    parts = np.stack(
        [powered_parts.high, powered_parts.low, quantile_parts.high, quantile_parts.low],
    )
    # Without ties the ranks are 1 to n, so that 2r - 1 takes each odd number once.
    untied = np.ascontiguousarray(parts[:, 1::2])
    # The table is cached and shared by threads: a caller that wrote to it would change the scores of others.
    for array in (quantile, powered, parts, untied):
        array.setflags(write=False)
    return RankTable(
        quantile=quantile,
        powered=powered,
        parts=parts,
        untied=untied,
        bits=bits,
        quantile_exponent=quantile_parts.exponent,
        powered_exponent=powered_parts.exponent,
    )


def _quantiles(count: int, bits: int) -> Floats:
    """Compute (2n,) quantiles of k / 2n on the grid of `bits`."""
    normal = NormalDist()
    # One half only: the other is its negative, so that the table is antisymmetric to the last bit.
    upper = np.array([-normal.inv_cdf(k / (2 * count)) for k in range(1, count)], dtype=np.float64)
    # The grid of `Parts`: splitting the table afterwards rounds nothing.
    spacing = magnitude_exponent(upper) - 2 * bits - 1
    upper = _round_to_grid(upper, count, spacing)
    table = np.zeros(2 * count)
    table[1:count] = -upper
    table[count + 1 :] = upper[::-1]
    return table


def _round_to_grid(upper: Floats, count: int, spacing: int) -> Floats:
    """Round the magnitudes of the lower half's quantiles, deciding the close cases in high precision."""
    context = mpmath.MPContext()
    context.prec = DECIDING_PRECISION
    scaled = np.ldexp(upper, -spacing)
    floor = np.floor(scaled)
    # Library versions differ in the last bits. Far from an edge that changes nothing; close to one, the
    # library is not asked.
    from_edge = np.abs(scaled - floor - 0.5)
    above = scaled - floor > 0.5
    for position in np.flatnonzero(from_edge <= math.ldexp(QUANTILE_ERROR, -spacing)).tolist():
        edge = context.ldexp(context.mpf(2 * int(floor[position]) + 1), spacing - 1)
        above[position] = _is_beyond(context, edge, context.mpf(position + 1) / (2 * count))
    rounded: Floats = np.ldexp(floor + above, spacing)
    return rounded


def _is_beyond(context: mpmath.MPContext, edge: mpmath.mpf, probability: mpmath.mpf) -> bool:
    """Return whether the quantile of a probability below a half is larger than the edge, in magnitude."""
    # Probabilities are compared, as the distribution function increases: no inverse has to be computed.
    return bool(probability < context.ncdf(-edge))


def quantile_parts(table: RankTable, doubled: Indices) -> Parts:
    """Gaussian ranks of one submission as exact parts, from its doubled ranks less one."""
    high, low = np.take(table.parts[QUANTILE], doubled, axis=1)
    return Parts(high, low, table.bits, table.quantile_exponent)
