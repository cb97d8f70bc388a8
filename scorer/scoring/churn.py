"""How much a submission changes from one round to the next.

Names, arguments and formulas of ``numerai_tools.signals`` 0.7.2.
"""

import math
from collections.abc import Iterator, Mapping
from statistics import fmean

import numpy as np
import pandas as pd

from scorer.scoring.errors import ScoringInputError, refuse
from scorer.scoring.neutral import matrix_of, neutral_rows
from scorer.scoring.portfolio import generate_neutralized_weights
from scorer.scoring.projection import make_basis
from scorer.scoring.transforms import (
    filter_sort_index,
    filter_sort_top_bottom,
    spearman_correlation,
    tie_kept_rank,
)

ID_COLUMNS = ("ticker", "sedol", "bloomberg_ticker", "composite_figi", "numerai_ticker")
LEAST_TICKERS = 100
ABSOLUTE_TOLERANCE = 1e-8
"""How far below 0 or above 1 a value may lie, and the standard deviation that counts as none."""


class TooFewCommonIds(ScoringInputError):
    """Two submissions have too few ids in common to compare them."""


def churn(s1: pd.Series, s2: pd.Series, top_bottom: int | None = None) -> float:
    """One minus the Spearman correlation of two submissions, in [0, 2].

    Parameters
    ----------
    s1, s2
        By id; at least 80 % of the ids of either must be common.
    top_bottom
        Instead, the share of this many highest and lowest ids that are not among those of the other.

    Raises
    ------
    ScoringInputError
        For a constant submission or too few common ids.
    """
    if top_bottom:
        pairs = zip(*(filter_sort_top_bottom(s, top_bottom) for s in (s1, s2)), strict=True)
        common = [len(one.index.intersection(other.index)) for one, other in pairs]
        return 1 - sum(common) / top_bottom / 2
    s1, s2 = _common(s1, s2)
    for name, series in (("s1", s1), ("s2", s2)):
        if series.min() == series.max():
            expected = f"values that vary ({name} must have non-zero standard deviation)"
            refuse(name, expected, "the same value for every id", "leave it out")
    return 1 - spearman_correlation(s1, s2)


def _common(s1: pd.Series, s2: pd.Series) -> tuple[pd.Series, pd.Series]:
    try:
        return filter_sort_index(s1, s2)
    except ScoringInputError as error:
        raise TooFewCommonIds(str(error)) from error


def turnover(s1: pd.Series, s2: pd.Series) -> float:
    """Half the summed differences of two portfolios' weights, in [0, 1] for weights of unit size."""
    s1, s2 = _common(s1, s2)
    return math.fsum((s1 - s2).abs().tolist()) / 2


def neutral_churn(
    s1: pd.Series, s2: pd.Series, neutralizers1: pd.DataFrame, neutralizers2: pd.DataFrame
) -> float:
    """Churn of what is left of two submissions' gaussian ranks after their own rounds' neutralizers."""
    return churn(_neutral(s1, neutralizers1), _neutral(s2, neutralizers2))


def _neutral(signal: pd.Series, neutralizers: pd.DataFrame) -> pd.Series:
    signal, neutralizers = filter_sort_index(signal, neutralizers)
    rows = signal.to_numpy(dtype=np.float64)[np.newaxis]
    left = neutral_rows(rows, make_basis(matrix_of("neutralizers", neutralizers)))
    return pd.Series(left.rows[0], index=signal.index, name=signal.name)


def neutral_churn_penalty(
    neutral_churn: float, threshold: float = 0.1, scaling_factor: float = 10.0
) -> float:
    """Share of a positive payout that is kept: ``min(1, 2 / (1 + exp(factor * (churn - threshold))))``.

    Parameters
    ----------
    neutral_churn, threshold
        In [0, 2]; up to the threshold everything is kept.
    scaling_factor
        Above 0.

    Returns
    -------
    In (0, 1]. ``math.exp`` is not correctly rounded everywhere: round it to ppm before it counts.
    """
    for name, value in (("neutral_churn", neutral_churn), ("threshold", threshold)):
        if not 0 <= value <= 2:
            refuse(name, "a number from 0 to 2", value, "compute it with neutral_churn()")
    if not (math.isfinite(scaling_factor) and scaling_factor > 0):
        refuse("scaling_factor", "a finite number above 0", scaling_factor, "choose one")
    if neutral_churn <= threshold:
        return 1.0
    decay = math.exp(-scaling_factor * (neutral_churn - threshold))
    return 2 * decay / (1 + decay)


