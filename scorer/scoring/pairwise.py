"""Correlations of a round's submissions with each other: MCWNM and APCWNM.

Submissions are compared as the tie-kept ranks that Numerai cleans them to. Ranks are integers, so every
dot product of two submissions is exact in float64.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.engine import Submissions, checked_submissions
from scorer.scoring.errors import UnscoredReason, refuse
from scorer.scoring.exact import Floats, combine_sums, part_bits, split
from scorer.scoring.nearest import highest_correlations
from scorer.scoring.ranked_rows import rows_by_rank

MOST_IDS = 16_000
"""Doubled ranks less their mean fit 16 bits for so many ids, and sums of their products 2**53."""

MODELS_AT_ONCE = 1024


@dataclass(frozen=True)
class Likeness:
    """Correlations of each submission with the others of its round.

    Attributes
    ----------
    highest
        (models,) MCWNM: the largest Pearson correlation of ranks with any other submission.
    average
        (models,) APCWNM: the mean of those with all others.
    reasons
        Why there is none, or None. Such a submission is not among the others of anyone.
    """

    highest: Floats
    average: Floats
    reasons: tuple[UnscoredReason | None, ...]


def likeness(submissions: Submissions) -> Likeness:
    """Correlate every submission with every other one.

    Parameters
    ----------
    submissions
        (models, ids) float64 or float32, a row a submission; at most 16,000 ids. `Rows` are read
        block by block; the ranks are held in 2 bytes each.

    Returns
    -------
    Likeness
        In [-1, 1]. NaN where there is no other submission to compare with.
    """
    submissions = checked_submissions(submissions)
    models, ids = submissions.shape
    if ids > MOST_IDS:
        refuse("submissions", f"at most {MOST_IDS} ids", ids, "compare them on a sample")
    # Entry 2r - 1 is 2r - 1 - n, a rank about the mean rank, which ties do not move. So products of rows need
    # no mean taken off to be correlations.
    ranked = rows_by_rank(submissions, np.arange(-ids, ids, dtype=np.int16))
    scored = np.flatnonzero(~ranked.unscored)
    highest, average = np.full(models, np.nan), np.full(models, np.nan)
    if len(scored) > 1:
        chosen = ranked.rows if len(scored) == models else ranked.rows[scored]
        lengths = np.sqrt(_squares(chosen))
        highest[scored] = highest_correlations(chosen, lengths)
        average[scored] = _average(chosen, lengths)
    return Likeness(highest, average, ranked.reasons)


def _blocks(models: int) -> Iterator[slice]:
    """Yield the rows of each block of models."""
    return (slice(begin, begin + MODELS_AT_ONCE) for begin in range(0, models, MODELS_AT_ONCE))


def _squares(ranks: NDArray[np.int16]) -> Floats:
    blocks = (ranks[rows].astype(np.float64) for rows in _blocks(len(ranks)))
    return np.concatenate([np.einsum("ij,ij->i", block, block) for block in blocks])


def _average(ranks: NDArray[np.int16], lengths: Floats) -> Floats:
    """Mean correlation of each row with the others, from the sum of all rows at unit length."""
    shares = 1 / lengths
    bits = part_bits(ranks.shape[1])
    total = split(_weighted_sum(ranks, shares), bits)
    sums = np.empty(len(ranks))
    for rows in _blocks(len(ranks)):
        block = ranks[rows].astype(np.float64)
        sums[rows] = combine_sums(block @ total.high, block @ total.low, bits)
    # Minus one, for the submission's correlation with itself.
    return (np.ldexp(sums, total.unit_exponent) * shares - 1) / (len(ranks) - 1)


def _weighted_sum(ranks: NDArray[np.int16], weights: Floats) -> Floats:
    """(ids,) sum of the rows, each times its weight, to 2**-40 of the largest weight; exact on that grid."""
    grid = 2.0 ** (40 - np.frexp(weights.max())[1])
    steps = np.rint(weights * grid)
    # Two parts of 20 bits: with ranks of 16 bits, sums over 2**17 models stay below 2**53.
    high = np.floor(steps / 2**20)
    parts = np.stack([high, steps - high * 2**20])
    sums = np.zeros((2, ranks.shape[1]))
    for rows in _blocks(len(ranks)):
        sums += parts[:, rows] @ ranks[rows].astype(np.float64)
    return np.asarray((sums[0] * 2**20 + sums[1]) / grid)
