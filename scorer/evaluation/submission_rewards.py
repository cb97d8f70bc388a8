"""Factor scores and adjusters to reward scores, as a round's rules say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.factors import factor_scores, meta_model_correlations
from scorer.factors.inputs import FactorInputs
from scorer.protocol.rules import Rules
from scorer.protocol.tables import (
    BURN_HARDENING,
    CORRELATION,
    NEUTRAL_CHURN,
    ORIGINALITY,
    RANK_CORRELATION,
    RETAINED,
    SESSION_RETURNS,
    Table,
    churn_of,
)
from scorer.rewards import (
    burn_hardening,
    originality_factors,
    realised_volatility,
    retained_shares,
    reward_scores,
    volatility_factor,
)
from scorer.units import ONE


@dataclass(frozen=True)
class SubmissionRewards:
    """The reward scores of a round's valid submissions, and the columns from which they follow.

    Attributes
    ----------
    columns
        Each factor's scores, and what the adjusters rest on and amount to, shape (models,) each; the columns
        of scores.parquet between position and reward_score.
    scores
        Reward scores in ppm, shape (models,).
    volatility
        (realised volatility, volatility factor in ppm); None without dynamic eras.
    """

    columns: Mapping[str, NDArray[Any]]
    scores: NDArray[np.int64]
    volatility: tuple[float, int] | None

    def volatility_json(self) -> dict[str, Any]:
        """Return the manifest's entry about dynamic eras; the realised volatility as its shortest decimal."""
        if self.volatility is None:
            return {}
        return {"volatility": {"realised": repr(self.volatility[0]), "factor": self.volatility[1]}}


def reward_submissions(rules: Rules, inputs: FactorInputs, models: tuple[int, ...]) -> SubmissionRewards:
    """Score submissions by every factor of the rules, then weigh and adjust the scores.

    Parameters
    ----------
    models
        The model of every row of the inputs' matrix.
    """
    correlations = meta_model_correlations(rules, inputs)
    return reward_factors(rules, factor_scores(rules, inputs), correlations, inputs.tables, models)


def reward_factors(
    rules: Rules,
    factors: Mapping[str, NDArray[np.float64]],
    correlations: Mapping[str, NDArray[np.float64]],
    tables: Mapping[str, Table],
    models: tuple[int, ...],
) -> SubmissionRewards:
    """Weigh and adjust factor scores.

    Parameters
    ----------
    factors
        By name, shape (models,) each.
    correlations
        Those with the meta model that the adjusters need, by column, shape (models,) each.
    tables
        The further inputs of the round, by name.
    models
        The model of every row.
    """
    adjusting = _adjusters(rules, correlations, tables, models)
    volatility = _volatility(rules, tables)
    scores = reward_scores(
        factors,
        rules.multipliers,
        volatility=ONE if volatility is None else volatility[1],
        originality=adjusting.get(ORIGINALITY),
        burn=burn_multiplier(rules),
        hardening=adjusting.get(BURN_HARDENING),
        retained=adjusting.get(RETAINED),
    )
    return SubmissionRewards({**factors, **adjusting}, scores, volatility)


def _adjusters(
    rules: Rules,
    correlations: Mapping[str, NDArray[np.float64]],
    tables: Mapping[str, Table],
    models: tuple[int, ...],
) -> dict[str, NDArray[Any]]:
    """Return the columns of the adjusters of single models: what they rest on, and their multipliers."""
    adjusters = rules.adjusters
    columns: dict[str, NDArray[Any]] = {}
    if (own := adjusters.originality) is not None:
        columns[RANK_CORRELATION] = correlations[RANK_CORRELATION]
        columns[ORIGINALITY] = originality_factors(columns[RANK_CORRELATION], exponent=own.exponent)
    if (hard := adjusters.burn_hardening) is not None:
        columns[CORRELATION] = correlations[CORRELATION]
        columns[BURN_HARDENING] = burn_hardening(columns[CORRELATION], start=hard.start, most=hard.most)
    if (churn := adjusters.neutral_churn) is not None:
        columns[NEUTRAL_CHURN] = churn_of(tables[NEUTRAL_CHURN], models)
        columns[RETAINED] = retained_shares(
            columns[NEUTRAL_CHURN], threshold=churn.threshold, scale=churn.scale
        )
    return columns


def burn_multiplier(rules: Rules) -> int:
    """Return the multiplier of negative rewards, in ppm; `ONE` where the rules have none."""
    return ONE if rules.adjusters.burn is None else rules.adjusters.burn.multiplier


def _volatility(rules: Rules, tables: Mapping[str, Table]) -> tuple[float, int] | None:
    """Return the realised volatility of the universe over the scoring window, and the factor that follows."""
    eras = rules.adjusters.dynamic_eras
    if eras is None:
        return None
    realised = realised_volatility(np.stack(list(tables[SESSION_RETURNS].values())))
    factor = volatility_factor(realised, target=eras.target_volatility, least=eras.least, most=eras.most)
    return realised, factor
