"""The attribution of a payout or burn: its parts by reason, to the last nano-NMR.

A position is settled through a chain of levels: what it would earn if only the first factor counted, then the
first two, and so on; then with each adjuster; then with the score rounded to ppm; then with the payout
factor, the cap, and a short pool or silence. Each level is a whole number of nano-NMR, and each step is the
difference of two levels. So the steps always add up to the payout or burn exactly.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Final

import numpy as np

from scorer.rewards.reward import weighed_sums
from scorer.units import ONE, NanoNmr, ppm_as_decimal

NO_SCORE: Final = "no score"
DYNAMIC_ERAS: Final = "dynamic eras"
ORIGINALITY: Final = "originality"
BURN: Final = "burn multiplier"
BURN_HARDENING: Final = "burn hardening"
NEUTRAL_CHURN: Final = "neutral churn"
ROUNDING: Final = "rounding to ppm"
PAYOUT_FACTOR: Final = "payout factor"
CAP: Final = "cap"
WHOLE_UNITS: Final = "whole units"
SHORT_POOL: Final = "short pool"
SILENT: Final = "silent"


@dataclass(frozen=True)
class AttributionStep:
    """The part of a payout or burn that has one reason.

    Attributes
    ----------
    name
        A factor's name, or one of this module's names.
    detail
        The multiplier or limit that was applied, as text.
    amount
        nano-NMR by which it raised (+) or lowered (-) the payout.
    """

    name: str
    detail: str
    amount: NanoNmr


@dataclass(frozen=True)
class SettlementTerms:
    """The terms of settlement of a round, all in ppm.

    Attributes
    ----------
    volatility
        The volatility factor; None without dynamic eras.
    burn
        The multiplier of negative rewards; None where the rules have none.
    """

    payout_factor: int
    cap: int
    volatility: int | None = None
    burn: int | None = None


@dataclass(frozen=True)
class PositionOutcome:
    """The outcome of one position.

    Attributes
    ----------
    scores
        By factor, plain numbers.
    originality, hardening, retained
        The model's adjusters in ppm; None where the rules have none.
    reward_score, rate
        ppm, as the report has them.
    position, payout, burn
        nano-NMR; the payout as it was paid.
    is_silent
        Whether predictions were demanded and not shown, so that the position came back whole.
    """

    position: int
    scores: Mapping[str, float]
    originality: int | None
    hardening: int | None
    retained: int | None
    reward_score: int
    rate: int
    payout: int
    burn: int
    is_silent: bool = False


def attribute(
    outcome: PositionOutcome, multipliers: Sequence[tuple[str, int]], terms: SettlementTerms
) -> tuple[AttributionStep, ...]:
    """Split the payout or burn of a position by reason.

    Parameters
    ----------
    multipliers
        (factor, multiplier in ppm) in the order of the rules.

    Returns
    -------
    tuple[AttributionStep, ...]
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
    # Exact fractions, rounded to whole units at each level: rounded differences would not add up.
    levels = [Level(share.name, share.detail, round(outcome.position * share.amount)) for share in shares]
    levels += _whole_levels(outcome)
    before = [0, *(level.amount for level in levels)]
    return tuple(
        AttributionStep(level.name, level.detail, NanoNmr(int(level.amount) - int(start)))
        for level, start in zip(levels, before, strict=False)
    )


def split_by_weight(amount: int, weights: Sequence[Fraction]) -> list[int]:
    """Split a whole amount in proportion to weights of either sign; the parts add up to it exactly.

    Raises
    ------
    ValueError
        When there is something to split, and the weights add up to nothing.
    """
    whole = sum(weights)
    if not whole:
        if amount:
            raise ValueError(f"expected weights that add up to something, found none for {amount}")
        return [0] * len(weights)
    # Levels are rounded, not parts: rounded parts would not add up.
    levels = [0, *(round(amount * reached / whole) for reached in accumulate(weights))]
    return [after - before for before, after in pairwise(levels)]


@dataclass(frozen=True)
class Level:
    """Earnings of a position up to one reason: a share of the position, or nano-NMR."""

    name: str
    detail: str
    amount: Fraction | int


def _reward_levels(
    outcome: PositionOutcome, multipliers: Sequence[tuple[str, int]], terms: SettlementTerms
) -> Iterator[Level]:
    """Repeat the float64 operations of `reward_scores`, one level for each."""
    scores = {factor: np.array([score]) for factor, score in outcome.scores.items()}
    sums = [float(total[0]) for total in weighed_sums(scores, multipliers)]
    for (factor, multiplier), total in zip(multipliers, sums, strict=True):
        detail = f"{outcome.scores[factor]:+.6f} x {ppm_as_decimal(multiplier):f}"
        yield Level(factor, detail, Fraction(total))
    adjusters = (
        (DYNAMIC_ERAS, terms.volatility, True),
        (ORIGINALITY, outcome.originality, True),
        (BURN, terms.burn, sums[-1] < 0),
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
    """Repeat the integer operations of the contract on the rate."""
    score = outcome.reward_score
    # Python rounds towards minus infinity, Solidity towards zero: so the magnitude is divided.
    scaled = abs(score) * terms.payout_factor // ONE * (-1 if score < 0 else 1)
    yield Level(PAYOUT_FACTOR, f"x {ppm_as_decimal(terms.payout_factor):f}", Fraction(scaled, ONE))
    yield Level(CAP, f"+-{ppm_as_decimal(terms.cap):f}", Fraction(outcome.rate, ONE))


def _whole_levels(outcome: PositionOutcome) -> Iterator[Level]:
    """Round down to whole nano-NMR, then scale to a pool that is short of all payouts."""
    full = outcome.position * abs(outcome.rate) // ONE
    earned = full if outcome.rate > 0 else -full
    yield Level(WHOLE_UNITS, "rounded down", earned)
    # A short pool scales payouts alone; a burn is never scaled.
    paid = outcome.payout - outcome.burn
    if outcome.is_silent:
        yield Level(SILENT, "predictions were demanded and not shown", paid)
    elif paid != earned:
        yield Level(SHORT_POOL, f"x {paid}/{earned}", paid)