def calculate_mean_neutral_churn(
    curr_sub: pd.Series | pd.DataFrame,
    curr_neutralizer: pd.DataFrame,
    curr_sample_weight: pd.Series,
    prev_subs: Mapping[str, pd.Series | pd.DataFrame],
    prev_neutralizers: Mapping[str, pd.DataFrame],
    prev_sample_weights: Mapping[str, pd.Series],
) -> float:
    """Mean neutral churn of a submission against recent ones, 1 when none can be compared.

    Parameters
    ----------
    curr_sub, curr_neutralizer, curr_sample_weight
        The submission and its round's full universe, by ticker.
    prev_subs, prev_neutralizers, prev_sample_weights
        The same of recent rounds, by date; five for a live submission.
    """
    cleaned = _clean(curr_sub, curr_sample_weight)
    current = _neutral(cleaned, curr_neutralizer)
    if current.min() == current.max():
        refuse("curr_sub", "something left after neutralisation", "nothing", "submit something else")
    values = []
    for date, previous in _cleaned(prev_subs, prev_sample_weights):
        try:
            values.append(churn(current, _neutral(previous, prev_neutralizers[date])))
        except ScoringInputError:
            continue
    return fmean(values) if values else 1.0


def calculate_max_churn_and_turnover(
    curr_sub: pd.Series | pd.DataFrame,
    curr_neutralizer: pd.DataFrame,
    curr_sample_weight: pd.Series,
    prev_subs: Mapping[str, pd.Series | pd.DataFrame],
    prev_neutralizers: Mapping[str, pd.DataFrame],
    prev_sample_weights: Mapping[str, pd.Series],
) -> tuple[float, float]:
    """Largest churn and turnover of a submission against recent ones, 1 when none can be compared.

    Parameters as of `calculate_mean_neutral_churn`. Turnover is that of centred neutral weights of unit
    size.
    """
    current = _clean(curr_sub, curr_sample_weight)
    weights = _unit_weights(current, curr_neutralizer, curr_sample_weight)
    churns, turnovers = [], []
    for date, previous in _cleaned(prev_subs, prev_sample_weights):
        before = _unit_weights(previous, prev_neutralizers[date], prev_sample_weights[date])
        try:
            pair = abs(churn(current, previous)), turnover(weights, before)
        except TooFewCommonIds:
            continue
        churns.append(pair[0])
        turnovers.append(pair[1])
    return max(churns, default=1.0), max(turnovers, default=1.0)


def _unit_weights(signal: pd.Series, neutralizers: pd.DataFrame, sample_weight: pd.Series) -> pd.Series:
    frame = signal.to_frame("signal")
    return generate_neutralized_weights(frame, neutralizers, sample_weight, True)["signal"]


def _cleaned(
    submissions: Mapping[str, pd.Series | pd.DataFrame], sample_weights: Mapping[str, pd.Series]
) -> Iterator[tuple[str, pd.Series]]:
    for date, submission in submissions.items():
        yield date, _clean(submission, sample_weights[date])


def _clean(submission: pd.Series | pd.DataFrame, sample_weight: pd.Series) -> pd.Series:
    """Ranks of a submission on the full universe; 1/2 where it has none. A table has one column."""
    if isinstance(submission, pd.DataFrame):
        submission = submission.iloc[:, 0]
    universe = sample_weight.index
    if submission.index.name not in ID_COLUMNS or universe.name != submission.index.name:
        expected = f"an index named like the universe's, one of {', '.join(ID_COLUMNS)}"
        refuse("submission", expected, f"{submission.index.name!r}, {universe.name!r}", "name it")
    submission = submission[submission.index.isin(universe)]
    _require_valid(submission)
    on_universe = submission.reindex(universe.drop_duplicates().dropna()).sort_index()
    return tie_kept_rank(on_universe).fillna(0.5)


def _require_valid(submission: pd.Series) -> None:
    if submission.index.has_duplicates or len(submission) < LEAST_TICKERS:
        found = f"{len(submission)}, {submission.index.nunique()} of them different"
        refuse(
            "submission", f"at least {LEAST_TICKERS} tickers of the universe, once each", found, "add more"
        )
    low, high = submission.min(), submission.max()
    inside = low >= -ABSOLUTE_TOLERANCE and high <= 1 + ABSOLUTE_TOLERANCE
    if submission.isna().any() or not inside or submission.std() <= ABSOLUTE_TOLERANCE:
        refuse("submission", "different values from 0 to 1, no NaN", f"{low} to {high}", "rank it first")
