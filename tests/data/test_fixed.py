"""Logarithms and sums on a fixed grid are the same for everyone."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.data.fixed import LOG_BITS, demeaned, fixed_log, on_grid, running_sums


@given(st.lists(st.floats(1e-8, 1e12), min_size=1, max_size=20))
def test_a_fixed_logarithm_is_the_nearest_step_to_the_true_one(values: list[float]) -> None:
    context = mpmath.MPContext()
    context.prec = 200
    true = [int(context.nint(context.log(context.mpf(value)) * 2**LOG_BITS)) for value in values]
    assert fixed_log(np.array(values)).tolist() == true


def test_a_logarithm_that_is_off_in_its_last_bits_gives_the_same_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.exp(np.random.default_rng(1).normal(3, 2, 200_000))
    expected, log = fixed_log(values), np.log
    for units in (-3, 3):

        def nudged(x: np.ndarray, units: int = units) -> np.ndarray:
            return np.asarray(log(x) + units * np.spacing(np.abs(log(x))))

        monkeypatch.setattr(np, "log", nudged)
        assert (fixed_log(values) == expected).all()
        monkeypatch.setattr(np, "log", log)


def test_what_has_no_logarithm_counts_as_zero() -> None:
    assert fixed_log(np.array([np.nan, 0.0, -1.0, np.inf, 1.0])).tolist() == [0, 0, 0, 0, 0]


def test_running_sums_start_with_zero() -> None:
    assert running_sums(np.array([[1, 2], [3, 4]])).tolist() == [[0, 0], [1, 2], [4, 6]]


def test_sums_on_the_grid_have_no_order() -> None:
    generator = np.random.default_rng(2)
    values = generator.normal(size=6000) * np.exp(generator.normal(size=6000) * 3)
    steps = on_grid(values)
    assert np.abs(steps).sum() < 2**53
    assert len({float(steps[generator.permutation(6000)].sum()) for _ in range(20)}) == 1


def test_demeaned_values_have_groups_of_mean_zero() -> None:
    generator = np.random.default_rng(3)
    values, codes = generator.normal(size=100), generator.integers(0, 4, 100)
    left = demeaned(values, codes, np.bincount(codes))
    plain = values - np.array([values[codes == code].mean() for code in range(4)])[codes]
    assert np.corrcoef(left, plain)[0, 1] > 1 - 1e-12
    assert (np.argsort(left) == np.argsort(plain)).all()
