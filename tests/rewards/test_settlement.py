"""Settlement against the formula of PayoutMath, written out in Python's integers, one model at a time."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scorer.rewards import payout_factor, reward_rates, settle

ONE = 1_000_000
MAX_UINT64 = 2**64 - 1
INT24 = (-(2**23), 2**23 - 1)

positions_of = st.one_of(
    st.integers(0, MAX_UINT64), st.sampled_from([0, 1, ONE - 1, ONE, 2**63, MAX_UINT64 - 1, MAX_UINT64])
)
scores_of = st.one_of(st.integers(*INT24), st.sampled_from([*INT24, -ONE, ONE, -1, 0, 1]))
rounds_of = st.lists(st.tuples(positions_of, scores_of), max_size=12)
ppm_of = st.integers(0, ONE)


def plain_rate(score: int, factor: int, cap: int) -> int:
    """Follow the contract's comment: score * factor / 1e6, truncated towards zero, clipped to +-cap."""
    magnitude = min(abs(score) * factor // ONE, cap)
    return -magnitude if score < 0 else magnitude


def plain_outcome(position: int, score: int, factor: int, cap: int) -> tuple[int, int]:
    rate = plain_rate(score, factor, cap)
    amount = position * abs(rate) // ONE
    return (amount, 0) if rate > 0 else (0, amount)


def arrays(models: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    positions = np.array([position for position, _ in models], dtype=np.uint64)
    return positions, np.array([score for _, score in models], dtype=np.int64)


@given(rounds_of, ppm_of, st.integers(1, ONE))
@example([(MAX_UINT64, INT24[0]), (MAX_UINT64, INT24[1])], ONE, ONE)
@example([(MAX_UINT64, -1), (1, 1), (ONE - 1, 1)], ONE, 1)
def test_payouts_and_burns_are_those_of_the_plain_formula(
    models: list[tuple[int, int]], factor: int, cap: int
) -> None:
    found = settle(*arrays(models), factor=factor, cap=cap)
    expected = [plain_outcome(position, score, factor, cap) for position, score in models]
    assert list(zip(found.payouts.tolist(), found.burns.tolist(), strict=True)) == expected
    assert found.rates.tolist() == [plain_rate(score, factor, cap) for _, score in models]
    assert found.total_payout == sum(payout for payout, _ in expected)
    assert found.total_burn == sum(burn for _, burn in expected)


@given(rounds_of, st.integers(1, ONE), ppm_of)
@example([(MAX_UINT64, ONE), (MAX_UINT64, ONE)], ONE, ONE // 2)
@example([(10, ONE), (20, -ONE)], ONE, 0)
def test_a_short_pool_scales_every_payout_down_and_no_burn(
    models: list[tuple[int, int]], cap: int, part: int
) -> None:
    full = settle(*arrays(models), factor=ONE, cap=cap)
    total = sum(full.payouts.tolist())
    available = total * part // ONE
    scaled = settle(*arrays(models), factor=ONE, cap=cap, available=available)
    expected = (
        [payout * available // total for payout in full.payouts.tolist()] if total else [0] * len(models)
    )
    assert scaled.payouts.tolist() == expected
    assert scaled.total_payout <= available
    assert scaled.burns.tolist() == full.burns.tolist()


@pytest.mark.parametrize(
    ("available", "payouts"),
    [(0, [0, 0]), (1, [0, 0]), (2, [0, 1]), (15, [5, 10]), (29, [9, 19]), (30, [10, 20]), (31, [10, 20])],
)
def test_a_pool_pays_in_proportion_and_never_more_than_it_has(available: int, payouts: list[int]) -> None:
    found = settle(*arrays([(10, ONE), (20, ONE)]), factor=ONE, cap=ONE, available=available)
    assert found.payouts.tolist() == payouts


@given(rounds_of, ppm_of, st.integers(1, ONE))
def test_no_outcome_exceeds_the_cap_or_the_position(
    models: list[tuple[int, int]], factor: int, cap: int
) -> None:
    found = settle(*arrays(models), factor=factor, cap=cap)
    for (position, _), payout, burn in zip(models, found.payouts.tolist(), found.burns.tolist(), strict=True):
        assert payout + burn <= position * cap // ONE <= position
        assert payout == 0 or burn == 0


@given(
    rounds_of.flatmap(lambda models: st.tuples(st.just(models), st.permutations(models))),
    st.integers(0, 2**65),
)
def test_the_order_of_models_changes_no_outcome(
    both: tuple[list[tuple[int, int]], list[tuple[int, int]]], available: int
) -> None:
    outcomes = []
    for models in both:
        found = settle(*arrays(models), factor=700_000, cap=50_000, available=available)
        outcomes.append(sorted(zip(models, found.payouts.tolist(), found.burns.tolist(), strict=True)))
    assert outcomes[0] == outcomes[1]


@given(rounds_of, ppm_of, st.integers(1, ONE), st.integers(0, 2**65), st.data())
def test_a_silent_model_gets_its_position_back_and_nobody_else_notices(
    models: list[tuple[int, int]], factor: int, cap: int, available: int, data: st.DataObject
) -> None:
    reported = settle(*arrays(models), factor=factor, cap=cap, available=available)
    numbers = np.arange(7, 7 + len(models))
    silent = data.draw(st.sets(st.sampled_from([*numbers.tolist(), 3])))
    found = reported.without(silent, numbers)
    for number, *outcome in zip(
        numbers.tolist(),
        zip(found.rates.tolist(), found.payouts.tolist(), found.burns.tolist(), strict=True),
        zip(reported.rates.tolist(), reported.payouts.tolist(), reported.burns.tolist(), strict=True),
        strict=True,
    ):
        assert outcome[0] == ((0, 0, 0) if number in silent else outcome[1])
    assert found.total_payout <= min(available, reported.total_payout)


def test_a_silent_model_leaves_its_part_of_a_short_pool_to_nobody() -> None:
    found = settle(*arrays([(10, ONE), (20, ONE)]), factor=ONE, cap=ONE, available=15)
    assert found.without({1}, np.array([1, 2])).payouts.tolist() == [0, 10]


def test_a_negative_rate_is_truncated_towards_zero_and_not_down() -> None:
    rates = reward_rates(np.array([-3, 3, -1, 1], dtype=np.int64), 500_000, ONE)
    assert rates.tolist() == [-1, 1, 0, 0]


def test_a_score_at_the_cap_is_not_clipped_and_one_beyond_is() -> None:
    rates = reward_rates(np.array([50_000, 50_001, -50_000, -50_001], dtype=np.int64), ONE, 50_000)
    assert rates.tolist() == [50_000, 50_000, -50_000, -50_000]


def test_a_score_of_zero_returns_the_position_whole() -> None:
    found = settle(np.array([MAX_UINT64], dtype=np.uint64), np.zeros(1, dtype=np.int64), factor=ONE, cap=ONE)
    assert (found.payouts.tolist(), found.burns.tolist()) == ([0], [0])


def test_a_round_without_positions_settles_to_nothing() -> None:
    empty = settle(
        np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64), factor=ONE, cap=ONE, available=0
    )
    assert (empty.total_payout, empty.total_burn) == (0, 0)


@pytest.mark.parametrize(
    ("positions", "scores"),
    [
        (np.ones(1), np.ones(1, np.int64)),
        (np.ones(1, np.int64), np.ones(1, np.int64)),
        (np.ones(1, np.uint64), np.ones(1)),
    ],
)
def test_types_that_numpy_would_take_to_floats_are_refused(positions: np.ndarray, scores: np.ndarray) -> None:
    with pytest.raises(TypeError, match="expected positions in uint64 and scores in int64, found"):
        settle(positions, scores, factor=ONE, cap=ONE)


@given(st.integers(0, MAX_UINT64), st.integers(1, MAX_UINT64))
@example(72_000 * 10**9, 72_000 * 10**9)
@example(72_000 * 10**9 + 1, 72_000 * 10**9)
def test_the_payout_factor_is_one_up_to_the_threshold_and_then_its_share(
    at_risk: int, threshold: int
) -> None:
    expected = ONE if at_risk <= threshold else threshold * ONE // at_risk
    assert payout_factor(at_risk, threshold) == expected
    assert 0 <= payout_factor(at_risk, threshold) <= ONE
