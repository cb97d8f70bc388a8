"""Least-squares residuals of many vectors at once: the part of each that features do not explain.

The features are shifted and scaled to short binary fractions where they are (features in bins always
are), which leaves the space that they span together with the constant unchanged. Then one Cholesky
factorisation of their Gram matrix serves all vectors. With features in bins the Gram matrix and the
right-hand side are exact, as all their sums are below 2**53 grid steps: those of the Gram matrix mostly below
2**24, so that float32, at twice the speed, holds them too.

The coefficients are rounded by the factorisation as every linear solve is. What is done with them can be
exact: then rows with the same features have the same fitted value on every machine, so that ties in a
vector stay ties in its residual.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from scorer.scoring.errors import refuse
from scorer.scoring.exact import Floats, Parts, exact_product, part_bits, split
from scorer.scoring.rows import row_blocks
from scorer.scoring.threads import run_in_threads, usable_cores

SMALLEST_INDEPENDENT_SHARE = 1e-11
"""The share of a feature's square, independent of the others, below which the feature is left out."""

REFINED_BELOW = 1e-4
"""The independent share below which the coefficients are corrected once from the residual."""

SHORT_MANTISSA = 24
"""Integers up to two to this power are exact in float32."""

ROWS_AT_ONCE = 32
"""Ids in a block: their features stay in a core's cache from one step to the next."""

IDS_AT_ONCE = 1024
"""Ids whose products with the coefficients are held at once, before they are subtracted."""

COLUMNS_AT_ONCE = 256
"""Coefficients that are solved for at once: enough for fast products, few enough for little beside them."""

COARSE_BITS = 3
"""Features are shifted by multiples of an eighth of their size: bins stay fractions of four bits."""


@dataclass(frozen=True)
class Basis:
    """Independent features and their factor, with which any number of vectors is neutralised.

    Attributes
    ----------
    columns
        (ids, width) Independent features, shifted and scaled to at most one, and a constant.
    factor
        (width, width) Lower Cholesky factor of their Gram matrix, in Fortran order.
    refine
        Whether the coefficients need a correction.
    """

    columns: Floats
    factor: Floats
    refine: bool

    @cached_property
    def inverses(self) -> tuple[Floats, ...]:
        """The inverses of the factor's blocks on the diagonal."""
        blocks = row_blocks(len(self.factor), COLUMNS_AT_ONCE)
        return tuple(lapack.dtrtri(self.factor[block, block], lower=1)[0] for block in blocks)

    @cached_property
    def exact_columns(self) -> Parts:
        """The transposed columns, split for exact products: only submissions with ties need them."""
        return split(self.columns.T, part_bits(self.columns.shape[1]))


def make_basis(features: Floats) -> Basis:
    """Prepare (ids, width) finite features for `residuals`; a constant is added."""
    columns = conditioned(features)
    kept, factor, share = _independent(columns)
    if len(kept) < columns.shape[1]:
        columns = np.ascontiguousarray(columns[:, kept])
    return Basis(columns, factor, share < REFINED_BELOW)


def conditioned(features: Floats) -> Floats:
    """Shift each feature by about its mean and scale it to at most one by a power of two; add the constant.

    Both are exact for features in bins. Which shift is taken does not matter to the residuals.
    """
    low, high = features.min(axis=0), features.max(axis=0)
    scale = _power_of_two_above(np.maximum(np.abs(low), np.abs(high)))
    coarse = scale / 2.0**COARSE_BITS
    shift = np.rint(features.mean(axis=0) / coarse) * coarse
    scale = _power_of_two_above(np.maximum(np.abs(low - shift), np.abs(high - shift)))
    columns = np.empty((len(features), features.shape[1] + 1))
    columns[:, -1] = 1
    factor = 1 / scale

    def fill(starts: Iterator[int]) -> None:
        for start in starts:
            rows = slice(start, start + ROWS_AT_ONCE)
            np.subtract(features[rows], shift, out=columns[rows, :-1])
            columns[rows, :-1] *= factor

    run_in_threads(fill, range(0, len(features), ROWS_AT_ONCE), usable_cores())
    return columns


def gram_matrix(columns: Floats) -> Floats:
    """Return the (width, width) products of conditioned columns; in float32 where that is exact."""
    # No column exceeds one: with steps of 2**-bits, a sum of n products has 2 bits + log2(n) bits.
    bits = (SHORT_MANTISSA - (len(columns) - 1).bit_length()) // 2
    steps = _steps(columns, bits) if bits > 0 else None
    if steps is None:
        return np.asarray(columns.T @ columns)
    return (steps.T @ steps).astype(np.float64) * 2.0 ** (-2 * bits)


