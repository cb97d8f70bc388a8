"""The factors of a round's rules, scored for all submissions by the rules' scoring version."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scorer.factors.inputs import FactorInputs, Floats, PortfolioLimits, Table
from scorer.factors.registry import score_of
from scorer.protocol.rules import PortfolioRules, Rules
from scorer.scoring.rows import Rows
from scorer.units import ONE


def factor_inputs(
    rules: Rules,
    matrix: Rows,
    stakes: NDArray[np.uint64],
    meta_model: Floats | None,
    targets: Mapping[str, Floats],
    tables: Mapping[str, Table],
) -> FactorInputs:
    """Return the inputs of the scores with what the rules say about them, see `FactorInputs`."""
    return FactorInputs(
        matrix,
        stakes,
        meta_model,
        targets,
        tables,
        _limits(rules.portfolio),
        with_cwmm=rules.adjusters.burn_hardening is not None,
    )


def _limits(portfolio: PortfolioRules | None) -> PortfolioLimits | None:
    if portfolio is None:
        return None
    return PortfolioLimits(
        max_position=portfolio.max_position / ONE,
        max_leverage=portfolio.max_leverage / ONE,
        risk_aversion=portfolio.risk_aversion / ONE,
    )


def factor_scores(rules: Rules, inputs: FactorInputs) -> dict[str, Floats]:
    """By factor, one score per submission, shape (models,); NaN where it cannot be scored."""
    if not len(inputs.matrix):
        return {factor.name: np.empty(0) for factor in rules.factors}
    return {
        factor.name: score_of(rules.scoring, factor.score).compute(inputs, factor.target)
        for factor in rules.factors
    }


def meta_model_correlations(rules: Rules, inputs: FactorInputs) -> Floats:
    """CWMM of every submission, shape (models,); NaN where nobody staked."""
    unknown = np.full(len(inputs.matrix), np.nan)
    if not len(inputs.matrix) or inputs.meta_model is None:
        return unknown
    correlations = inputs.against_meta_model(rules.targets[0]).cwmm
    return unknown if correlations is None else correlations
