"""Least-squares residuals that are the same to the last bit on every machine.

`scorer.scoring.projection` factors its Gram matrix with LAPACK, whose order of operations differs between
machines in the last bits. A target is neutralised to a few dozen columns only, so here the factorisation is
written out: sums of products are exact (`scorer.scoring.exact`), and everything between them is one IEEE
operation a step, in an order that is fixed.
"""

from typing import Final

import numpy as np

from scorer.scoring.exact import Floats, exact_matmul

LEAST_SHARE: Final = 1e-9
"""A column of which less than this share of the square is independent of those before is left out."""
REFINEMENTS: Final = 2


def exact_residual(values: Floats, columns: Floats) -> Floats:
    """Return what a least-squares fit leaves of (n,) finite values; of (n, width) columns and a constant."""
    basis = _conditioned(columns)
    kept, factor = factored(exact_matmul(np.ascontiguousarray(basis.T), basis))
    basis = np.ascontiguousarray(basis[:, kept])
    left = values
    # The second pass fits what the rounding of the first left over.
    for _ in range(REFINEMENTS):
        coefficients = solved(factor, exact_matmul(basis.T, left[:, np.newaxis])[:, 0])
        left = left - exact_matmul(basis, coefficients[:, np.newaxis])[:, 0]
    return left


def _conditioned(columns: Floats) -> Floats:
    """Scale columns to at most one by powers of two, after a shift by the middle of their range."""
    low, high = columns.min(axis=0), columns.max(axis=0)
    shifted = columns - (low / 2 + high / 2)
    _, exponents = np.frexp(np.abs(shifted).max(axis=0))
    return np.column_stack([np.ones(len(columns)), np.ldexp(shifted, -exponents)])


def factored(gram: Floats) -> tuple[list[int], Floats]:
    """Return the columns that are independent of those before them, and the Cholesky factor of their Gram.

    The outer-product form: each step subtracts one column times itself, entry by entry.
    """
    left, kept, factor = gram.copy(), [], []
    for place in range(len(gram)):
        if left[place, place] <= LEAST_SHARE * gram[place, place]:
            continue
        column = left[:, place] / np.sqrt(left[place, place])
        left -= column[:, np.newaxis] * column[np.newaxis, :]
        kept.append(place)
        factor.append(column)
    return kept, np.column_stack(factor)[kept]


def solved(factor: Floats, sides: Floats) -> Floats:
    """Solve ``L L' x = b`` by forward and backward substitution, one column of L at a time.

    Parameters
    ----------
    factor
        L, as `factored` returns it.
    sides
        b: one vector, or a column for each.
    """
    solution = forward(factor, sides)
    for place in range(len(factor) - 1, -1, -1):
        solution[place] /= factor[place, place]
        solution[:place] -= _times(factor[place, :place], solution[place])
    return solution


def forward(factor: Floats, sides: Floats) -> Floats:
    """Solve ``L x = b`` for one vector b, or a column for each."""
    solution = sides.copy()
    for place in range(len(factor)):
        solution[place] /= factor[place, place]
        solution[place + 1 :] -= _times(factor[place + 1 :, place], solution[place])
    return solution


def _times(column: Floats, row: Floats) -> Floats:
    """Every product of an entry of a column and one of a row, or of a number."""
    return np.multiply.outer(column, row)


def ridge(gram: Floats, sides: Floats, penalty: float) -> Floats:
    """Return (width,) ridge coefficients from a Gram matrix of features and their products with the target.

    Parameters
    ----------
    penalty
        Added to the diagonal.
    """
    kept, factor = factored(gram + penalty * np.eye(len(gram)))
    coefficients = np.zeros(len(gram))
    coefficients[kept] = solved(factor, sides[kept])
    return coefficients
