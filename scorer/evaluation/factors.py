"""The factors of a round's rules, scored for all submissions by the rules' scoring version."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scorer.factors.inputs import FactorInputs, Floats, PortfolioLimits, Table
from scorer.factors.registry import score_of
from scorer.protocol.rules import PortfolioRules, Rules
from scorer.protocol.tables import CORRELATION, RANK_CORRELATION
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
    """Return one score per submission by factor, shape (models,); NaN where it cannot be scored."""
    if not len(inputs.matrix):
        return {factor.name: np.empty(0) for factor in rules.factors}
    return {
        factor.name: score_of(rules.scoring, factor.score).compute(inputs, factor.target)
        for factor in rules.factors
    }


def correlation_columns(rules: Rules) -> tuple[str, ...]:
    """Return the correlations with the meta model on which adjusters of the rules rest, by column."""
    adjusters = rules.adjusters
    needed = ((RANK_CORRELATION, adjusters.originality), (CORRELATION, adjusters.burn_hardening))
    return tuple(column for column, adjuster in needed if adjuster is not None)


def meta_model_correlations(rules: Rules, inputs: FactorInputs) -> dict[str, Floats]:
    """Return correlations with the meta model by column, one a submission; NaN without stakes."""
    columns = correlation_columns(rules)
    if not len(inputs.matrix) or inputs.meta_model is None or not columns:
        return {column: np.full(len(inputs.matrix), np.nan) for column in columns}
    scores = inputs.against_meta_model(rules.targets[0])
    found = {RANK_CORRELATION: scores.gaussian_rank_correlation, CORRELATION: scores.cwmm}
    return {column: values for column in columns if (values := found[column]) is not None}
