"""Churn and turnover: the change of a submission from one round to the next.

Names, arguments and formulas of ``numerai_tools.signals`` 0.7.2.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scorer.scoring.errors import ScoringInputError, refuse
from scorer.scoring.exact import Floats, pearson
from scorer.scoring.neutral import matrix_of, neutral_rows
from scorer.scoring.portfolio import generate_neutralized_weights
from scorer.scoring.projection import make_basis
from scorer.scoring.tables import frame_of, require_unique, rows_of, same_labels, series_of
from scorer.scoring.tails import tail_size
from scorer.scoring.transforms import (
    filter_sort_index,
    filter_sort_top_bottom,
    tie_kept_rank,
)

ID_COLUMNS = ("ticker", "sedol", "bloomberg_ticker", "composite_figi", "numerai_ticker")
LEAST_TICKERS = 100
ABSOLUTE_TOLERANCE = 1e-8
"""The most by which a value may leave [0, 1], and the standard deviation that counts as zero."""


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
    tail = tail_size(top_bottom)
    if tail:
        pairs = zip(*(filter_sort_top_bottom(s, tail) for s in (s1, s2)), strict=True)
        common = [len(one.index.intersection(other.index)) for one, other in pairs]
        return 1 - sum(common) / tail / 2
    s1, s2 = _common(s1, s2)
    return _rank_churn(s1.to_numpy(dtype=np.float64), s2.to_numpy(dtype=np.float64))


def _common(s1: pd.Series, s2: pd.Series) -> tuple[pd.Series, pd.Series]:
    s1, s2 = series_of("s1", s1), series_of("s2", s2)
    try:
        s1, s2 = filter_sort_index(s1, s2)
    except ScoringInputError as error:
        raise TooFewCommonIds(str(error)) from error
    if not same_labels(s1.index, s2.index):
        refuse("s1", "each id as often as in s2", "an id more often", "drop the duplicates")
    return s1, s2


def turnover(s1: pd.Series, s2: pd.Series) -> float:
    """Half the sum of differences of two portfolios' weights, in [0, 1] for weights of unit size.

    Infinity where the sum overflows; an id at which both are the same infinity is left out, as pandas does.
    """
    s1, s2 = _common(s1, s2)
    with np.errstate(over="ignore", invalid="ignore"):
        differences = np.abs(s1.to_numpy(dtype=np.float64) - s2.to_numpy(dtype=np.float64))
    try:
        return math.fsum(differences[~np.isnan(differences)].tolist()) / 2
    except OverflowError:
        return math.inf


def neutral_churn(
    s1: pd.Series, s2: pd.Series, neutralizers1: pd.DataFrame, neutralizers2: pd.DataFrame
) -> float:
    """Churn of two submissions' gaussian ranks, each neutralised to its own round's neutralizers."""
    return churn(_neutral(s1, neutralizers1), _neutral(s2, neutralizers2))


def _neutral(signal: pd.Series, neutralizers: pd.DataFrame) -> pd.Series:
    signal, neutralizers = series_of("s1", signal), frame_of("neutralizers", neutralizers)
    require_unique("s1", signal.index)
    require_unique("neutralizers", neutralizers.index)
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
    # The same as 2 / (1 + exp(x)), with an exponent that is never positive: exp(x) overflows for a large
    # factor.
    decay = math.exp(-scaling_factor * (neutral_churn - threshold))
    return 2 * decay / (1 + decay)


@dataclass(frozen=True)
class RankedSubmissions:
    """Submissions of one round as they are compared with those of other rounds.

    Attributes
    ----------
    ranks
        Models by ids of the round's whole universe, ascending: tie-kept ranks, 1/2 where a submission has
        none.
    problems
        Why a submission cannot be compared, or None.
    """

    ids: pd.Index
    ranks: Floats
    problems: tuple[ScoringInputError | None, ...]

    def row(self, number: int) -> Floats:
        """Return the ranks of one submission.

        Raises
        ------
        ScoringInputError
            When it cannot be compared.
        """
        problem = self.problems[number]
        if problem is not None:
            raise problem
        return np.asarray(self.ranks[number])

    def series(self, number: int) -> pd.Series:
        """Return the ranks of one submission by id, see `row`."""
        return pd.Series(self.row(number), index=self.ids)


@dataclass(frozen=True)
class WeightedSubmissions:
    """Submissions with their portfolios: centred neutral weights of unit size, models by ids."""

    ranked: RankedSubmissions
    ids: pd.Index
    weights: Floats


def ranked_submissions(submissions: pd.DataFrame, sample_weight: pd.Series) -> RankedSubmissions:
    """Rank the columns of a table of ids by models on the ids of the sample weights, each on its own."""
    universe = sample_weight.index
    if submissions.index.name not in ID_COLUMNS or universe.name != submissions.index.name:
        expected = f"an index named like the universe's, one of {', '.join(ID_COLUMNS)}"
        refuse("submission", expected, f"{submissions.index.name!r}, {universe.name!r}", "name it")
    known = submissions[submissions.index.isin(universe)]
    problems = tuple(_problem(known.iloc[:, column]) for column in range(known.shape[1]))
    if known.index.has_duplicates:
        known = known[~known.index.duplicated()]  # the choice does not matter: all columns have a problem
    on_universe = known.reindex(universe.drop_duplicates().dropna()).sort_index()
    # The middle, as for an id about which a submission says nothing; numerai-tools fills it in the same way.
    ranks = tie_kept_rank(on_universe).fillna(0.5)
    return RankedSubmissions(ranks.index, rows_of("submissions", ranks), problems)


def weighted_submissions(
    submissions: pd.DataFrame, neutralizers: pd.DataFrame, sample_weight: pd.Series
) -> WeightedSubmissions:
    """Rank the columns of a table of ids by models, and compute their weights, each on its own."""
    ranked = ranked_submissions(submissions, sample_weight)
    frame = pd.DataFrame(ranked.ranks.T, index=ranked.ids)
    weights = generate_neutralized_weights(frame, neutralizers, sample_weight, True)
    return WeightedSubmissions(ranked, weights.index, rows_of("weights", weights))


class Comparison:
    """Compares one round's submissions with those of an earlier one, by row."""

    def __init__(self, current: WeightedSubmissions, before: WeightedSubmissions) -> None:
        self._current, self._before = current, before
        self._ranked = _positions(current.ranked.ids, before.ranked.ids)
        self._weighted = _positions(current.ids, before.ids)

    def churn_and_turnover(self, row: int, row_before: int) -> tuple[float, float] | None:
        """Compute churn and turnover of one submission; None where too few ids are common.

        Raises
        ------
        ScoringInputError
            When the earlier one cannot be compared, or one of them is the same value for all common ids.
        """
        ranks, ranks_before = self._current.ranked.row(row), self._before.ranked.row(row_before)
        if self._ranked is None or self._weighted is None:
            return None
        here, there = self._ranked
        # The absolute value, as numerai-tools takes it: rounding may put the churn of equal ranks below zero.
        change = abs(_rank_churn(ranks[here], ranks_before[there]))
        here, there = self._weighted
        difference = self._current.weights[row][here] - self._before.weights[row_before][there]
        return change, math.fsum(np.abs(difference).tolist()) / 2


