"""Scores that are indifferent to features: neutralisation, FNC, neutral correlation and contribution.

Names, arguments and formulas of ``numerai_tools.scoring`` 0.7.2. Each column is neutralised and scored on
its own; one with a NaN, or the same value throughout, is NaN with a reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scorer.scoring.alignment import DEFAULT_MAX_FILTERED_INDEX_RATIO, Table, align, scores_by_column
from scorer.scoring.correlations import by_column, numerai_corr
from scorer.scoring.engine import Submissions, SubmissionScores, checked_submissions, score_submissions
from scorer.scoring.errors import UnscoredReason, refuse
from scorer.scoring.exact import Floats, exact_matvec, mean, pearson
from scorer.scoring.operands import contribution_scale
from scorer.scoring.projection import Basis, make_basis, residuals
from scorer.scoring.ranked_rows import gaussian_rows
from scorer.scoring.tables import frame_of, rows_of, same_labels, series_of
from scorer.scoring.tails import Scored, covariances, tail_size, tails
from scorer.scoring.threads import run_in_threads, usable_cores
from scorer.scoring.transforms import gaussian, tie_kept_rank, variance_normalize

MODELS_AT_ONCE = 512
"""Submissions that a thread neutralises at once: enough for fast matrix products. 25 MB at 6,000 ids, which
the allocator keeps for the next block: larger blocks are given back, and their pages cleared again."""
NOTHING_LEFT = 1e-9
"""A residual of less than this share of a submission's length is rounding noise, not a prediction."""


@dataclass(frozen=True)
class NeutralRows:
    """Residuals of submissions after neutralisation.

    Attributes
    ----------
    rows
        (models, ids) residuals; zero where there is a reason.
    reasons
        Why there is nothing to score, or None.
    """

    rows: Floats
    reasons: tuple[UnscoredReason | None, ...]


def neutral_rows(submissions: Submissions, basis: Basis, threads: int | None = None) -> NeutralRows:
    """Neutralise the gaussian tie-kept ranks of (models, ids) submissions.

    The explained part of a submission with ties is multiplied out exactly, so that ids with equal ranks and
    equal features stay tied.
    """
    ranks = gaussian_rows(submissions, threads=threads)
    lengths = _lengths(ranks.rows)
    # The exact product takes longer, and only ties need it.
    if ranks.tied.all():
        left = residuals(ranks.rows, basis, exactly=True)
    else:
        exact = residuals(ranks.rows[ranks.tied], basis, exactly=True)
        left = residuals(ranks.rows, basis, overwrite=True)
        left[ranks.tied] = exact
    explained = _lengths(left) <= NOTHING_LEFT * lengths
    reasons = tuple(
        reason or (UnscoredReason.EXPLAINED if nothing else None)
        for reason, nothing in zip(ranks.reasons, explained.tolist(), strict=True)
    )
    left[[reason is not None for reason in reasons]] = 0
    return NeutralRows(left, reasons)


def _lengths(rows: Floats) -> Floats:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows)))


