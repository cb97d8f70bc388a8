"""The building blocks of the scores, as pandas functions with the names of ``numerai_tools.scoring`` 0.7.2.

The scores themselves are computed by exact counterparts of these; the functions here serve those who
build scores of their own. Each behaves as its namesake, also in what it refuses.
"""

from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from scipy.special import ndtri

from scorer.scoring.alignment import DEFAULT_MAX_FILTERED_INDEX_RATIO, keeps_enough
from scorer.scoring.errors import refuse
from scorer.scoring.exact import Floats, pearson
from scorer.scoring.quantiles import signed_power_1_5

Frame = TypeVar("Frame", pd.Series, pd.DataFrame)
Other = TypeVar("Other", pd.Series, pd.DataFrame)
RankMethod = Literal["average", "min", "max", "first", "dense"]
LEAST_CORRELATION_WITH_POWER = 0.9


def filter_sort_index(
    s1: Frame, s2: Other, max_filtered_ratio: float = DEFAULT_MAX_FILTERED_INDEX_RATIO
) -> tuple[Frame, Other]:
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
    order = np.argsort(s.to_numpy(), kind="stable")
    top, bottom = s.iloc[order[-top_bottom:]], s.iloc[order[:top_bottom]]
    return top.sort_index(), bottom.sort_index()


def filter_sort_top_bottom_concat(s: pd.Series, top_bottom: int) -> pd.Series:
    """Return the highest and lowest values together, sorted by id."""
    both: pd.Series = pd.concat(list(filter_sort_top_bottom(s, top_bottom)))
    return both.sort_index()


def rank(s: Frame, method: RankMethod = "average") -> Frame:
    """Percentile rank each column: ``(r - 1/2) / count``, NaN left out. The index must be sorted."""
    _require_sorted("s", s.index)
    ranked: Frame = (s.rank(method=method) - 0.5) / s.count()
    return ranked


def tie_broken_rank(df: Frame) -> Frame:
    """Percentile rank each column, equal values by the order of their ids."""
    return rank(df, "first")


def tie_kept_rank(s: Frame) -> Frame:
    """Percentile rank each column, equal values by their average."""
    return rank(s, "average")


def _require_sorted(name: str, index: pd.Index) -> None:
    if not index.is_monotonic_increasing:
        refuse(name, "a sorted index", "an unsorted one", "call sort_index() first")


def min_max_normalize(s: pd.Series) -> pd.Series:
    """Scale values to [0, 1]."""
    scaled: pd.Series = (s - s.min()) / (s.max() - s.min())
    return scaled


def variance_normalize(df: Frame) -> Frame:
    """Divide each column by its population standard deviation."""
    scaled: Frame = df / df.std(axis=0, ddof=0)
    return scaled


def weight_normalize(s: Frame) -> Frame:
    """Divide each column by the sum of its magnitudes."""
    scaled: Frame = s / s.abs().sum(axis=0)
    return scaled


def center(s: Frame) -> Frame:
    """Take each column's mean off."""
    shifted: Frame = s - s.mean()
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
    _require_sorted("df", df.index)
    values = df.to_numpy(dtype=np.float64)
    raised = signed_power_1_5(values) if p == 1.5 else np.sign(values) * np.abs(values) ** p
    for column, before, after in zip(df.columns, values.T, raised.T, strict=True):
        correlation = pearson(np.ascontiguousarray(before), np.ascontiguousarray(after))
        if correlation < LEAST_CORRELATION_WITH_POWER:
            expected = f"a correlation of at least {LEAST_CORRELATION_WITH_POWER} with its power"
            refuse("df", expected, f"{correlation:.3f} in {column!r}", "clip its extremes")
    return pd.DataFrame(raised, index=df.index, columns=df.columns)


def gaussian(df: Frame) -> Frame:
    """Normal quantile of each value in (0, 1). The index must be sorted."""
    _require_sorted("df", df.index)
    quantiles = ndtri(df.to_numpy(dtype=np.float64))
    if isinstance(df, pd.Series):
        return pd.Series(quantiles, index=df.index, name=df.name)
    return pd.DataFrame(quantiles, index=df.index, columns=df.columns)


def orthogonalize(v: Floats, u: Floats) -> Floats:
    """Take the projection on u off v: ``v - u (v.u) / (u.u)``, for a vector v or each column of v."""
    return np.asarray(v - np.outer(u, (v.T @ u) / (u.T @ u)).reshape(v.shape), dtype=np.float64)


def one_hot_encode(df: pd.DataFrame, columns: list[str], dtype: type = np.float64) -> pd.DataFrame:
    """Replace columns of discrete values by one column a value, named ``column_value``, of zeros and ones."""
    for column in columns:
        encoded = pd.get_dummies(df[column], prefix=column, prefix_sep="_", dtype=dtype)
        df = df.drop(columns=column).join(encoded)
    return df


def tie_kept_rank__gaussianize__pow_1_5(df: pd.DataFrame) -> pd.DataFrame:
    """Gaussian tie-kept ranks to the power 1.5: what CORR correlates with the target."""
    return power(gaussian(tie_kept_rank(df)), 1.5)


def validate_indices(live_targets: pd.Series, predictions: pd.Series) -> None:
    """Refuse indices that are not equal and sorted, and NaN."""
    _require_sorted("live_targets", live_targets.index)
    if not predictions.index.equals(live_targets.index):
        refuse("predictions", "the ids of live_targets", "others", "align them with filter_sort_index")
    for name, series in (("live_targets", live_targets), ("predictions", predictions)):
        if series.isna().any():
            refuse(name, "no NaN", f"{int(series.isna().sum())}", "drop them")


def correlation(live_targets: pd.Series, predictions: pd.Series) -> float:
    """Pearson correlation of two Series with the same sorted ids, in [-1, 1]; NaN for a constant."""
    validate_indices(live_targets, predictions)
    return pearson(_values(live_targets), _values(predictions))


def tie_broken_rank_correlation(target: pd.Series, predictions: pd.Series) -> float:
    """Pearson correlation of a target with tie-broken ranks."""
    return correlation(target, tie_broken_rank(predictions))


def spearman_correlation(target: pd.Series, predictions: pd.Series) -> float:
    """Pearson correlation of tie-kept ranks."""
    validate_indices(target, predictions)
    return pearson(_values(target.rank()), _values(predictions.rank()))


def pearson_correlation(target: pd.Series, predictions: pd.Series, top_bottom: int | None = None) -> float:
    """Pearson correlation, of the highest and lowest predictions only when ``top_bottom`` is given."""
    if top_bottom:
        predictions = filter_sort_top_bottom_concat(predictions, top_bottom)
        target, predictions = filter_sort_index(target, predictions, 1 - top_bottom / len(target))
    return correlation(target, predictions)


def _values(series: pd.Series) -> Floats:
    return series.to_numpy(dtype=np.float64)


def sharpe_ratio(s: pd.Series) -> float:
    """Mean over population standard deviation."""
    return float(np.mean(s) / np.std(s))