def _steps(columns: Floats, bits: int) -> NDArray[np.float32] | None:
    """Return the columns in steps of ``2**-bits``; None where they are not multiples of it."""
    steps = np.empty(columns.shape, dtype=np.float32)
    fits = np.ones(len(columns), dtype=np.bool_)

    def fill(starts: Iterator[int]) -> None:
        for start in starts:
            rows = slice(start, start + ROWS_AT_ONCE)
            scaled = columns[rows] * 2.0**bits
            fits[rows] = (np.rint(scaled) == scaled).all()
            if not fits[start]:
                return  # one such block is enough
            steps[rows] = scaled

    run_in_threads(fill, range(0, len(columns), ROWS_AT_ONCE), usable_cores())
    return steps if fits.all() else None


def _power_of_two_above(sizes: Floats) -> Floats:
    """Round sizes up to powers of two; 1 for zero."""
    mantissa, exponent = np.frexp(np.where(sizes > 0, sizes, 1.0))
    return np.ldexp(1.0, np.where(mantissa == 0.5, exponent - 1, exponent))


def _independent(columns: Floats) -> tuple[NDArray[np.intp], Floats, float]:
    """Choose independent columns: their positions, the factor of their Gram matrix, the least share."""
    gram = gram_matrix(columns)
    squares = np.maximum(np.diagonal(gram), np.finfo(np.float64).tiny)
    # Symmetric: its transpose is the same matrix in the column order that LAPACK takes without a copy.
    factor, failed = lapack.dpotrf(gram.T, lower=1, clean=1)
    # A squared diagonal entry is the part of a column's square that the columns before it do not explain.
    share = float((np.diagonal(factor) ** 2 / squares).min()) if not failed else 0.0
    everything = np.arange(columns.shape[1])
    if share >= SMALLEST_INDEPENDENT_SHARE * 10:
        return everything, factor, share
    # Only where needed, as pivots take longer.
    kept = _pivoted(gram, np.sqrt(squares))
    factor, failed = lapack.dpotrf(gram[np.ix_(kept, kept)], lower=1, clean=1)
    if failed:
        refuse("neutralizers", "a Gram matrix with a Cholesky factor", "none", "drop near-duplicates")
    # A share of zero: what needed pivots is close to dependent, so its coefficients are always refined.
    return kept, factor, 0.0


def _pivoted(gram: Floats, norms: Floats) -> NDArray[np.intp]:
    """Choose independent columns by Cholesky factorisation with pivots, on unit norms."""
    correlation = gram / norms / norms[:, np.newaxis]
    _, pivots, rank, _ = lapack.dpstrf(correlation, lower=1, tol=SMALLEST_INDEPENDENT_SHARE)
    return np.sort(pivots[:rank] - 1)  # LAPACK counts from 1


def residuals(
    rows: Floats, basis: Basis, proportion: float = 1.0, *, exactly: bool = False, overwrite: bool = False
) -> Floats:
    """Subtract from each row the part that the features explain.

    Parameters
    ----------
    rows
        (models, ids) finite vectors.
    basis
        From `make_basis`.
    proportion
        The share of the explained part that is subtracted.
    exactly
        Whether the explained part is multiplied out exactly, so that ties stay ties.
    overwrite
        Whether the rows may be replaced by the result, which saves a copy.
    """
    if len(rows) == 0:
        return rows.copy()
    coefficients = solved(basis, rows @ basis.columns)
    # One step of iterative refinement, where the columns are close to dependent.
    if basis.refine:
        left = rows - coefficients @ basis.columns.T
        coefficients += solved(basis, left @ basis.columns)
    if exactly:
        return rows - proportion * exact_product(coefficients, basis.exact_columns)
    coefficients *= proportion
    return _subtract_products(rows if overwrite else rows.copy(), coefficients, basis.columns)


def solved(basis: Basis, sides: Floats) -> Floats:
    """Solve for (models, width) coefficients; ``sides``, the products with the features, is overwritten.

    Forward with the factor, block by block, then backward with its transpose, as LAPACK's dpotrs does; but by
    products of numpy, as scipy's way to LAPACK lets no other thread of Python go on meanwhile.
    """
    factor = basis.factor
    blocks = list(zip(row_blocks(len(factor), COLUMNS_AT_ONCE), basis.inverses, strict=True))
    for block, inverse in blocks:
        sides[:, block] -= sides[:, : block.start] @ factor[block, : block.start].T
        sides[:, block] = sides[:, block] @ inverse.T
    for block, inverse in reversed(blocks):
        sides[:, block] -= sides[:, block.stop :] @ factor[block.stop :, block]
        sides[:, block] = sides[:, block] @ inverse
    return sides


def _subtract_products(rows: Floats, coefficients: Floats, columns: Floats) -> Floats:
    """Subtract ``coefficients @ columns.T`` from the rows, in their memory."""
    # BLAS would do both at once, but scipy's way to it lets no other thread of Python go on meanwhile.
    for ids in row_blocks(rows.shape[1], IDS_AT_ONCE):
        rows[:, ids] -= coefficients @ columns[ids].T
    return rows