def feature_neutral_scores(submissions: Submissions, features: Floats, target: Floats) -> SubmissionScores:
    """FNC of every submission of a round, each on its own.

    Formula: ``numerai_tools.scoring.feature_neutral_corr`` 0.7.2: CORR of what is left of the gaussian
    tie-kept ranks after a least-squares fit of all features and a constant.

    Parameters
    ----------
    submissions
        (models, ids) float64 or float32, a row a submission.
    features
        (ids, width) finite. Features that depend on others are left out.
    target
        (ids,) finite.

    Returns
    -------
    SubmissionScores
        corr is the FNC, in [-1, 1]; mmc is NaN. The coefficients of the fit come from a linear solve that
        rounds, so unlike those of `score_submissions` the scores are the same on every machine to the ppm
        but not proven so to the last bit: see docs/scoring.md.
    """
    submissions = checked_submissions(submissions)
    basis = make_basis(_checked_features(features, submissions.shape[1]))
    corr = np.empty(len(submissions))
    reasons: list[UnscoredReason | None] = [None] * len(submissions)
    cores = usable_cores()
    size = min(MODELS_AT_ONCE, max(1, -(-len(submissions) // cores)))

    # Each thread takes a block through all steps, so that not only the products use all cores.
    def score_blocks(starts: Iterator[int]) -> None:
        for start in starts:
            block = slice(start, start + size)
            neutral = neutral_rows(submissions[block], basis, threads=1)
            scores = score_submissions(neutral.rows, target, threads=1)
            corr[block] = scores.corr
            # Our own reason first: a residual of zeros is merely constant to the engine.
            found = zip(neutral.reasons, scores.reasons, strict=True)
            reasons[block] = [own or other for own, other in found]

    run_in_threads(score_blocks, range(0, len(submissions), size), cores)
    return SubmissionScores(corr, np.full(len(corr), np.nan), tuple(reasons))


def _checked_features(features: Floats, ids: int) -> Floats:
    array = np.asarray(features)
    if array.ndim != 2 or len(array) != ids or array.dtype.kind not in "fiu":
        found = f"dtype {array.dtype}, shape {array.shape}"
        refuse("features", f"numbers, shape ({ids}, features)", found, "give one row an id")
    array = array.astype(np.float64, copy=False)
    if not np.isfinite(array).all():
        refuse("features", "finite values", "NaN or infinity", "fill or drop them")
    return array


def feature_neutral_corr(
    predictions: pd.DataFrame,
    features: pd.DataFrame,
    targets: pd.Series,
    top_bottom: int | None = None,
) -> pd.Series:
    """Feature-neutral correlation (FNC): CORR after the features are taken out.

    Formula: ``numerai_tools.scoring.feature_neutral_corr`` 0.7.2, which differs from the documentation's
    snippet (uniform tie-broken ranks, no power): gaussian tie-kept ranks, least-squares residual of
    features and a constant, `numerai_corr`.

    Parameters
    ----------
    predictions
        Ids by models.
    features
        The same ids by features, without NaN.
    targets
        By id.
    top_bottom
        See `numerai_corr`.

    Returns
    -------
    By column, in [-1, 1]; NaN where a column cannot be scored, see ``attrs["reasons"]``.

    Raises
    ------
    ScoringInputError
        When the ids of predictions and features are not the same, or another argument does not fit.
    """
    predictions, features = frame_of("predictions", predictions), frame_of("features", features)
    require_same_ids(predictions, features)
    neutral = neutral_rows(rows_of("predictions", predictions), make_basis(matrix_of("features", features)))
    left = pd.DataFrame(neutral.rows.T, index=predictions.index, columns=predictions.columns)
    scores = numerai_corr(left, targets, top_bottom=top_bottom)
    values = scores.to_numpy().copy()
    values[[reason is not None for reason in neutral.reasons]] = np.nan
    return scores_by_column(predictions.columns, values, list(neutral.reasons))


def neutralize(df: pd.DataFrame, neutralizers: pd.DataFrame, proportion: float = 1.0) -> pd.DataFrame:
    """Take a proportion of what the neutralizers and a constant explain out of each column.

    Formula: ``numerai_tools.scoring.neutralize`` 0.7.2, a least-squares fit. The reference drops
    directions whose singular value is below 1e-6 of the largest; here it is neutralizers of which nothing
    new is left after the others.

    Parameters
    ----------
    df
        Ids by columns, without NaN; a column with an infinity, or the same value throughout, becomes NaN.
    neutralizers
        The same ids in the same order, without NaN.
    proportion
        1 takes all of it out.

    Raises
    ------
    ScoringInputError
        When the ids differ or there are NaN.
    """
    df, neutralizers = frame_of("df", df), frame_of("neutralizers", neutralizers)
    require_same_ids(df, neutralizers)
    rows = rows_of("df", df)
    if np.isnan(rows).any():
        refuse("df", "values", "NaN (Data contains NaNs)", "fill or drop them")
    usable = np.asarray((rows.min(axis=1) != rows.max(axis=1)) & np.isfinite(rows).all(axis=1))
    left = np.full_like(rows, np.nan)
    basis = make_basis(matrix_of("neutralizers", neutralizers))
    if usable.any():
        left[usable] = residuals(rows[usable], basis, proportion, exactly=True)
    return pd.DataFrame(left.T, index=df.index, columns=df.columns)


def tie_kept_rank__gaussianize__neutralize__variance_normalize(
    df: pd.DataFrame, neutralizers: pd.DataFrame
) -> pd.DataFrame:
    """Gaussian tie-kept ranks, neutralised and scaled to unit standard deviation: what FNC ranks again."""
    return variance_normalize(neutralize(gaussian(tie_kept_rank(frame_of("df", df))), neutralizers))


def neutral_correlation(
    predictions: pd.DataFrame,
    neutralizers: pd.DataFrame,
    targets: pd.Series,
    max_filtered_index_ratio: float = DEFAULT_MAX_FILTERED_INDEX_RATIO,
    top_bottom: int | None = None,
) -> pd.Series:
    """Pearson correlation of neutralised gaussian ranks with the target, no power taken.

    Formula: ``numerai_tools.scoring.neutral_correlation`` 0.7.2.

    Parameters
    ----------
    predictions, neutralizers
        Ids by models, and by neutralizers.
    targets
        By id.
    max_filtered_index_ratio, top_bottom
        See `numerai_corr`.

    Returns
    -------
    By column, in [-1, 1]; NaN where a column cannot be scored, see ``attrs["reasons"]``.
    """
    tables: dict[str, Table] = {
        "targets": series_of("targets", targets),
        "neutralizers": frame_of("neutralizers", neutralizers),
    }
    predictions = frame_of("predictions", predictions)
    aligned = align(predictions, tables, max_filtered_index_ratio)
    tail = tail_size(top_bottom)

    def score(rows: Floats, others: list[Floats]) -> Scored:
        neutral = neutral_rows(rows, make_basis(others[1]))
        scores = np.full(len(rows), np.nan)
        for row, reason in enumerate(neutral.reasons):
            if reason is None:
                values = neutral.rows[row]
                chosen = tails(values, tail) if tail else slice(None)
                scores[row] = pearson(values[chosen], others[0][chosen])
        return scores, neutral.reasons

    return by_column(predictions.columns, aligned, score)


def neutral_contribution(
    predictions: pd.DataFrame,
    meta_model: pd.Series,
    neutralizers: pd.DataFrame,
    live_targets: pd.Series,
    top_bottom: int | None = None,
) -> pd.Series:
    """Meta model contribution after both sides are neutralised.

    Formula: ``numerai_tools.scoring.neutral_contribution`` 0.7.2: `correlation_contribution` with the
    neutralizers taken out of both gaussian ranks first.

    Parameters
    ----------
    predictions, neutralizers
        Ids by models, and by neutralizers.
    meta_model, live_targets
        By id.
    top_bottom
        See `correlation_contribution`.

    Returns
    -------
    By column; NaN where a column cannot be scored, see ``attrs["reasons"]``.
    """
    tables: dict[str, Table] = {
        "meta_model": series_of("meta_model", meta_model),
        "neutralizers": frame_of("neutralizers", neutralizers),
        "live_targets": series_of("live_targets", live_targets),
    }
    predictions = frame_of("predictions", predictions)
    aligned = align(predictions, tables)
    tail = tail_size(top_bottom)

    def score(rows: Floats, others: list[Floats]) -> Scored:
        basis = make_basis(others[1])
        meta = neutral_rows(others[0][np.newaxis], basis)
        if meta.reasons[0] is not None:
            return np.full(len(rows), np.nan), (UnscoredReason.CONSTANT_META_MODEL,) * len(rows)
        neutral = neutral_rows(rows, basis)
        target = contribution_scale(others[2])
        scores = _contributions(neutral.rows, meta.rows[0], target - mean(target), tail)
        scores[[reason is not None for reason in neutral.reasons]] = np.nan
        return scores, neutral.reasons

    return by_column(predictions.columns, aligned, score)


def _contributions(rows: Floats, meta: Floats, centred_target: Floats, tail: int) -> Floats:
    """Covariances of the target with what is orthogonal to the meta model in each row."""
    shares = exact_matvec(rows, meta) / exact_matvec(meta[np.newaxis], meta)
    return covariances(rows - np.outer(shares, meta), centred_target, tail)


def require_same_ids(left: Table, right: pd.DataFrame) -> None:
    """Refuse features that are not on the predictions' ids."""
    if len(left) == 0:
        refuse("predictions", "at least one id", "none", "pass the round's data")
    if not same_labels(left.index, right.index):
        refuse("neutralizers", "the ids of the predictions, in their order", "others", "use reindex")


def matrix_of(name: str, frame: pd.DataFrame) -> Floats:
    """(ids, columns) values of a table without NaN or infinity."""
    values = frame_of(name, frame).to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        refuse(name, "finite values", "NaN or infinity", "fill or drop them")
    return values
