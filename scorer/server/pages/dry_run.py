"""A dry run of rules: what settled rounds would have paid and burned under other rules."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.errors import CupelError
from scorer.evaluation.explain import ScoredRound
from scorer.protocol.rules import Rules
from scorer.protocol.tables import BURN_HARDENING, CORRELATION, ORIGINALITY, RANK_CORRELATION, RETAINED
from scorer.rewards import settle
from scorer.rewards.adjusters import burn_hardening, originality_factors
from scorer.rewards.reward import reward_scores
from scorer.rewards.settlement import payout_factor
from scorer.units import ONE


class NotComparable(CupelError, ValueError):
    """A round does not have what the rules need; the message says what."""


@dataclass(frozen=True)
class DryRun:
    """One round under two rules; amounts in nano-NMR.

    Attributes
    ----------
    changed
        Models whose payout or burn differs.
    """

    round_id: int
    paid: int
    burned: int
    paid_then: int
    burned_then: int
    changed: int


def dry_runs(rounds: Iterable[ScoredRound], rules: Rules) -> list[DryRun]:
    """Settle rounds anew under other rules, with the positions that they had.

    Raises
    ------
    NotComparable
        When a round lacks a score or a correlation that the rules need.
    """
    return [_dry_run(scored, rules) for scored in rounds]


def _dry_run(scored: ScoredRound, rules: Rules) -> DryRun:
    before = scored.settled
    after = settle(
        scored.scores["position"],
        _rewards(scored, rules),
        factor=payout_factor(scored.terms.valid_at_risk, rules.stake.threshold),
        cap=rules.stake.cap,
        available=None,
    )
    differs = (after.payouts != before.payouts) | (after.burns != before.burns)
    return DryRun(
        round_id=scored.terms.round_id,
        paid=int(before.total_payout),
        burned=int(before.total_burn),
        paid_then=int(after.total_payout),
        burned_then=int(after.total_burn),
        changed=int(np.count_nonzero(differs)),
    )


def _rewards(scored: ScoredRound, rules: Rules) -> NDArray[np.int64]:
    scores = {name: _column(scored, name, f"the score {name}") for name, _ in rules.multipliers}
    burn = rules.adjusters.burn
    return reward_scores(
        scores,
        rules.multipliers,
        volatility=_volatility(scored, rules),
        originality=_originality(scored, rules),
        burn=ONE if burn is None else burn.multiplier,
        hardening=_hardening(scored, rules),
        retained=_retained(scored, rules),
    )


def _column(scored: ScoredRound, name: str, what: str) -> NDArray[np.float64]:
    if name not in scored.scores:
        raise NotComparable(f"round {scored.terms.round_id}: expected {what} in its bundle, found none")
    column: NDArray[np.float64] = scored.scores[name]
    return column


def _same(scored: ScoredRound, rules: Rules, section: str) -> None:
    """Refuse another section than the round's: what it rests on is not in the public bundle."""
    if getattr(scored.rules.adjusters, section) != getattr(rules.adjusters, section):
        raise NotComparable(
            f"round {scored.terms.round_id}: expected adjusters.{section} as it was, found another, which "
            "cannot be computed from scores; try it with cupel simulate"
        )


def _volatility(scored: ScoredRound, rules: Rules) -> int:
    if rules.adjusters.dynamic_eras is None:
        return ONE
    _same(scored, rules, "dynamic_eras")
    return ONE if scored.volatility is None else scored.volatility


def _originality(scored: ScoredRound, rules: Rules) -> NDArray[np.int64] | None:
    wanted = rules.adjusters.originality
    if wanted is None:
        return None
    if wanted == scored.rules.adjusters.originality and ORIGINALITY in scored.scores:
        known: NDArray[np.int64] = scored.scores[ORIGINALITY]
        return known
    correlations = _column(scored, RANK_CORRELATION, "correlations with the meta model")
    return originality_factors(correlations, exponent=wanted.exponent)


def _hardening(scored: ScoredRound, rules: Rules) -> NDArray[np.int64] | None:
    wanted = rules.adjusters.burn_hardening
    if wanted is None:
        return None
    if wanted == scored.rules.adjusters.burn_hardening and BURN_HARDENING in scored.scores:
        known: NDArray[np.int64] = scored.scores[BURN_HARDENING]
        return known
    correlations = _column(scored, CORRELATION, "correlations with the meta model")
    return burn_hardening(correlations, start=wanted.start, most=wanted.most)


def _retained(scored: ScoredRound, rules: Rules) -> NDArray[np.int64] | None:
    if rules.adjusters.neutral_churn is None:
        return None
    _same(scored, rules, "neutral_churn")
    known: NDArray[np.int64] = scored.scores[RETAINED]
    return known
