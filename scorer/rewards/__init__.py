"""Computes one integer reward score per model, and its payout or burn as the contract does, to the unit.

This package imports neither a network client nor a database.
"""

from scorer.rewards.adjusters import (
    burn_hardening,
    originality_factors,
    realised_volatility,
    retained_shares,
    volatility_factor,
)
from scorer.rewards.attribution import AttributionStep, PositionOutcome, SettlementTerms, attribute
from scorer.rewards.reward import reward_scores
from scorer.rewards.settlement import Settlement, payout_factor, reward_rates, settle

__all__ = [
    "AttributionStep",
    "PositionOutcome",
    "Settlement",
    "SettlementTerms",
    "attribute",
    "burn_hardening",
    "originality_factors",
    "payout_factor",
    "realised_volatility",
    "retained_shares",
    "reward_rates",
    "reward_scores",
    "settle",
    "volatility_factor",
]
