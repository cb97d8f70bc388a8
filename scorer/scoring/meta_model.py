"""The stake-weighted meta model."""

import math
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.engine import Submissions, checked_submissions
from scorer.scoring.errors import UnscoredReason, refuse
from scorer.scoring.exact import Floats
from scorer.scoring.ranked_rows import rows_by_rank
from scorer.scoring.ranks import Indices
from scorer.scoring.sums import block_rows
from scorer.scoring.threads import run_in_threads, usable_cores

MODELS_AT_ONCE = 256
LIMB_BITS = 22
LIMBS = 3
"""A stake in limbs so small that the products with 256 models' ranks add up exactly in float64 for up to
2**22 ids, and those of all models in an integer of 64 bits."""


def stake_weighted_meta_model(submissions: Submissions, stakes: NDArray[np.uint64]) -> Floats:
    """Average the percentile ranks of all submissions, weighted by stake.

    ``sum(s * (2r - 1) / 2n) / sum(s)`` over the submissions, r the tie-kept rank and n the number of ids.

    The sums are exact integers and each entry is rounded once, so neither the order of models nor the
    machine changes a bit, and neither does multiplying all stakes by the same number. Ids rank as their sums
    do: where two different sums round to one number, the larger one is the next number (some 1e-16 more).

    Parameters
    ----------
    submissions
        (models, ids) float64 or float32, a row a submission.
    stakes
        (models,) nano-NMR, integers from 0 to 2**64 - 1.

    Returns
    -------
    (ids,) strictly between 0 and 1. A submission with a NaN has no part in it, and neither has its
    stake. One with the same value for every id says 1/2 everywhere: it draws the meta model together, but
    changes neither its order nor any score.

    Raises
    ------
    ScoringInputError
        When shapes or types do not fit, or no submission without NaN has any stake.
    """
    submissions = checked_submissions(submissions)
    weights = checked_stakes(stakes, len(submissions))
    models, ids = submissions.shape
    sums = np.zeros((LIMBS, ids), dtype=np.int64)
    totals: list[int] = []
    size = min(MODELS_AT_ONCE, block_rows(ids))
    lock = Lock()

    def add_blocks(starts: Iterator[int]) -> None:
        own, total = np.zeros_like(sums), 0
        for start in starts:
            rows = slice(start, start + size)
            total += _add_ranks(own, submissions[rows], weights[rows])
        with lock:
            np.add(sums, own, out=sums)
            totals.append(total)

    run_in_threads(add_blocks, range(0, models, size), usable_cores())
    if sum(totals) == 0:
        refuse("stakes", "a stake above 0 for a submission without NaN", "none", "use another meta model")
    denominator = 2 * ids * sum(totals)
    # Python's integers, as a stake times a rank, summed over models, passes 64 bits.
    numerators: Any = sum(limb.astype(object) << (LIMB_BITS * i) for i, limb in enumerate(sums))
    return _quotients(numerators.tolist(), denominator)


def _quotients(numerators: Sequence[int], denominator: int) -> Floats:
    """Divide, so that quotients are equal only where the numerators are.

    A contract ranks ids by the numerators. Were two that differ to tie here, whoever chooses his stake well
    could have an honest report proven wrong.
    """
    # Python rounds the quotient of two integers correctly, however long they are: alike everywhere.
    rounded = [numerator / denominator for numerator in numerators]
    if len(set(rounded)) == len(set(numerators)):
        return np.array(rounded, dtype=np.float64)
    quotient_of: dict[int, float] = {}
    last = 0.0
    for numerator in sorted(set(numerators)):
        last = max(numerator / denominator, math.nextafter(last, 1.0))
        quotient_of[numerator] = last
    return np.array([quotient_of[numerator] for numerator in numerators], dtype=np.float64)


def _add_ranks(sums: Indices, submissions: Submissions, weights: NDArray[np.uint64]) -> int:
    """Add stake times doubled rank for each id, limb by limb; return the sum of the stakes that counted."""
    ranked = rows_by_rank(submissions, np.arange(2.0 * submissions.shape[1]), threads=1)
    missing = [reason is UnscoredReason.MISSING_VALUE for reason in ranked.reasons]
    counted = np.where(missing, np.uint64(0), weights)
    shifts = np.arange(LIMBS, dtype=np.uint64)[:, np.newaxis] * np.uint64(LIMB_BITS)
    limbs = (counted >> shifts) & np.uint64((1 << LIMB_BITS) - 1)
    # float64 for the speed of BLAS; all sums of a block stay below 2**53, so that the conversion back is
    # exact.
    sums += (limbs.astype(np.float64) @ ranked.rows).astype(np.int64)
    return sum(counted.tolist())


def checked_stakes(stakes: NDArray[np.uint64], models: int) -> NDArray[np.uint64]:
    """Check that stakes are whole numbers, one a model; as uint64."""
    array = np.asarray(stakes)
    if array.dtype.kind not in "iu" or array.shape != (models,):
        found = f"dtype {array.dtype}, shape {array.shape}"
        refuse("stakes", f"whole nano-NMR, shape ({models},)", found, "give one stake a submission")
    if array.dtype.kind == "i" and (array < 0).any():
        refuse("stakes", "nothing below 0", int(array.min()), "leave such a model out")
    return array.astype(np.uint64)
