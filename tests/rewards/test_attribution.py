"""Attribution: whatever happened to a position, its steps add up to it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.rewards import AttributionStep, PositionOutcome, SettlementTerms, attribute, reward_scores, settle

ONE = 1_000_000
NMR = 10**9
MULTIPLIERS = (("corr", 500_000), ("mmc", 2 * ONE))
score_of = st.floats(-0.6, 0.6)


def outcome_of(
    position: int,
    scores: dict[str, float],
    terms: SettlementTerms,
    hardening: int | None = None,
    retained: int | None = None,
    available: int | None = None,
    originality: int | None = None,
) -> PositionOutcome:
    """A position settled as a round settles it."""
    reward = reward_scores(
        {name: np.array([score]) for name, score in scores.items()},
        MULTIPLIERS,
        volatility=ONE if terms.volatility is None else terms.volatility,
        originality=None if originality is None else np.array([originality]),
        burn=ONE if terms.burn is None else terms.burn,
        hardening=None if hardening is None else np.array([hardening]),
        retained=None if retained is None else np.array([retained]),
    )
    settled = settle(
        np.array([position], dtype=np.uint64),
        reward,
        factor=terms.payout_factor,
        cap=terms.cap,
        available=available,
    )
    return PositionOutcome(
        position,
        scores,
        originality,
        hardening,
        retained,
        int(reward[0]),
        int(settled.rates[0]),
        settled.total_payout,
        settled.total_burn,
    )


def by_name(steps: tuple[AttributionStep, ...]) -> dict[str, int]:
    return {step.name: step.amount for step in steps}


@given(
    st.integers(0, 2**64 - 1),
    score_of,
    score_of,
    st.integers(0, ONE),
    st.integers(1, ONE),
    st.one_of(st.none(), st.integers(1, 3 * ONE)),
    st.one_of(st.none(), st.integers(ONE, 3 * ONE)),
    st.one_of(st.none(), st.integers(0, ONE)),
    st.integers(0, 2**64),
    st.one_of(st.none(), st.integers(0, ONE)),
    st.one_of(st.none(), st.integers(ONE, 3 * ONE)),
)
def test_the_steps_of_a_position_always_add_up_to_what_it_was_paid_or_burned(
    position: int,
    corr: float,
    mmc: float,
    payout_factor: int,
    cap: int,
    volatility: int | None,
    hardening: int | None,
    retained: int | None,
    available: int,
    originality: int | None,
    burn: int | None,
) -> None:
    terms = SettlementTerms(payout_factor, cap, volatility, burn)
    outcome = outcome_of(
        position, {"corr": corr, "mmc": mmc}, terms, hardening, retained, available, originality
    )
    steps = attribute(outcome, MULTIPLIERS, terms)
    assert sum(step.amount for step in steps) == outcome.payout - outcome.burn


def test_a_payout_is_taken_apart_as_one_would_by_hand() -> None:
    """1,000 NMR; 0.5 x 0.04 + 2 x 0.03 = 8 %; a factor of 3/4 makes 6 %, the cap 5 %."""
    terms = SettlementTerms(payout_factor=750_000, cap=50_000)
    outcome = outcome_of(1_000 * NMR, {"corr": 0.04, "mmc": 0.03}, terms)
    assert by_name(attribute(outcome, MULTIPLIERS, terms)) == {
        "corr": 20 * NMR,
        "mmc": 60 * NMR,
        "rounding to ppm": 0,
        "payout factor": -20 * NMR,
        "cap": -10 * NMR,
        "whole units": 0,
    }


def test_a_hardened_burn_in_a_crisis_is_taken_apart() -> None:
    """-4 % of 1,000 NMR, halved by the crisis, hardened by a half: -3 %."""
    terms = SettlementTerms(payout_factor=ONE, cap=ONE, volatility=500_000)
    outcome = outcome_of(1_000 * NMR, {"corr": -0.08, "mmc": 0.0}, terms, hardening=1_500_000, retained=1)
    found = by_name(attribute(outcome, MULTIPLIERS, terms))
    assert found["corr"] == -40 * NMR
    assert found["dynamic eras"] == 20 * NMR
    assert found["burn hardening"] == -10 * NMR
    assert found["neutral churn"] == 0
    assert outcome.burn == 30 * NMR


def test_what_is_not_ones_own_is_a_step_of_its_own() -> None:
    """-4 % of 1,000 NMR, of which three quarters are the model's own, burned half as much again: -4.5 %."""
    terms = SettlementTerms(payout_factor=ONE, cap=ONE, burn=1_500_000)
    outcome = outcome_of(1_000 * NMR, {"corr": 0.0, "mmc": -0.02}, terms, originality=750_000)
    steps = attribute(outcome, MULTIPLIERS, terms)
    found, details = by_name(steps), {step.name: step.detail for step in steps}
    assert (found["originality"], details["originality"]) == (10 * NMR, "x 0.75")
    assert (found["burn multiplier"], details["burn multiplier"]) == (-15 * NMR, "x 1.5")
    assert outcome.burn == 45 * NMR


def test_an_adjuster_that_does_not_apply_shows_a_multiplier_of_one() -> None:
    terms = SettlementTerms(ONE, ONE)
    outcome = outcome_of(NMR, {"corr": 0.08, "mmc": 0.0}, terms, hardening=2 * ONE, retained=500_000)
    details = {step.name: step.detail for step in attribute(outcome, MULTIPLIERS, terms)}
    assert (details["burn hardening"], details["neutral churn"]) == ("x 1", "x 0.5")


def test_a_short_pool_is_a_step_of_its_own() -> None:
    terms = SettlementTerms(ONE, ONE)
    outcome = outcome_of(1_000 * NMR, {"corr": 0.04, "mmc": 0.0}, terms, available=15 * NMR)
    assert by_name(attribute(outcome, MULTIPLIERS, terms))["short pool"] == -5 * NMR
    assert outcome.payout == 15 * NMR


def test_what_silence_cost_is_a_step_of_its_own() -> None:
    """Nothing is paid where predictions were demanded and not shown, whatever the pool had."""
    terms = SettlementTerms(payout_factor=ONE, cap=ONE)
    outcome = outcome_of(1_000 * NMR, {"corr": 0.04, "mmc": 0.0}, terms, available=15 * NMR)
    steps = attribute(replace(outcome, payout=0, is_silent=True), MULTIPLIERS, terms)
    details = {step.name: step.detail for step in steps}
    assert by_name(steps)["silent"] == -20 * NMR
    assert details["silent"] == "predictions were demanded and not shown"
    assert sum(step.amount for step in steps) == 0
    assert "short pool" not in details


@pytest.mark.parametrize("missing", ["corr", "mmc"])
def test_a_model_without_a_score_has_one_step_of_nothing(missing: str) -> None:
    terms = SettlementTerms(ONE, ONE)
    outcome = outcome_of(NMR, {"corr": 0.1, "mmc": 0.1} | {missing: math.nan}, terms)
    steps = attribute(outcome, MULTIPLIERS, terms)
    assert [(step.name, step.amount) for step in steps] == [("no score", 0)]
