"""Bins and residuals against plain references."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.data.bins import EVEN, MIDDLE, MISSING, NUMERAI, bin_rows, doubled_ranks
from scorer.data.neutral import exact_residual, ridge
from scorer.scoring import neutralize


def plain_bins(values: list[float], edges: tuple[int, ...], missing: int) -> list[int]:
    """Bins from average ranks, as fractions of whole numbers."""
    finite = [value for value in values if value == value]
    codes = []
    for value in values:
        below, level = sum(v < value for v in finite), sum(v == value for v in finite)
        doubled = 2 * below + level
        codes.append(sum(100 * doubled > 2 * len(finite) * edge for edge in edges) if level else missing)
    return codes


@given(
    st.lists(st.one_of(st.integers(0, 6).map(float), st.just(float("nan"))), min_size=1, max_size=40),
    st.sampled_from([EVEN, NUMERAI]),
)
def test_bins_go_by_the_average_rank(values: list[float], edges: tuple[int, ...]) -> None:
    rows = np.array([values, values[::-1]])
    found = bin_rows(rows, edges, MISSING)
    assert found[0].tolist() == plain_bins(values, edges, MISSING)
    assert found[1].tolist() == found[0].tolist()[::-1]


def test_bins_hold_their_share_of_the_names() -> None:
    values = np.random.default_rng(1).normal(size=(1, 1000))
    assert np.bincount(bin_rows(values)[0]).tolist() == [200] * 5
    assert np.bincount(bin_rows(values, NUMERAI)[0]).tolist() == [50, 200, 500, 200, 50]


def test_a_constant_and_a_missing_feature_are_in_the_middle() -> None:
    assert bin_rows(np.array([[7.0] * 9, [np.nan] * 9])).tolist() == [[MIDDLE] * 9] * 2


def test_doubled_ranks_are_average_ranks() -> None:
    values = np.random.default_rng(2).integers(0, 9, 50).astype(float)
    expected = 2 * pd.Series(values).rank(method="average") - 1
    assert doubled_ranks(values).tolist() == expected.astype(int).tolist()


def columns(rows: int = 400) -> np.ndarray:
    generator = np.random.default_rng(3)
    sectors = generator.integers(0, 8, rows)
    dummies = (sectors[:, np.newaxis] == np.arange(8)).astype(float)
    return np.column_stack([dummies, generator.normal(size=(rows, 3))])


def test_residuals_are_those_of_numerai_tools_neutralize() -> None:
    values = np.random.default_rng(4).normal(size=400)
    index = pd.RangeIndex(400)
    reference = neutralize(pd.DataFrame({"x": values}, index), pd.DataFrame(columns(), index))["x"].to_numpy()
    assert np.abs(exact_residual(values, columns()) - reference).max() < 1e-10


def test_residuals_are_indifferent_to_the_order_of_rows_to_the_last_bit() -> None:
    values = np.random.default_rng(4).normal(size=400)
    expected = exact_residual(values, columns())
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(400)
        assert (exact_residual(values[order], columns()[order]) == expected[order]).all()


def test_residuals_use_no_blas_whose_sums_have_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(4).normal(size=400)
    expected = exact_residual(values, columns())
    from scorer.data import neutral
    from scorer.scoring import exact

    def backwards(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return exact.exact_matmul(np.fliplr(left).copy(), np.flipud(right).copy())

    monkeypatch.setattr(neutral, "exact_matmul", backwards)
    assert (neutral.exact_residual(values, columns()) == expected).all()


def test_ridge_solves_its_normal_equations() -> None:
    features = np.random.default_rng(5).integers(-2, 3, (500, 20)).astype(float)
    target = np.random.default_rng(6).normal(size=500)
    found = ridge(features.T @ features, features.T @ target, 7.0)
    expected = np.linalg.solve(features.T @ features + 7 * np.eye(20), features.T @ target)
    assert np.abs(found - expected).max() < 1e-12
