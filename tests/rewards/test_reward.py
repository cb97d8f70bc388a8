"""Reward scores: the weighed sum, how it is rounded, and what becomes of models without a score."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.rewards import reward_scores
from scorer.rewards.reward import MAX_REWARD_SCORE

ONE = 1_000_000


def one_score(score: float, multiplier: int = ONE) -> int:
    return int(reward_scores({"corr": np.array([score])}, [("corr", multiplier)])[0])


@given(st.floats(-1, 1), st.floats(-1, 1), st.integers(-3 * ONE, 3 * ONE), st.integers(-3 * ONE, 3 * ONE))
def test_a_reward_score_is_the_float_sum_of_products_rounded_from_its_exact_value(
    corr: float, mmc: float, of_corr: int, of_mmc: int
) -> None:
    found = reward_scores(
        {"mmc": np.array([mmc]), "corr": np.array([corr])}, [("corr", of_corr), ("mmc", of_mmc)]
    )
    total = 0.0 + (of_corr / ONE) * corr + (of_mmc / ONE) * mmc
    assert found.tolist() == [round(Fraction(total) * ONE)]


@pytest.mark.parametrize(
    ("sixty_fourths", "ppm"), [(1, 7812), (3, 23438), (5, 39062), (-1, -7812), (-3, -23438)]
)
def test_an_exact_half_goes_to_the_even_neighbour(sixty_fourths: int, ppm: int) -> None:
    assert abs(Fraction(sixty_fourths, 128) * ONE % 1) == Fraction(1, 2)
    assert one_score(sixty_fourths / 128) == ppm


def test_what_only_a_float_product_takes_for_a_half_is_rounded_by_its_exact_value() -> None:
    scores = [float(np.nextafter((2 * k + 1) / 2e6, toward)) for k in range(200) for toward in (0, 1)]
    assert any(round(score * ONE) != round(Fraction(score) * ONE) for score in scores)
    assert [one_score(score) for score in scores] == [round(Fraction(score) * ONE) for score in scores]


def test_a_model_that_lacks_any_factor_gets_zero() -> None:
    scores = {"corr": np.array([0.1, np.nan, 0.1]), "mmc": np.array([0.2, 0.2, np.nan])}
    found = reward_scores(scores, [("corr", ONE), ("mmc", ONE)])
    assert found.tolist() == [300_000, 0, 0]


def test_a_missing_factor_counts_even_with_a_multiplier_of_zero() -> None:
    scores = {"corr": np.array([0.1]), "mmc": np.array([np.nan])}
    assert reward_scores(scores, [("corr", ONE), ("mmc", 0)]).tolist() == [0]


@pytest.mark.parametrize("huge", [8.388608, 9.0, 1e12, 1e308, np.inf])
def test_a_score_beyond_24_bits_saturates_on_both_sides(huge: float) -> None:
    assert (one_score(huge), one_score(-huge)) == (MAX_REWARD_SCORE, -MAX_REWARD_SCORE)


def test_an_overflow_of_the_products_neither_warns_nor_touches_another_model() -> None:
    scores = {"corr": np.array([1e308, 0.1, np.inf]), "mmc": np.array([1e308, 0.1, -np.inf])}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = reward_scores(scores, [("corr", 10 * ONE), ("mmc", ONE)])
    assert found.tolist() == [MAX_REWARD_SCORE, 1_100_000, 0]


def test_factors_are_added_in_the_order_of_the_rules_and_not_of_the_scores() -> None:
    """1e16 + 1 - 1e16 is 0 in float64, 1e16 - 1e16 + 1 is 1: the order is part of the result."""
    parts = {"a": np.array([1e16]), "b": np.array([1.0]), "c": np.array([-1e16])}
    weights = {"a": ONE, "b": ONE, "c": ONE}
    assert reward_scores(parts, [(name, weights[name]) for name in "abc"]).tolist() == [0]
    assert reward_scores(parts, [(name, weights[name]) for name in "acb"]).tolist() == [ONE]
    assert reward_scores(dict(reversed(parts.items())), [(n, weights[n]) for n in "acb"]).tolist() == [ONE]


def test_a_factor_without_scores_is_an_error() -> None:
    with pytest.raises(KeyError, match="mmc"):
        reward_scores({"corr": np.array([0.1])}, [("corr", ONE), ("mmc", ONE)])


def test_no_models_have_no_reward_scores() -> None:
    found = reward_scores({"corr": np.empty(0)}, [("corr", ONE)])
    assert found.shape == (0,)
    assert found.dtype == np.int64
