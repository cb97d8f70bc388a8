"""The building blocks of the scores, as pandas functions with the names of ``numerai_tools.scoring`` 0.7.2.

The scores themselves are computed by exact counterparts of these; the functions here serve those who
build scores of their own. Each behaves as its namesake, also in what it refuses.
"""

import math
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from scipy.special import ndtri

from scorer.scoring.alignment import DEFAULT_MAX_FILTERED_INDEX_RATIO, keeps_enough
from scorer.scoring.errors import refuse
from scorer.scoring.exact import Floats, pearson
from scorer.scoring.quantiles import signed_power_1_5
from scorer.scoring.tables import (
    array_of,
    frame_of,
    is_plain,
    require_sorted,
    same_labels,
    series_of,
    values_of,
)
from scorer.scoring.tails import tail_size

S1 = TypeVar("S1", pd.Series, pd.DataFrame)
S2 = TypeVar("S2", pd.Series, pd.DataFrame)
RANK_METHOD_TYPE = Literal["average", "min", "max", "first", "dense"]
LEAST_CORRELATION_WITH_POWER = 0.9


def filter_sort_index(
    s1: S1, s2: S2, max_filtered_ratio: float = DEFAULT_MAX_FILTERED_INDEX_RATIO
) -> tuple[S1, S2]:
    """Keep the ids that have values in both, sorted; refuse to drop more than a share of either.

    Parameters
    ----------
    s1, s2
        By id. An id with any NaN counts as missing.
    max_filtered_ratio
        The largest share of ids, from 0 to 1, that either may lose.

    Raises
    ------
    ScoringInputError
        When one of them loses more.
    """
    ids = s1.dropna().index.intersection(s2.dropna().index)
    for name, frame in (("s1", s1), ("s2", s2)):
        _require_overlap(name, len(ids), len(frame), max_filtered_ratio)
    return s1.loc[ids].sort_index(), s2.loc[ids].sort_index()


def filter_sort_index_many(
    inputs: list[Any], max_filtered_ratio: float = DEFAULT_MAX_FILTERED_INDEX_RATIO
) -> list[Any]:
    """Keep the ids that have values in all inputs, as `filter_sort_index` does for two."""
    if not inputs:
        refuse("inputs", "at least one Series or DataFrame", "none", "pass the data to align")
    ids = inputs[0].dropna().index
    for other in inputs[1:]:
        ids = ids.intersection(other.dropna().index)
    for position, frame in enumerate(inputs):
        _require_overlap(f"inputs[{position}]", len(ids), len(frame), max_filtered_ratio)
    return [frame.loc[ids].sort_index() for frame in inputs]


def _require_overlap(name: str, kept: int, length: int, max_filtered_ratio: float) -> None:
    if length == 0 or not keeps_enough(kept, length, max_filtered_ratio):
        expected = f"at least {1 - max_filtered_ratio:.0%} of its ids in common with the others"
        refuse(name, expected, f"{kept} of {length}", "use the same ids everywhere")


def filter_sort_top_bottom(s: pd.Series, top_bottom: int) -> tuple[pd.Series, pd.Series]:
    """Return the highest and the lowest values, each sorted by id; of equal values the first are lowest."""
    order = np.argsort(values_of("s", s), kind="stable")
    top, bottom = s.iloc[order[-top_bottom:]], s.iloc[order[:top_bottom]]
    return top.sort_index(), bottom.sort_index()


def filter_sort_top_bottom_concat(s: pd.Series, top_bottom: int) -> pd.Series:
    """Return the highest and lowest values together, sorted by id."""
    both: pd.Series = pd.concat(list(filter_sort_top_bottom(s, top_bottom)))
    return both.sort_index()


def rank(s: S1, method: RANK_METHOD_TYPE = "average") -> S1:
    """Percentile rank each column: ``(r - 1/2) / count``, NaN left out. The index must be sorted."""
    require_sorted("s", s.index)
    if isinstance(s, pd.DataFrame) and not is_plain(s):  # pandas divides sparse tables as a whole wrongly
        by_column: pd.DataFrame = s.apply(lambda column: rank(column, method))
        return by_column
    ranked: S1 = (s.rank(method=method) - 0.5) / s.count()
    return ranked


def rank_series(s: pd.Series, method: RANK_METHOD_TYPE = "average") -> pd.Series:
    """Percentile rank a Series, see `rank`."""
    return rank(s, method)


def tie_broken_rank(df: S1) -> S1:
    """Percentile rank each column, equal values by the order of their ids."""
    return rank(df, "first")


def tie_kept_rank(s: S1) -> S1:
    """Percentile rank each column, equal values by their average."""
    return rank(s, "average")


def min_max_normalize(s: pd.Series) -> pd.Series:
    """Scale values to [0, 1]."""
    numbers = s.astype("float64") if s.dtype == np.bool_ else s  # numpy subtracts no booleans
    scaled: pd.Series = (numbers - numbers.min()) / (numbers.max() - numbers.min())
    return scaled


