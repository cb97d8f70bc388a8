"""Dynamic eras, burn hardening and the churn penalty: their formulas, their bounds, and the same bits."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numerai_tools.signals import neutral_churn_penalty

from scorer.rewards import (
    burn_hardening,
    originality_factors,
    realised_volatility,
    retained_shares,
    reward_scores,
    volatility_factor,
)

ONE = 1_000_000


def test_realised_volatility_is_the_root_mean_square_of_all_returns() -> None:
    returns = np.array([[0.03, -0.03], [0.01, 0.05]])
    assert realised_volatility(returns) == pytest.approx(math.sqrt(0.0044 / 4), rel=1e-15)


@given(st.permutations(list(range(60))))
def test_the_order_of_ids_and_sessions_changes_no_bit_of_it(order: list[int]) -> None:
    returns = np.random.default_rng(3).standard_normal(60) / 50
    assert realised_volatility(returns[order].reshape(3, 20)) == realised_volatility(returns.reshape(3, 20))


def factor(realised: float, target: int = 20_000, least: int = 250_000, most: int = 1_500_000) -> int:
    return volatility_factor(realised, target=target, least=least, most=most)


@given(st.floats(1e-9, 10))
def test_the_volatility_factor_is_target_over_realised_within_its_bounds(realised: float) -> None:
    ratio = Fraction(20_000, ONE) / Fraction(realised)
    exact = min(Fraction(3, 2), max(Fraction(1, 4), ratio))
    assert abs(factor(realised) - exact * ONE) <= Fraction(501, 1000)


@pytest.mark.parametrize(
    ("realised", "ppm"),
    [(0.02, ONE), (0.04, 500_000), (0.03, 666_667), (0.08, 250_000), (9.0, 250_000), (0.001, 1_500_000)],
)
def test_a_crisis_halves_what_a_round_pays_and_burns_down_to_the_bound(realised: float, ppm: int) -> None:
    assert factor(realised) == ppm


def test_a_universe_that_did_not_move_counts_as_quiet() -> None:
    assert factor(0.0) == 1_500_000
    assert factor(5e-324) == 1_500_000


@pytest.mark.parametrize(
    ("correlation", "ppm"),
    [(-1.0, ONE), (0.0, ONE), (0.5, ONE), (0.75, 1_500_000), (0.6, 1_200_000), (1.0, 2_000_000)],
)
def test_burns_harden_from_the_start_to_a_perfect_copy(correlation: float, ppm: int) -> None:
    assert burn_hardening(np.array([correlation]), start=500_000, most=2_000_000).tolist() == [ppm]


def test_without_a_meta_model_nothing_hardens() -> None:
    assert burn_hardening(np.array([np.nan]), start=0, most=3 * ONE).tolist() == [ONE]


@given(
    st.lists(st.floats(-1, 1), min_size=2, max_size=20), st.integers(0, 999_999), st.integers(ONE, 9 * ONE)
)
def test_hardening_stays_in_its_bounds_and_rises_with_the_correlation(
    correlations: list[float], start: int, most: int
) -> None:
    found = burn_hardening(np.array(sorted(correlations)), start=start, most=most)
    assert (np.diff(found) >= 0).all()
    assert found.min() >= ONE
    assert found.max() <= most


@given(st.floats(0, 2))
def test_the_kept_share_is_that_of_numerai_tools(churn: float) -> None:
    found = retained_shares(np.array([churn]), threshold=100_000, scale=10 * ONE)[0]
    assert abs(found - neutral_churn_penalty(churn) * ONE) <= 0.51


@pytest.mark.parametrize(("churn", "ppm"), [(0.1, ONE), (0.15, 755_081), (0.2, 537_883), (0.3, 238_406)])
def test_the_kept_share_at_known_points(churn: float, ppm: int) -> None:
    assert retained_shares(np.array([churn]), threshold=100_000, scale=10 * ONE).tolist() == [ppm]


def test_a_steep_penalty_keeps_nothing_and_does_not_overflow() -> None:
    assert retained_shares(np.array([2.0, 0.0]), threshold=0, scale=1000 * ONE).tolist() == [0, ONE]


@pytest.mark.parametrize(
    ("correlation", "once", "twice"),
    [
        (1.0, 0, 0),
        (0.5, 750_000, 562_500),
        (0.8, 360_000, 129_600),
        (0.0, ONE, ONE),
        (-0.7, ONE, ONE),
        (-1.0, ONE, ONE),
        (np.nan, ONE, ONE),
    ],
)
def test_what_the_meta_model_explains_is_not_ones_own(correlation: float, once: int, twice: int) -> None:
    alone = np.array([correlation])
    assert originality_factors(alone, exponent=1).tolist() == [once]
    assert originality_factors(alone, exponent=2).tolist() == [twice]


@given(st.lists(st.floats(-1.000001, 1.000001), min_size=2, max_size=20), st.integers(1, 4))
def test_originality_stays_in_its_bounds_and_falls_with_the_correlation(
    correlations: list[float], exponent: int
) -> None:
    found = originality_factors(np.array(sorted(correlations)), exponent=exponent)
    assert (np.diff(found) <= 0).all()
    assert found.min() >= 0
    assert found.max() <= ONE


@given(st.floats(0, 1), st.integers(1, 4))
def test_originality_is_the_formula_rounded_once(correlation: float, exponent: int) -> None:
    found = int(originality_factors(np.array([correlation]), exponent=exponent)[0])
    exact = (1 - Fraction(correlation) ** 2) ** exponent
    assert abs(found - exact * ONE) <= Fraction(501, 1000)


def test_originality_scales_payouts_and_burns_and_the_burn_multiplier_burns_alone() -> None:
    scores, half = {"mmc": np.array([0.02, -0.02])}, np.array([500_000, 500_000])
    found = reward_scores(scores, [("mmc", ONE)], originality=half, burn=1_100_000)
    assert found.tolist() == [10_000, -11_000]


def one_reward(score: float, hardening: int = ONE, retained: int = ONE, volatility: int = ONE) -> int:
    found = reward_scores(
        {"corr": np.array([score])},
        [("corr", ONE)],
        volatility=volatility,
        hardening=np.array([hardening]),
        retained=np.array([retained]),
    )
    return int(found[0])


def test_hardening_touches_burns_only_and_the_kept_share_payouts_only() -> None:
    assert one_reward(0.02, hardening=2 * ONE) == 20_000
    assert one_reward(-0.02, hardening=2 * ONE) == -40_000
    assert one_reward(0.02, retained=250_000) == 5_000
    assert one_reward(-0.02, retained=250_000) == -20_000


def test_the_volatility_factor_scales_payouts_and_burns_alike() -> None:
    assert one_reward(0.02, volatility=500_000) == 10_000
    assert one_reward(-0.02, volatility=500_000, hardening=1_500_000) == -15_000


@given(st.floats(-1, 1), st.integers(ONE, 3 * ONE), st.integers(0, ONE), st.integers(1, 2 * ONE))
def test_a_reward_is_rounded_once_after_all_adjusters(
    score: float, hardening: int, retained: int, volatility: int
) -> None:
    total = score * (volatility / ONE)
    if total < 0:
        total *= hardening / ONE
    elif total > 0:
        total *= retained / ONE
    assert one_reward(score, hardening, retained, volatility) == round(Fraction(total) * ONE)


def test_adjusters_of_one_change_no_bit_and_no_missing_score() -> None:
    scores = {"corr": np.array([0.013_579, -0.024_68, np.nan, 0.0])}
    plain = reward_scores(scores, [("corr", 3 * ONE)])
    ones = np.full(4, ONE)
    adjusted = reward_scores(scores, [("corr", 3 * ONE)], volatility=ONE, hardening=ones, retained=ones)
    assert adjusted.tolist() == plain.tolist()
    assert plain.tolist()[2:] == [0, 0]
