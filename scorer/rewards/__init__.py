"""Scores to one integer reward score per model, and what the contract makes of it, to the unit.

Neither a network nor a database is reachable from here.
"""

from scorer.rewards.reward import reward_scores
from scorer.rewards.settlement import Settlement, payout_factor, reward_rates, settle

__all__ = ["Settlement", "payout_factor", "reward_rates", "reward_scores", "settle"]
