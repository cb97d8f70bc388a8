"""The formula of every score and adjuster, as pages show it beside the numbers."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Formula:
    """A score or an adjuster: what it measures, how it is computed, in which range, and where the code is."""

    name: str
    title: str
    measures: str
    formula: str
    range: str
    code: str


SYMBOLS: Final = (
    "r is the rank from 1 to n, ties sharing their mean; u = (r − 1/2) / n; g = Φ⁻¹(u), the gaussian rank; "
    "x^1.5 = sign(x)·|x|^1.5; t the target, t° = t − mean(t); m the meta model and m̂ its gaussian rank."
)
SCORES: Final = (
    Formula(
        "corr",
        "CORR, correlation",
        "How well the order of your predictions agrees with the outcome; the ends of the order count most.",
        "Pearson(g^1.5, (t°)^1.5)",
        "−1 to 1",
        "scorer/scoring/correlations.py",
    ),
    Formula(
        "mmc",
        "MMC, meta model contribution",
        "What your predictions add to the meta model: their covariance with the outcome, it taken out.",
        "mean(t°·(g − m̂ (m̂·g)/(m̂·m̂))); a target within [0, 1] is multiplied by 4 first",
        "units of the target",
        "scorer/scoring/correlations.py",
    ),
    Formula(
        "fnc",
        "FNC, feature-neutral correlation",
        "CORR of what is left of your predictions after the features are taken out.",
        "CORR of e, the residual of g fitted on the features and a constant by least squares",
        "−1 to 1",
        "scorer/scoring/neutral.py",
    ),
    Formula(
        "bmc",
        "BMC, benchmark model contribution",
        "MMC, with the benchmarks' meta model in place of the meta model.",
        "as MMC, m the benchmarks' stake-weighted meta model",
        "units of the target",
        "scorer/scoring/correlations.py",
    ),
    Formula(
        "tc",
        "TC, true contribution",
        "The effect of more of your stake on the return of the optimised portfolio.",
        "TCⱼ = (gⱼ − a)·∂R/∂a, a the stake-weighted signal, R the optimum's return",
        "return per share of stake",
        "scorer/scoring/true_contributions.py",
    ),
    Formula(
        "alpha",
        "Alpha",
        "The return of a portfolio made of your predictions, neutral to the neutralizers.",
        "w·t° / n, w = (g^1.5 − N(N′(v∘g^1.5)))∘v, v the sample weights, N the neutralizers",
        "units of the target",
        "scorer/scoring/portfolio.py",
    ),
    Formula(
        "mpc",
        "MPC, meta portfolio contribution",
        "The effect of more of your stake on the stake-weighted portfolio.",
        "(W′t° − W′z (z·t°)/(z·z)) / |z| / 50, W the centred weights, z = Ws",
        "units of the target",
        "scorer/scoring/portfolio.py",
    ),
)
REWARDS: Final = (
    Formula(
        "reward",
        "Reward score",
        "The one number a model's round comes to, in whole parts per million. It goes on the chain.",
        "round((Σ multiplier × score) × adjusters)",
        "whole ppm",
        "scorer/rewards/reward.py",
    ),
    Formula(
        "dynamic_eras",
        "Dynamic eras",
        "Rewards are scaled by how calm the universe was in the scoring window.",
        "× target volatility / realised volatility, within the rules' bounds",
        "the rules' least to most",
        "scorer/rewards/adjusters.py",
    ),
    Formula(
        "originality",
        "Originality",
        "The share of a submission that the meta model does not explain already.",
        "× (1 − max(c, 0)²)^exponent, c the gaussian rank correlation with the meta model",
        "0 to 1",
        "scorer/rewards/adjusters.py",
    ),
    Formula(
        "burn",
        "Burn multiplier",
        "Makes negative rewards larger, so that chance alone loses.",
        "negative rewards × multiplier",
        "1 to 10",
        "scorer/rewards/adjusters.py",
    ),
    Formula(
        "payout_factor",
        "Payout factor",
        "Shrinks all rewards once more is at risk than a round pays for.",
        "min(1, threshold / at risk), rounded down to ppm",
        "0 to 1",
        "contracts/lib/PayoutMath.sol",
    ),
    Formula(
        "rate",
        "Rate",
        "The share of the position that is paid or burned.",
        "clip(reward score × payout factor, ±cap), truncated towards zero",
        "−cap to +cap",
        "contracts/lib/PayoutMath.sol",
    ),
    Formula(
        "payout",
        "Payout and burn",
        "What the contract adds to the stake from the pool, or takes from it and burns.",
        "position × |rate| / 1,000,000, rounded down to whole nano-NMR; all payouts × reserved / total "
        "where the pool is short",
        "0 to cap × position",
        "contracts/lib/PayoutMath.sol",
    ),
)
STATISTICS: Final = (
    Formula(
        "percentile",
        "Percentile",
        "The share of the round's models whose score is lower.",
        "models below / models with the score",
        "0 to 100 %",
        "scorer/server/read_model.py",
    ),
    Formula(
        "rank",
        "Rank",
        "The order of mean reward scores of the year before the newest scored round.",
        "mean(reward score) over the rounds of a model that were resolved in those 365 days",
        "1 and up",
        "scorer/server/standings.py",
    ),
    Formula(
        "exposure",
        "Exposure",
        "How much of a prediction one feature explains alone; of a round's meta model, or the mean of eras.",
        "Pearson(predictions, feature)",
        "−1 to 1",
        "scorer/scoring/exposure.py",
    ),
    Formula(
        "return",
        "Return",
        "What positions of a window earned, for what was at risk in it: 1 day, 13 weeks, 52 weeks.",
        "Σ (payout − burn) / Σ position",
        "−cap to +cap",
        "scorer/server/standings.py",
    ),
)


def formula_of(factor: str) -> Formula | None:
    """Return the formula of a factor, which is a score on a target; None for an unknown one."""
    name = factor.partition("_")[0]
    return next((formula for formula in SCORES if formula.name == name), None)
