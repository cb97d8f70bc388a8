"""Why a position earned what it earned: a payout or burn taken apart to the last nano-NMR.

A position is settled through a chain of levels: what it would earn if only the first factor counted, then the
first two, and so on; then with each adjuster; then with the score rounded to ppm; then with the payout
factor, the cap and a short pool. Each level is a whole number of nano-NMR, and each step is the difference of
two levels. So the steps always add up to exactly what was paid or burned.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from scorer.rewards.reward import weighed_sums
from scorer.units import ONE, NanoNmr, ppm_as_decimal

NO_SCORE: Final = "no score"
DYNAMIC_ERAS: Final = "dynamic eras"
BURN_HARDENING: Final = "burn hardening"
NEUTRAL_CHURN: Final = "neutral churn"
ROUNDING: Final = "rounding to ppm"
PAYOUT_FACTOR: Final = "payout factor"
CAP: Final = "cap"
WHOLE_UNITS: Final = "whole units"
SHORT_POOL: Final = "short pool"


@dataclass(frozen=True)
class AttributionStep:
    """One reason.

    Attributes
    ----------
    name
        A factor's name, or one of this module's names.
    detail
        What it was multiplied with or held against, in words.
    amount
        nano-NMR by which it raised (+) or lowered (-) what the position earned.
    """

    name: str
    detail: str
    amount: NanoNmr


@dataclass(frozen=True)
class SettlementTerms:
    """What a round's positions are settled under, all in ppm.

    Attributes
    ----------
    volatility
        The volatility factor; None without dynamic eras.
    """

    payout_factor: int
    cap: int
    volatility: int | None = None


@dataclass(frozen=True)
class PositionOutcome:
    """What became of one position.

    Attributes
    ----------
    scores
        By factor, plain numbers.
    hardening, retained
        The model's adjusters in ppm; None where the rules have none.
    reward_score, rate
        ppm.
    position, payout, burn
        nano-NMR; the payout as it was paid.
    """

    position: int
    scores: Mapping[str, float]
    hardening: int | None
    retained: int | None
    reward_score: int
    rate: int
    payout: int
    burn: int


def attribute(
    outcome: PositionOutcome, multipliers: Sequence[tuple[str, int]], terms: SettlementTerms
) -> tuple[AttributionStep, ...]:
    """Take apart what a position earned.

    Parameters
    ----------
    multipliers
        (factor, multiplier in ppm) in the order of the rules.

    Returns
    -------
    tuple[Step, ...]
        Their amounts add up to ``payout - burn``. A model that lacks a factor's score has a single
        step, of nothing.
    """
    if any(math.isnan(outcome.scores[factor]) for factor, _ in multipliers):
        return (
            AttributionStep(
                NO_SCORE, "the position comes back whole", NanoNmr(outcome.payout - outcome.burn)
            ),
        )
    shares = [*_reward_levels(outcome, multipliers, terms), *_settlement_levels(outcome, terms)]
    levels = [Level(each.name, each.detail, round(outcome.position * each.amount)) for each in shares]
    levels += _whole_levels(outcome)
    before = [0, *(level.amount for level in levels)]
    return tuple(
        AttributionStep(level.name, level.detail, NanoNmr(int(level.amount) - int(start)))
        for level, start in zip(levels, before, strict=False)
    )


@dataclass(frozen=True)
class Level:
    """What a position earns up to one reason: a share of it, or nano-NMR."""

    name: str
    detail: str
    amount: Fraction | int


def _reward_levels(
    outcome: PositionOutcome, multipliers: Sequence[tuple[str, int]], terms: SettlementTerms
) -> Iterator[Level]:
    """The same float64 operations as `reward_scores`, one level each."""
    scores = {factor: np.array([score]) for factor, score in outcome.scores.items()}
    sums = [float(total[0]) for total in weighed_sums(scores, multipliers)]
    for (factor, multiplier), total in zip(multipliers, sums, strict=True):
        detail = f"{outcome.scores[factor]:+.6f} x {ppm_as_decimal(multiplier):f}"
        yield Level(factor, detail, Fraction(total))
    adjusters = (
        (DYNAMIC_ERAS, terms.volatility, True),
        (BURN_HARDENING, outcome.hardening, sums[-1] < 0),
        (NEUTRAL_CHURN, outcome.retained, sums[-1] > 0),
    )
    total = sums[-1]
    for name, adjuster, applies in adjusters:
        if adjuster is not None:
            total *= adjuster / ONE if applies else 1.0
            yield Level(name, f"x {ppm_as_decimal(adjuster if applies else ONE):f}", Fraction(total))
    yield Level(ROUNDING, f"{outcome.reward_score:+d} ppm", Fraction(outcome.reward_score, ONE))


def _settlement_levels(outcome: PositionOutcome, terms: SettlementTerms) -> Iterator[Level]:
    """The integer operations of the contract on the rate."""
    score = outcome.reward_score
    scaled = abs(score) * terms.payout_factor // ONE * (-1 if score < 0 else 1)
    yield Level(PAYOUT_FACTOR, f"x {ppm_as_decimal(terms.payout_factor):f}", Fraction(scaled, ONE))
    yield Level(CAP, f"+-{ppm_as_decimal(terms.cap):f}", Fraction(outcome.rate, ONE))


def _whole_levels(outcome: PositionOutcome) -> Iterator[Level]:
    """Down to whole nano-NMR, and to what the pool had."""
    full = outcome.position * abs(outcome.rate) // ONE
    earned = full if outcome.rate > 0 else -full
    yield Level(WHOLE_UNITS, "rounded down", earned)
    paid = outcome.payout - outcome.burn
    if paid != earned:
        yield Level(SHORT_POOL, f"x {paid}/{earned}", paid)
