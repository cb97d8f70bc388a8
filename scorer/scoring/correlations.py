"""CORR and MMC with the names, arguments and pandas semantics of ``numerai_tools.scoring`` 0.7.2.

One difference is on purpose: each column is scored on its own. A NaN in one column takes its id out of
that column only, where ``numerai_tools`` takes it out of all; a column that cannot be scored is NaN, with
the reason in ``attrs["reasons"]`` of the result, and never fails the others.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from scorer.scoring.alignment import (
    DEFAULT_MAX_FILTERED_INDEX_RATIO,
    Aligned,
    align,
    centre_of,
    scores_by_column,
)
from scorer.scoring.engine import score_with_plan
from scorer.scoring.errors import UnscoredReason, refuse
from scorer.scoring.exact import Floats, exact_matvec, mean
from scorer.scoring.operands import contribution_scale, contribution_target, correlation_target
from scorer.scoring.plan import make_plan
from scorer.scoring.quantiles import rank_table
from scorer.scoring.tables import frame_of, require_unique, same_labels, series_of, values_of
from scorer.scoring.tails import covariances, tail_size, top_bottom_contribution, top_bottom_correlation

ScoreRows = Callable[[Floats, list[Floats]], tuple[Floats, tuple[UnscoredReason | None, ...]]]
"""Scores (models, ids) predictions without NaN against the other values on the same ids."""


def numerai_corr(
    predictions: pd.DataFrame,
    targets: pd.Series,
    max_filtered_index_ratio: float = DEFAULT_MAX_FILTERED_INDEX_RATIO,
    top_bottom: int | None = None,
    target_pow15: bool = True,
) -> pd.Series:
    """Numerai's correlation: Pearson, of gaussian ranks to the power 1.5, with the target to that power.

    Formula: ``numerai_tools.scoring.numerai_corr`` 0.7.2. Tie-kept ranks ``(r - 1/2) / n``, normal
    quantile, ``sign(x) * |x|**1.5``; the target centred, before ids are dropped, and to the power 1.5.

    Parameters
    ----------
    predictions
        Ids by models; any numbers, only their order matters.
    targets
        By id: bins in [0, 1], or returns. Ids without a target are not scored.
    max_filtered_index_ratio
        The share of ids, from 0 to 1, that may be missing on either side.
    top_bottom
        Correlate only this many of the highest and as many of the lowest predictions. None, 0 and what is
        below take all.
    target_pow15
        False for raw returns: the target is not raised to the power.

    Returns
    -------
    By column, in [-1, 1]; NaN where a column cannot be scored, see ``attrs["reasons"]``.

    Raises
    ------
    ScoringInputError
        When the ids or types of the arguments do not fit.

    Notes
    -----
    Unlike the reference this does not fail when the power changes a heavy-tailed target's correlation
    with itself to less than 0.9.
    """
    predictions, targets = frame_of("predictions", predictions), series_of("targets", targets)
    aligned = align(predictions, {"targets": targets}, max_filtered_index_ratio)
    centre, tail = centre_of("targets", targets), tail_size(top_bottom)

    def score(rows: Floats, others: list[Floats]) -> tuple[Floats, tuple[UnscoredReason | None, ...]]:
        table = rank_table(rows.shape[1])
        if tail:
            return top_bottom_correlation(rows, others[0] - centre, table, tail, target_pow15)
        target = correlation_target(others[0] - centre, table, power_1_5=target_pow15)
        scores = score_with_plan(rows, make_plan(table, corr=target))
        return scores.corr, scores.reasons

    return by_column(predictions.columns, aligned, score)


def correlation_contribution(
    predictions: pd.DataFrame,
    meta_model: pd.Series,
    live_targets: pd.Series,
    top_bottom: int | None = None,
) -> pd.Series:
    """Meta model contribution (MMC; BMC when the meta model is the benchmarks').

    Formula: ``numerai_tools.scoring.correlation_contribution`` 0.7.2. Predictions and meta model as
    gaussian tie-kept ranks; what is orthogonal to the meta model in the predictions; its covariance with
    the centred target. A target within [0, 1] is multiplied by 4 first (the documentation's snippet of
    Numerai does not say so, the code does).

    Parameters
    ----------
    predictions
        Ids by models; any numbers, only their order matters.
    meta_model, live_targets
        By id.
    top_bottom
        Take the covariance over only this many of the highest and as many of the lowest entries of the
        orthogonal part.

    Returns
    -------
    By column; NaN where a column cannot be scored, see ``attrs["reasons"]``. A constant column is NaN
    (the reference says 0).

    Raises
    ------
    ScoringInputError
        When the ids or types of the arguments do not fit, or a fifth of them would be dropped.
    """
    predictions = frame_of("predictions", predictions)
    others = {"meta_model": meta_model, "live_targets": live_targets}
    aligned = align(predictions, {name: series_of(name, other) for name, other in others.items()})
    tail = tail_size(top_bottom)

    def score(rows: Floats, others: list[Floats]) -> tuple[Floats, tuple[UnscoredReason | None, ...]]:
        table = rank_table(rows.shape[1])
        sides = contribution_target(others[1], others[0], table)
        if tail:
            return top_bottom_contribution(rows, others[1], sides, table, tail)
        scores = score_with_plan(rows, make_plan(table, mmc=sides))
        return scores.mmc, scores.reasons

    return by_column(predictions.columns, aligned, score)


def contribution_scores(
    neutral_preds: Floats,
    live_targets: pd.Series,
    predictions: pd.DataFrame,
    top_bottom: int | None = None,
) -> pd.Series:
    """Covariance of orthogonalised predictions with the centred target, the last step of MMC.

    Formula: ``numerai_tools.scoring.contribution_scores`` 0.7.2. A target within [0, 1] is multiplied by 4
    first.

    Parameters
    ----------
    neutral_preds
        (ids, models) what is left of the predictions.
    live_targets
        By id, in the order of ``predictions``.
    predictions
        Ids by models, used for its index and columns.
    top_bottom
        Take only this many of the highest and as many of the lowest entries of each column.

    Returns
    -------
    By column; NaN for a column that is not finite throughout, and for all when a target is not.
    """
    tail = tail_size(top_bottom)
    rows = np.ascontiguousarray(np.asarray(neutral_preds, dtype=np.float64).T)
    if rows.shape != predictions.shape[::-1] or len(predictions) == 0:
        expected = f"the shape {predictions.shape} of the predictions, not empty"
        refuse("neutral_preds", expected, f"shape {rows.shape[::-1]}", "pass what belongs together")
    if not same_labels(live_targets.index, predictions.index):
        refuse("live_targets", "the ids of the predictions, in their order", "others", "use reindex")
    target = values_of("live_targets", live_targets)
    scores = np.full(len(rows), np.nan)
    finite = np.isfinite(rows).all(axis=1) & np.isfinite(target).all()
    if finite.any():
        scaled = contribution_scale(target)
        scores[finite] = covariances(rows[finite], scaled - mean(scaled), tail)
    return pd.Series(scores, index=predictions.columns)


def corr_with_meta_model(predictions: pd.DataFrame, meta_model: pd.Series) -> pd.Series:
    """Correlation with the meta model (CWMM): how redundant a submission is.

    Formula: Pearson correlation of the gaussian tie-kept ranks to the power 1.5 with the meta model as it
    is, not ranked again (staff's code in Numerai's forum, topic 7297; ``numerai_tools`` has none).

    Parameters
    ----------
    predictions
        Ids by models.
    meta_model
        By id: the stake-weighted mean of ranks.

    Returns
    -------
    By column, in [-1, 1]; NaN where a column cannot be scored, see ``attrs["reasons"]``.
    """
    return numerai_corr(predictions, meta_model, target_pow15=False)


def by_column(columns: pd.Index, aligned: Aligned, score: ScoreRows) -> pd.Series:
    """Score group by group of columns with the same ids."""
    values = np.full(len(columns), np.nan)
    reasons: list[UnscoredReason | None] = [None] * len(columns)
    for group in aligned.groups():
        chosen = [group.reason] * len(group.columns)
        if group.reason is None:
            rows, others = aligned.take(group)
            values[group.columns], chosen[:] = score(rows, others)
        for column, reason in zip(group.columns, chosen, strict=True):
            reasons[column] = reason
    return scores_by_column(columns, values, reasons)


def stake_weight(predictions: pd.DataFrame, stakes: pd.Series) -> pd.Series:
    """Average predictions, weighted by stake; usually of ranks, see `stake_weighted_meta_model`.

    Formula: ``numerai_tools.scoring.stake_weight`` 0.7.2, as it stands: a missing prediction counts as 0
    while its stake still counts in full.

    Parameters
    ----------
    predictions
        Ids by models.
    stakes
        By model, in any unit. A model whose stake is NaN is left out.

    Returns
    -------
    By id; NaN where the stakes add up to nothing. The sums are exact on a grid of about 12 decimals of the
    largest term.
    """
    chosen, stakes = staked(predictions, stakes)
    matrix = np.nan_to_num(chosen.to_numpy(dtype=np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf)
    weights = np.nan_to_num(stakes.to_numpy(dtype=np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf)
    total = np.float64(math.fsum(weights.tolist()))
    with np.errstate(invalid="ignore", divide="ignore"):
        return pd.Series(_weighted_sums(matrix, weights) / total, index=chosen.index)


def _weighted_sums(matrix: Floats, weights: Floats) -> Floats:
    """Sum each row times the weights; sums with an infinity are those of IEEE 754."""
    if not np.isfinite(weights).all():
        return _plain_sums(matrix, weights)
    sums = np.empty(len(matrix))
    finite = np.isfinite(matrix).all(axis=1)
    sums[finite] = exact_matvec(matrix[finite], weights) if finite.any() and weights.size else 0.0
    sums[~finite] = _plain_sums(matrix[~finite], weights)
    return sums


def _plain_sums(matrix: Floats, weights: Floats) -> Floats:
    """Sum as pandas does: the product of infinity and zero, a NaN, is left out."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.nansum(matrix * weights, axis=1))


def staked(predictions: pd.DataFrame, stakes: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
    """Take the columns of predictions that have a stake, in the stakes' order; as numpy's numbers.

    Raises
    ------
    ScoringInputError
        When a stake has no predictions, or two columns of them.
    """
    predictions, stakes = frame_of("predictions", predictions), series_of("stakes", stakes)
    require_unique("stakes", stakes.index, "model")
    positions = predictions.columns.get_indexer_for(stakes.index)
    if (positions < 0).any():
        absent = stakes.index.difference(predictions.columns)
        refuse("stakes", "models that have predictions", f"{absent[0]!r}", "drop its stake")
    if len(positions) > len(stakes):
        require_unique("predictions", predictions.columns[positions], "model")
    return predictions.iloc[:, positions], stakes
