"""CORR and MMC of many submissions, to the same bits on every machine.

For each block of submissions: sort packed keys, gather each part of the target and of the meta model in
each submission's own order, and multiply it with the table of gaussian ranks, which in that order is the
same for every submission without ties, so that one matrix product serves the block. All sums are exact (see
`scorer.scoring.exact`); only the last few operations on a submission's sums round, in a fixed order.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.errors import UnscoredReason, refuse
from scorer.scoring.exact import Floats, combine_products, combine_sums, mean
from scorer.scoring.operands import (
    CorrelationTarget,
    contribution_target,
    correlation_target,
    finite_vector,
)
from scorer.scoring.plan import ScoringPlan, make_plan
from scorer.scoring.quantiles import POWERED, QUANTILE, rank_table
from scorer.scoring.rows import Rows
from scorer.scoring.summers import summers
from scorer.scoring.sums import Sums, block_rows, empty_sums
from scorer.scoring.threads import run_in_threads, usable_cores

Submissions = Floats | NDArray[np.float32] | Rows


@dataclass(frozen=True)
class SubmissionScores:
    """Scores of many submissions in one round.

    Attributes
    ----------
    corr, mmc
        (models,) float64; NaN where the submission cannot be scored, mmc also without a meta model.
    reasons
        For each model why a score is missing, or None.
    cwmm
        (models,) correlation with the meta model, when it was asked for.
    gaussian_rank_correlation
        (models,) correlation of a submission's gaussian ranks with the meta model's, about zero and not about
        their means, as MMC projects them; NaN where MMC is. None where it was not computed.
    """

    corr: Floats
    mmc: Floats
    reasons: tuple[UnscoredReason | None, ...]
    cwmm: Floats | None = None
    gaussian_rank_correlation: Floats | None = None


def _product(plan: ScoringPlan, sums: Sums, name: str) -> Floats:
    """Return (models,) dot products of the ranks with a right-hand side, in grid units."""
    # A side without a low part, such as MMC's target in bins, has no further products.
    high, *rest = sums.products[name]
    cross, low = high[:, 1], np.zeros(len(high))
    for part in rest:
        cross, low = cross + part[:, 0], part[:, 1]
    return combine_products(high[:, 0], cross, low, plan.table.bits)


def _correlation(plan: ScoringPlan, sums: Sums, name: str, target: CorrelationTarget | None) -> Floats:
    """Pearson correlation of the powered ranks with a target; NaN throughout for a constant one."""
    if target is None or target.deviation == 0:
        return np.full(len(sums.missing), np.nan)
    bits = plan.table.bits
    products = _product(plan, sums, name)
    high, low = sums.totals[POWERED]
    totals = combine_sums(high, low, bits)
    first, cross, last = sums.powered_squares
    squares = combine_products(first, cross, last, bits)
    # Rounding may take the variance of a nearly constant submission below zero.
    deviations = np.sqrt(np.maximum(squares - totals * totals / plan.ids, 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = (products - totals * (target.total / plan.ids)) / (deviations * target.deviation)
    return np.asarray(np.clip(scores, -1.0, 1.0))


def _contribution(plan: ScoringPlan, sums: Sums) -> Floats:
    """Covariance of the target with what is orthogonal to the meta model in the gaussian ranks."""
    if plan.mmc is None or plan.mmc.meta_square == 0:
        return np.full(len(sums.missing), np.nan)
    sides = plan.mmc
    high, low = sums.totals[QUANTILE]
    totals = combine_sums(high, low, plan.table.bits)
    covariance = _product(plan, sums, "target") - sides.target_mean * totals
    projection = _product(plan, sums, "meta_model") / sides.meta_square
    return np.ldexp((covariance - projection * sides.meta_covariance) / plan.ids, sides.scale_exponent)


def _gaussian_rank_correlation(plan: ScoringPlan, sums: Sums) -> Floats:
    """Correlation with the meta model about zero, from sums that MMC has already."""
    if plan.mmc is None or plan.mmc.meta_square == 0:
        return np.full(len(sums.missing), np.nan)
    high, cross, low = sums.squares
    squares = combine_products(high, cross, low, plan.table.bits)
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = _product(plan, sums, "meta_model") / np.sqrt(squares * plan.mmc.meta_square)
    return np.asarray(np.clip(scores, -1.0, 1.0))


def score_submissions(
    submissions: Submissions,
    target: Floats,
    meta_model: Floats | None = None,
    *,
    with_cwmm: bool = False,
    threads: int | None = None,
    block_size: int | None = None,
) -> SubmissionScores:
    """CORR and MMC of every submission of a round, each on its own, to the same bits everywhere.

    Formulas as in ``numerai_tools`` 0.7.2, ``scoring.numerai_corr`` and
    ``scoring.correlation_contribution``, with all ids in common.

    Parameters
    ----------
    submissions
        (models, ids) float64 or float32; a row is a submission. Any values that can be ranked, also
        infinite; a NaN leaves that submission without a score. `Rows` are read block by block.
    target
        (ids,) finite.
    meta_model
        (ids,) finite, or None to leave MMC out. Only its order matters to MMC.
    with_cwmm
        Whether to correlate with the meta model too, see `corr_with_meta_model`.
    threads
        How many blocks are scored at once; by default the number of usable cores.
    block_size
        Submissions in a block; by default as many as suit a core's cache. Neither changes a bit.

    Returns
    -------
    SubmissionScores
        corr in [-1, 1]; mmc in the units of the target, which is multiplied by 4 when within [0, 1].

    Raises
    ------
    ScoringInputError
        When a shape or type does not fit, or target or meta model have missing or infinite values.
    """
    submissions = checked_submissions(submissions)
    ids = submissions.shape[1]
    table = rank_table(ids)
    values = finite_vector(target, "target", ids)
    corr = correlation_target(values - mean(values), table, power_1_5=True)
    mmc = cwmm = None
    if meta_model is not None:
        meta = finite_vector(meta_model, "meta_model", ids)
        mmc = contribution_target(values, meta, table)
        cwmm = correlation_target(meta - mean(meta), table, power_1_5=False) if with_cwmm else None
    plan = make_plan(table, corr, mmc, cwmm)
    return score_with_plan(submissions, plan, threads=threads, block_size=block_size)


def score_with_plan(
    submissions: Submissions,
    plan: ScoringPlan,
    *,
    threads: int | None = None,
    block_size: int | None = None,
) -> SubmissionScores:
    """Score submissions against prepared right-hand sides; see `score_submissions`."""
    models = len(submissions)
    threads = _positive("threads", threads, usable_cores())
    block_size = _positive("block_size", block_size, block_rows(plan.ids))
    sums = empty_sums(models, plan)
    new_summer = summers(plan, sums, block_size)

    def add_blocks(starts: Iterator[int]) -> None:
        # Each thread writes the sums of models of its own, so that no lock is needed.
        summer = new_summer()
        for start in starts:
            block = submissions[start : start + block_size]
            # Every float32 is a float64: the conversion changes neither order nor ties.
            summer.add(start, np.ascontiguousarray(block, dtype=np.float64))

    run_in_threads(add_blocks, range(0, models, block_size), threads)
    corr = _correlation(plan, sums, "corr", plan.corr)
    cwmm = _correlation(plan, sums, "cwmm", plan.cwmm)
    mmc = _contribution(plan, sums)
    correlation = _gaussian_rank_correlation(plan, sums)
    for scores in (corr, mmc, cwmm, correlation):
        scores[sums.missing | sums.constant] = np.nan
    return SubmissionScores(corr, mmc, _reasons(plan, sums), None if plan.cwmm is None else cwmm, correlation)


def _reasons(plan: ScoringPlan, sums: Sums) -> tuple[UnscoredReason | None, ...]:
    shared = None
    if plan.corr is not None and plan.corr.deviation == 0:
        shared = UnscoredReason.CONSTANT_TARGET
    elif plan.mmc is not None and plan.mmc.meta_square == 0:
        shared = UnscoredReason.CONSTANT_META_MODEL
    own = zip(sums.missing.tolist(), sums.constant.tolist(), strict=True)
    return tuple(_reason(missing, constant, shared) for missing, constant in own)


def _reason(missing: bool, constant: bool, shared: UnscoredReason | None) -> UnscoredReason | None:
    if missing:
        return UnscoredReason.MISSING_VALUE
    return UnscoredReason.CONSTANT if constant else shared


def _positive(argument: str, value: int | None, default: int) -> int:
    if value is not None and (not isinstance(value, int) or value < 1):
        refuse(argument, "an integer of at least 1, or None", value, "leave it out for the default")
    return default if value is None else value


def checked_submissions(submissions: Submissions) -> Submissions:
    """Check type and shape of a matrix of submissions."""
    if not isinstance(submissions, Rows) or submissions.dtype not in (np.float64, np.float32):
        found = getattr(submissions, "dtype", type(submissions).__name__)
        refuse("submissions", "a numpy array of float64 or float32", found, "convert it with astype")
    if len(submissions.shape) != 2 or submissions.shape[1] == 0:
        refuse("submissions", "shape (models, ids)", f"shape {submissions.shape}", "give one row a model")
    return submissions
