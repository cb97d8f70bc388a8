"""Random rounds of every awkward kind, scored by numerai_tools and by us.

A case is one seed. The default run takes a few of them, the long one thousands.
"""

import warnings
from collections.abc import Callable

import numerai_tools.scoring as reference
import numpy as np
import pandas as pd
import pytest

import scorer.scoring as ours

from .rounds import BINS
from .test_neutral import features_of

CLOSE = 1e-9
BATCH = 25

Case = tuple[pd.DataFrame, pd.Series, pd.Series, pd.DataFrame]


def submission(rng: np.random.Generator, ids: int) -> np.ndarray:
    """One submission of a random kind: smooth, heavy, tied, two-valued, duplicated, nearly constant."""
    smooth = rng.normal(size=ids)
    kinds: list[Callable[[], np.ndarray]] = [
        lambda: rng.random(ids),
        lambda: smooth,
        lambda: rng.standard_cauchy(ids),
        lambda: np.exp(30 * smooth),
        lambda: np.round(smooth, int(rng.integers(0, 3))),
        lambda: rng.integers(0, 2, ids).astype(np.float64),
        lambda: rng.choice(smooth[: ids // 2 + 1], ids),
        lambda: np.where(np.arange(ids) == rng.integers(ids), 1.0, 0.5),
        lambda: smooth.astype(np.float32).astype(np.float64),
        lambda: 1e9 + smooth * 1e-6,
        lambda: np.nextafter(0.5, 1) * (1 + 2.0**-52 * rng.integers(0, 9, ids)),
        lambda: np.clip(smooth, -0.5, 0.5),
    ]
    return kinds[rng.integers(len(kinds))]()


def target_of(rng: np.random.Generator, ids: int) -> np.ndarray:
    kinds: list[Callable[[], np.ndarray]] = [
        lambda: rng.choice(BINS, ids, p=(0.05, 0.2, 0.5, 0.2, 0.05)),
        lambda: rng.choice(BINS, ids, p=(0.6, 0.3, 0.05, 0.04, 0.01)),
        lambda: rng.normal(size=ids) * 10.0 ** rng.integers(-6, 7),
        lambda: rng.random(ids),
        lambda: rng.standard_t(5, ids) + 100,
    ]
    target = kinds[rng.integers(len(kinds))]()
    target[0] += 0.25 if target.min() == target.max() else 0
    return target


def case_of(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    ids = int(rng.choice([3, 5, 10, 33, 100, 257, 1000]))
    index = pd.Index(rng.permutation([f"id{row:04d}" for row in range(ids)]))
    rows = [submission(rng, ids) for _ in range(rng.integers(1, 7))]
    columns = [f"model_{row}" for row in range(len(rows))]
    predictions = pd.DataFrame(np.array(rows).T, index=index, columns=columns)
    targets = pd.Series(target_of(rng, ids), index=index, name="target")
    meta = pd.Series(rng.random(ids), index=index, name="meta_model")
    if ids > 30 and rng.random() < 0.5:
        targets = targets.drop(rng.choice(index, ids // 20, replace=False))
        meta[rng.choice(index, ids // 20, replace=False)] = np.nan
    kind = str(rng.choice(["bins", "sectors", "dependent"]))
    features = pd.DataFrame(features_of(kind, ids, seed), index=index)
    return predictions, targets, meta, features


def agree(found: pd.Series, expected: Callable[[], pd.Series], columns: pd.Index) -> int:
    """Compare every finite score of the reference, which may fail as a whole; how many were compared."""
    try:
        values = expected()
    except (AssertionError, ValueError, np.linalg.LinAlgError):
        return 0
    both = [column for column in columns if np.isfinite(values[column]) and np.isfinite(found[column])]
    missing = [column for column in columns if np.isnan(found[column]) and np.isfinite(values[column])]
    constant = str(ours.UnscoredReason.CONSTANT)
    assert all(found.attrs["reasons"][column] == constant for column in missing)
    np.testing.assert_allclose(
        found[both], values[both], rtol=0, atol=CLOSE * max(1, np.abs(values[both]).max())
    )
    return len(both)


def compare(seed: int) -> int:
    predictions, targets, meta, features = case_of(seed)
    columns, ids = predictions.columns, len(predictions)
    top_bottom = None if seed % 3 or ids < 10 else ids // 5
    power = bool(seed % 2)
    compared = agree(
        ours.numerai_corr(predictions, targets, 0.2, top_bottom, power),
        lambda: reference.numerai_corr(predictions, targets, 0.2, top_bottom, power),
        columns,
    )
    compared += agree(
        ours.correlation_contribution(predictions, meta, targets),
        lambda: reference.correlation_contribution(predictions, meta, targets),
        columns,
    )
    if ids < 100:
        return compared
    compared += agree(
        ours.neutral_correlation(predictions, features, targets),
        lambda: reference.neutral_correlation(predictions, features, targets),
        columns,
    )
    compared += agree(
        ours.neutral_contribution(predictions, meta, features, targets),
        lambda: reference.neutral_contribution(predictions, meta, features, targets),
        columns,
    )
    return compared + compare_fnc(predictions, targets, features)


def compare_fnc(predictions: pd.DataFrame, targets: pd.Series, features: pd.DataFrame) -> int:
    """Only submissions without ties: the reference breaks ties in residuals by its rounding noise."""
    untied = predictions.loc[:, predictions.nunique() == len(predictions)].sort_index()
    if untied.shape[1] == 0:
        return 0
    features = features.sort_index()
    return agree(
        ours.feature_neutral_corr(untied, features, targets),
        lambda: reference.feature_neutral_corr(untied, features, targets),
        untied.columns,
    )


def compare_all(seeds: range) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the reference, for constants
        return sum(compare(seed) for seed in seeds)


@pytest.mark.parametrize("first", range(0, 100, BATCH))
def test_random_rounds_agree(first: int) -> None:
    assert compare_all(range(first, first + BATCH)) > BATCH


@pytest.mark.long
@pytest.mark.parametrize("first", range(1000, 6000, 500))
def test_thousands_of_random_rounds_agree(first: int) -> None:
    assert compare_all(range(first, first + 500)) > 500
