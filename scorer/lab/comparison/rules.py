"""The rules that are compared: those that are shipped, and others at the same cap and gross payout."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.lab.comparison.scores import BlockScores
from scorer.protocol.rules import Adjusters, Factor, Originality, Rules, preset
from scorer.rewards import (
    burn_hardening,
    originality_factors,
    reward_rates,
    reward_scores,
    volatility_factor,
)
from scorer.units import ONE

CLASSIC: Final = "classic"
SCORES: Final = frozenset({"corr", "mmc"})


def can_be_compared(rules: Rules) -> bool:
    """Return whether rules rest on CORR and MMC alone, which are all that a comparison computes."""
    return {factor.score for factor in rules.factors} <= SCORES and rules.adjusters.neutral_churn is None


def candidates(shipped: Rules) -> dict[str, Rules]:
    """Return the rules that are compared, by name, the shipped ones first; all with their cap."""
    classic, adjusted = preset(CLASSIC), preset("classic-adjusted").adjusters
    found = {
        shipped.name: shipped,
        CLASSIC: classic,
        "classic + burn hardening": _with(classic, adjusted.model_copy(update={"dynamic_eras": None})),
        "plain mmc": _only_mmc(classic),
    }
    if (own := shipped.adjusters.originality) is not None:
        other = Originality(exponent=1 if own.exponent > 1 else 2)
        name = f"{shipped.name}, exponent {other.exponent}"
        found[name] = _with(shipped, shipped.adjusters.model_copy(update={"originality": other}))
    eras = shipped.adjusters.model_copy(update={"dynamic_eras": adjusted.dynamic_eras})
    found[f"{shipped.name} + dynamic eras"] = _with(shipped, eras)
    return {name: _with_cap(rules, shipped.stake.cap) for name, rules in found.items()}


def _with(rules: Rules, adjusters: Adjusters) -> Rules:
    return rules.model_copy(update={"adjusters": adjusters})


def _with_cap(rules: Rules, cap: int) -> Rules:
    return rules.model_copy(update={"stake": rules.stake.model_copy(update={"cap": cap})})


def _only_mmc(rules: Rules) -> Rules:
    factors = tuple(factor for factor in rules.factors if factor.score == "mmc")
    return rules.model_copy(update={"factors": factors})


def scaled(rules: Rules, by: float) -> Rules:
    """Return rules with all multipliers times a number."""
    factors = tuple(_scaled(factor, by) for factor in rules.factors)
    return rules.model_copy(update={"factors": factors})


def _scaled(factor: Factor, by: float) -> Factor:
    return factor.model_copy(update={"multiplier": round(factor.multiplier * by)})


def against(scores: BlockScores, meta_model: int) -> BlockScores:
    """Return the scores against one of several meta models, shape (rows,) each."""
    return replace(
        scores,
        mmc=scores.mmc[meta_model],
        gaussian_rank_correlation=scores.gaussian_rank_correlation[meta_model],
        cwmm=scores.cwmm[meta_model],
    )


def rates(rules: Rules, scores: BlockScores, volatility: float) -> NDArray[np.float64]:
    """Return payouts (+) and burns (-) as shares of positions, shape (rows,); the payout factor is 1.

    Parameters
    ----------
    scores
        Against one meta model.
    volatility
        Realised, per session.
    """
    adjusters = rules.adjusters
    own, burn, hard, eras = (
        adjusters.originality,
        adjusters.burn,
        adjusters.burn_hardening,
        adjusters.dynamic_eras,
    )
    found = reward_scores(
        _by_name(scores),
        [(factor.score, factor.multiplier) for factor in rules.factors],
        volatility=ONE
        if eras is None
        else volatility_factor(volatility, target=eras.target_volatility, least=eras.least, most=eras.most),
        originality=None
        if own is None
        else originality_factors(scores.gaussian_rank_correlation, exponent=own.exponent),
        burn=ONE if burn is None else burn.multiplier,
        hardening=None if hard is None else burn_hardening(scores.cwmm, start=hard.start, most=hard.most),
    )
    return reward_rates(found, ONE, rules.stake.cap) / ONE


def _by_name(scores: BlockScores) -> Mapping[str, NDArray[np.float64]]:
    return {"corr": scores.corr, "mmc": scores.mmc}