Pair = tuple[NDArray[np.intp], NDArray[np.intp]]


def _positions(one: pd.Index, other: pd.Index) -> Pair | None:
    """Find the positions of the common ids in both, ascending by id; None where they are too few."""
    try:
        pair = _common(*(pd.Series(np.arange(len(ids)), index=ids) for ids in (one, other)))
    except TooFewCommonIds:
        return None
    return pair[0].to_numpy(dtype=np.intp), pair[1].to_numpy(dtype=np.intp)


def _rank_churn(one: Floats, other: Floats) -> float:
    for name, values in (("s1", one), ("s2", other)):
        if values.min() == values.max():
            expected = f"values that vary ({name} must have non-zero standard deviation)"
            refuse(name, expected, "the same value for every id", "leave it out")
    return 1 - pearson(_average_ranks(one), _average_ranks(other))


def _average_ranks(values: Floats) -> Floats:
    return np.asarray(pd.Series(values).rank().to_numpy(), dtype=np.float64)


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
    cleaned = ranked_submissions(_table(curr_sub), curr_sample_weight).series(0)
    previous = (
        (ranked_submissions(_table(sub), prev_sample_weights[date]), prev_neutralizers[date])
        for date, sub in prev_subs.items()
    )
    return mean_neutral_churn(
        _neutral(cleaned, curr_neutralizer),
        (_neutral(ranked.series(0), neutralizers) for ranked, neutralizers in previous),
    )


def mean_neutral_churn(current: pd.Series, previous: Iterable[pd.Series]) -> float:
    """Mean churn of a neutralised submission against earlier ones; 1 if none can be compared.

    Raises
    ------
    ScoringInputError
        When nothing is left of the submission.
    """
    if current.min() == current.max():
        refuse("curr_sub", "something left after neutralisation", "nothing", "submit something else")
    values = []
    for earlier in previous:
        try:
            values.append(churn(current, earlier))
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
    current = weighted_submissions(_table(curr_sub), curr_neutralizer, curr_sample_weight)
    current.ranked.row(0)
    pairs = []
    for date, submission in prev_subs.items():
        before = weighted_submissions(_table(submission), prev_neutralizers[date], prev_sample_weights[date])
        pairs.append(Comparison(current, before).churn_and_turnover(0, 0))
    return largest(pairs)


def largest(pairs: Iterable[tuple[float, float] | None]) -> tuple[float, float]:
    """Largest churn and turnover of comparisons; 1 where none could be made."""
    made = [pair for pair in pairs if pair is not None]
    return max((pair[0] for pair in made), default=1.0), max((pair[1] for pair in made), default=1.0)


def _table(submission: pd.Series | pd.DataFrame) -> pd.DataFrame:
    """Return a submission as a table of one column."""
    if isinstance(submission, pd.DataFrame):
        return frame_of("submission", submission.iloc[:, :1])
    return series_of("submission", submission).to_frame()


def _problem(submission: pd.Series) -> ScoringInputError | None:
    try:
        _require_valid(submission)
    except ScoringInputError as error:
        return error
    return None


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