def variance_normalize(df: S1) -> S1:
    """Divide each column by its population standard deviation."""
    scaled: S1 = df / df.std(axis=0, ddof=0)
    return scaled


def weight_normalize(s: S1) -> S1:
    """Divide each column by the sum of its magnitudes."""
    scaled: S1 = s / s.abs().sum(axis=0)
    return scaled


def center(s: S1) -> S1:
    """Take each column's mean off."""
    shifted: S1 = s - s.mean()
    return shifted


def standardize(df: pd.DataFrame) -> pd.DataFrame:
    """Take each column's mean off and divide by its population standard deviation."""
    return variance_normalize(center(df))


def power(df: pd.DataFrame, p: float) -> pd.DataFrame:
    """Raise magnitudes to the power p, keeping signs.

    Raises
    ------
    ScoringInputError
        For NaN or an unsorted index, or when a column's correlation with its power is below 0.9.
    """
    if df.isna().any().any():
        refuse("df", "no NaN", f"{int(df.isna().sum().sum())}", "drop or fill them")
    require_sorted("df", df.index)
    values = frame_of("df", df).to_numpy(dtype=np.float64)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        raised = signed_power_1_5(values) if p == 1.5 else np.sign(values) * np.abs(values) ** p
    for column, before, after in zip(df.columns, values.T, raised.T, strict=True):
        finite = np.isfinite(before) & np.isfinite(after)
        correlation = pearson(before[finite], after[finite])
        if correlation < LEAST_CORRELATION_WITH_POWER:
            expected = f"a correlation of at least {LEAST_CORRELATION_WITH_POWER} with its power"
            refuse("df", expected, f"{correlation:.3f} in {column!r}", "clip its extremes")
    return pd.DataFrame(raised, index=df.index, columns=df.columns)


def gaussian(df: S1) -> S1:
    """Normal quantile of each value in (0, 1). The index must be sorted."""
    require_sorted("df", df.index)
    if isinstance(df, pd.Series):
        return pd.Series(ndtri(values_of("df", df)), index=df.index, name=df.name)
    quantiles = ndtri(frame_of("df", df).to_numpy(dtype=np.float64))
    return pd.DataFrame(quantiles, index=df.index, columns=df.columns)


def orthogonalize(v: Floats, u: Floats) -> Floats:
    """Take the projection on u off v: ``v - u (v.u) / (u.u)``, for a vector v or each column of v."""
    v, u = array_of("v", v), array_of("u", u)
    return np.asarray(v - np.outer(u, (v.T @ u) / (u.T @ u)).reshape(v.shape))


def tie_kept_rank__gaussianize__pow_1_5(df: pd.DataFrame) -> pd.DataFrame:
    """Gaussian tie-kept ranks to the power 1.5: what CORR correlates with the target."""
    return power(gaussian(tie_kept_rank(frame_of("df", df))), 1.5)


def validate_indices(live_targets: pd.Series, predictions: pd.Series) -> None:
    """Refuse indices that are not equal and sorted, and NaN."""
    require_sorted("live_targets", live_targets.index)
    require_sorted("predictions", predictions.index)
    if not same_labels(predictions.index, live_targets.index):
        refuse("predictions", "the ids of live_targets", "others", "align them with filter_sort_index")
    for name, series in (("live_targets", live_targets), ("predictions", predictions)):
        if series.isna().any():
            refuse(name, "no NaN", f"{int(series.isna().sum())}", "drop them")


def correlation(live_targets: pd.Series, predictions: pd.Series) -> float:
    """Pearson correlation of two Series with the same sorted ids, in [-1, 1].

    NaN when one is constant or has an infinity.
    """
    validate_indices(live_targets, predictions)
    return pearson(values_of("live_targets", live_targets), values_of("predictions", predictions))


def tie_broken_rank_correlation(target: pd.Series, predictions: pd.Series) -> float:
    """Pearson correlation of a target with tie-broken ranks."""
    return correlation(target, tie_broken_rank(series_of("predictions", predictions)))


def spearman_correlation(target: pd.Series, predictions: pd.Series) -> float:
    """Pearson correlation of tie-kept ranks."""
    validate_indices(target, predictions)
    ranks = [series_of(name, s).rank() for name, s in (("target", target), ("predictions", predictions))]
    return pearson(*(values_of("target", ranked) for ranked in ranks))


def pearson_correlation(target: pd.Series, predictions: pd.Series, top_bottom: int | None = None) -> float:
    """Pearson correlation, of the highest and lowest predictions only when ``top_bottom`` is given."""
    tail = tail_size(top_bottom)
    if tail:
        predictions = filter_sort_top_bottom_concat(predictions, tail)
        # Only the tails of the target stay, so that many of its ids may be dropped here.
        target, predictions = filter_sort_index(target, predictions, 1 - tail / max(len(target), 1))
    return correlation(target, predictions)


def sharpe_ratio(s: pd.Series) -> float:
    """Mean over population standard deviation."""
    values = values_of("s", s)
    values = values[~np.isnan(values)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(values.mean() / values.std()) if len(values) else math.nan
