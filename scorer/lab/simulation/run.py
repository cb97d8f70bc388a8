"""A simulation: every round scored once, and rewarded and settled under four variants of the rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.factors import factor_inputs, factor_scores, meta_model_correlations
from scorer.evaluation.submission_rewards import burn_multiplier
from scorer.lab.simulation.ledger import Ledger
from scorer.lab.simulation.rounds import PlayedRound, Source
from scorer.protocol.rules import BurnHardening, DynamicEras, Rules, preset
from scorer.protocol.tables import CORRELATION, RANK_CORRELATION
from scorer.rewards import (
    burn_hardening,
    originality_factors,
    realised_volatility,
    reward_scores,
    volatility_factor,
)
from scorer.scoring.engine import score_submissions
from scorer.scoring.meta_model import stake_weighted_meta_model
from scorer.units import ONE

PLAIN, HARDENED, ERAS, BOTH = "plain", "burn hardening", "dynamic eras", "both"
VARIANTS: Mapping[str, tuple[bool, bool]] = {
    PLAIN: (False, False),
    HARDENED: (True, False),
    ERAS: (False, True),
    BOTH: (True, True),
}
"""By name: whether burns harden, and whether eras are dynamic."""


@dataclass(frozen=True)
class Simulation:
    """Stakes, scores and meta models of all rounds.

    Attributes
    ----------
    chosen
        The variant that the rules themselves are: its stakes made the meta model.
    ledgers
        By variant.
    weights
        The share of each model in the meta model of each round, shape (rounds, models).
    meta_corr, equal_corr
        CORR of the stake-weighted meta model and of one that weighs all models alike, shape (rounds,).
    is_crisis
        Shape (rounds,).
    correlations
        Mean correlation of each model with the meta model, shape (models,).
    """

    rules: Rules
    kinds: NDArray[np.str_]
    deposits: NDArray[np.uint64]
    chosen: str
    ledgers: Mapping[str, Ledger]
    weights: NDArray[np.float64]
    meta_corr: NDArray[np.float64]
    equal_corr: NDArray[np.float64]
    is_crisis: NDArray[np.bool_]
    correlations: NDArray[np.float64]


def variant_of(rules: Rules) -> str:
    """Return the name of the variant that the rules are."""
    flags = (rules.adjusters.burn_hardening is not None, rules.adjusters.dynamic_eras is not None)
    return next(name for name, variant in VARIANTS.items() if variant == flags)


def simulate(
    rules: Rules, source: Source, *, overlap: int = 4, tick: Callable[[], None] = lambda: None
) -> Simulation:
    """Play all rounds of a source.

    All variants share the scores, and so the meta model of the chosen one: a variant's own stakes would move
    the meta model a little, which is left out to keep what is compared alone.

    Parameters
    ----------
    overlap
        How many rounds are at risk at once.
    tick
        Called after each round.
    """
    population, complete = source.population, _with_both(rules)
    ledgers = {
        name: Ledger(name, rules.stake, population.allocations, population.deposits.copy(), overlap)
        for name in VARIANTS
    }
    chosen = ledgers[variant_of(rules)]
    notes = _Notes(np.zeros((source.rounds, population.models)), [], [], [], np.zeros(population.models))
    stakes = population.deposits
    for number in range(source.rounds):
        played = source.play(number, stakes)
        stakes = chosen.next_positions(played.on_time)
        _play(complete, played, stakes, ledgers, notes, number)
        tick()
    for ledger in ledgers.values():
        ledger.close()
    return Simulation(
        rules,
        population.kinds,
        population.deposits,
        chosen.name,
        ledgers,
        notes.weights,
        np.array(notes.meta_corr),
        np.array(notes.equal_corr),
        np.array(notes.is_crisis),
        notes.correlations / source.rounds,
    )


@dataclass
class _Notes:
    """Figures that are noted round by round."""

    weights: NDArray[np.float64]
    meta_corr: list[float]
    equal_corr: list[float]
    is_crisis: list[bool]
    correlations: NDArray[np.float64]


def _with_both(rules: Rules) -> Rules:
    """Return the rules with both adjusters: their own where they have them, or those of classic-adjusted."""
    own, usual = rules.adjusters, preset("classic-adjusted").adjusters
    adjusters = own.model_copy(
        update={
            "dynamic_eras": own.dynamic_eras or usual.dynamic_eras,
            "burn_hardening": own.burn_hardening or usual.burn_hardening,
        }
    )
    return rules.model_copy(update={"adjusters": adjusters})


def _play(
    rules: Rules,
    played: PlayedRound,
    stakes: NDArray[np.uint64],
    ledgers: Mapping[str, Ledger],
    notes: _Notes,
    number: int,
) -> None:
    """Score a round once, and let every variant reward and settle it."""
    meta_model = stake_weighted_meta_model(played.predictions, stakes) if stakes.any() else None
    targets = dict.fromkeys(rules.targets, played.target)
    inputs = factor_inputs(rules, played.predictions, stakes, meta_model, targets, played.tables)
    scores, correlations = factor_scores(rules, inputs), meta_model_correlations(rules, inputs)
    hardening, volatility = _adjusters(rules, played, correlations[CORRELATION])
    originality = _originality(rules, correlations)
    for name, (hardens, is_dynamic) in VARIANTS.items():
        rewards = reward_scores(
            scores,
            rules.multipliers,
            volatility=volatility if is_dynamic else ONE,
            originality=originality,
            burn=burn_multiplier(rules),
            hardening=hardening if hardens else None,
        )
        ledgers[name].lock(ledgers[name].next_positions(played.on_time), rewards)
    notes.is_crisis.append(played.is_crisis)
    notes.correlations += np.nan_to_num(correlations[CORRELATION])
    if meta_model is not None:
        notes.weights[number] = stakes / stakes.sum()
    _note_meta_models(notes, played, meta_model)


def _adjusters(
    rules: Rules, played: PlayedRound, correlations: NDArray[np.float64]
) -> tuple[NDArray[np.int64], int]:
    hard, eras = rules.adjusters.burn_hardening, rules.adjusters.dynamic_eras
    if not isinstance(hard, BurnHardening) or not isinstance(eras, DynamicEras):
        raise TypeError("expected rules with both adjusters, found none")
    realised = realised_volatility(played.returns)
    factor = volatility_factor(realised, target=eras.target_volatility, least=eras.least, most=eras.most)
    return burn_hardening(correlations, start=hard.start, most=hard.most), factor


def _originality(rules: Rules, correlations: Mapping[str, NDArray[np.float64]]) -> NDArray[np.int64] | None:
    own = rules.adjusters.originality
    if own is None:
        return None
    return originality_factors(correlations[RANK_CORRELATION], exponent=own.exponent)


def _note_meta_models(notes: _Notes, played: PlayedRound, meta_model: NDArray[np.float64] | None) -> None:
    equal = played.predictions.mean(axis=0)
    both = np.stack([equal if meta_model is None else meta_model, equal])
    staked, plain = score_submissions(both, played.target).corr.tolist()
    notes.meta_corr.append(np.nan if meta_model is None else staked)
    notes.equal_corr.append(plain)
