"""Exposure of submissions to single features."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scorer.scoring.errors import refuse
from scorer.scoring.exact import Floats, combine_products, exact_matmul, mean, part_bits, split
from scorer.scoring.neutral import matrix_of, require_same_ids
from scorer.scoring.projection import conditioned
from scorer.scoring.tables import frame_of, rows_of, series_of, values_of
from scorer.scoring.tails import tail_size, tails


def feature_correlations(rows: Floats, features: Floats) -> Floats:
    """Pearson correlation of every row with every feature.

    Parameters
    ----------
    rows
        (models, ids) finite.
    features
        (ids, width) finite.

    Returns
    -------
    (models, width) in [-1, 1] up to rounding; NaN for a constant row or feature.
    """
    count = rows.shape[1]
    columns = conditioned(features)
    centred = np.stack([row - mean(row) for row in rows])
    sizes = np.ldexp(1.0, np.frexp(np.abs(centred).max(axis=1, keepdims=True))[1])
    # By a power of two, which rounds nothing: squares of large values would overflow.
    centred = centred / sizes
    products = exact_matmul(centred, columns)
    totals = exact_matmul(np.ones((1, count)), columns)[0]
    left = _squares(centred.T) - _totals(centred.T) ** 2 / count
    right = _squares(columns) - totals**2 / count
    covariances = products - np.outer(_totals(centred.T), totals) / count
    # Constants are found by their values: their variance need not come out as zero.
    flat_rows, flat_columns = _constant(rows.T), _constant(features)
    with np.errstate(invalid="ignore", divide="ignore"):
        # The last column is the constant that `conditioned` adds.
        correlations = covariances[:, :-1] / np.sqrt(np.outer(left, right[:-1]))
    correlations[flat_rows] = np.nan
    correlations[:, flat_columns] = np.nan
    return np.asarray(np.clip(correlations, -1, 1))


def _constant(columns: Floats) -> NDArray[np.bool_]:
    return np.asarray(columns.min(axis=0) == columns.max(axis=0))


def _squares(columns: Floats) -> Floats:
    """Exact sum of squares of each column on a common grid."""
    parts = split(columns, part_bits(len(columns)))
    sums = [(parts.high**2).sum(axis=0), 2 * (parts.high * parts.low).sum(axis=0), (parts.low**2).sum(axis=0)]
    products = combine_products(sums[0], sums[1], sums[2], parts.bits)
    return np.asarray(np.ldexp(products, 2 * parts.unit_exponent))


def _totals(columns: Floats) -> Floats:
    return np.asarray(exact_matmul(np.ones((1, len(columns))), columns)[0])


def feature_exposures(predictions: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Pearson correlation of every column of predictions with every feature.

    Parameters
    ----------
    predictions
        Ids by models, without NaN.
    features
        The same ids by features, without NaN.

    Returns
    -------
    Models by features, in [-1, 1]; NaN for a constant.
    """
    features = frame_of("features", features)
    rows = rows_of("predictions", predictions)
    require_same_ids(predictions, features)
    if not np.isfinite(rows).all():
        refuse("predictions", "finite values", "NaN or infinity", "fill or drop them")
    correlations = feature_correlations(rows, matrix_of("features", features))
    return pd.DataFrame(correlations, index=predictions.columns, columns=features.columns)


def max_feature_correlation(
    s: pd.Series, features: pd.DataFrame, top_bottom: int | None = None
) -> tuple[str, float]:
    """Name the feature that a prediction is most correlated with, in magnitude, and the magnitude.

    Formula: ``numerai_tools.scoring.max_feature_correlation`` 0.7.2: Pearson of the raw values.

    Parameters
    ----------
    s
        By id, without NaN.
    features
        The same ids by features, without NaN.
    top_bottom
        Look only at this many of the highest and as many of the lowest predictions.

    Returns
    -------
    The first such feature, and its correlation's magnitude in [0, 1].

    Raises
    ------
    ScoringInputError
        When ids or values do not fit, or no feature can be correlated.
    """
    frame, tail = series_of("s", s).to_frame(), tail_size(top_bottom)
    features = frame_of("features", features)
    require_same_ids(frame, features)
    if tail:
        chosen = tails(values_of("s", s), tail)
        frame, features = frame.iloc[chosen], features.iloc[chosen]
    sizes = feature_exposures(frame, features).iloc[0].abs()
    if sizes.isna().all():
        refuse("features", "a feature that varies, and predictions that do", "none", "check both")
    return str(sizes.idxmax()), float(sizes.max())


def exposure_dissimilarity(
    predictions: pd.DataFrame, example: pd.Series, features: pd.DataFrame
) -> pd.Series:
    """Dissimilarity of each column's feature exposures from those of an example model.

    With u the exposures of the column and e those of the example: ``1 - (u.e) / (e.e)``. 0 for the
    example itself, above 0 for other exposures, up to 2 for the opposite (the metric of Numerai's forum
    and of numerblox 1.6).

    Parameters
    ----------
    predictions, example
        By id, without NaN.
    features
        The same ids by features, without NaN.
    """
    exposures = feature_exposures(predictions, features).fillna(0).to_numpy()
    reference = feature_exposures(series_of("example", example).to_frame(), features).fillna(0).to_numpy()[0]
    shares = exposures @ reference / (reference @ reference)
    return pd.Series(1 - shares, index=predictions.columns)
