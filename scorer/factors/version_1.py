"""Scoring version 1: the scores that its rules may name. What a score means here never changes."""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.factors.by_id import alpha_by_id, bmc_by_id, corr_by_id, fnc_by_id, mmc_by_id
from scorer.factors.inputs import FactorInputs, Floats
from scorer.factors.score import InputTable, Score
from scorer.scoring.engine import score_submissions
from scorer.scoring.exact import exact_matvec, exact_weighted_sum, mean
from scorer.scoring.portfolio_problem import PortfolioProblem
from scorer.scoring.ppm import to_ppm
from scorer.scoring.ranked_rows import gaussian_rows
from scorer.scoring.true_contributions import true_contribution
from scorer.units import ONE

FEATURES: Final = InputTable("features", takes_more=True)
"""Every column is a feature."""
BENCHMARK_META_MODEL: Final = InputTable("benchmark_meta_model", ("benchmark_meta_model",))
"""The stake-weighted meta model of the benchmark models."""
NEUTRALIZERS: Final = InputTable("neutralizers", takes_more=True)
"""Columns N with ``N' diag(v)**2 N`` the identity, v the sample weights."""
SAMPLE_WEIGHTS: Final = InputTable("sample_weights", ("sample_weights",))
RISK_MODEL: Final = InputTable("risk_model", ("specific_variance",), takes_more=True)
"""Besides the variances, columns factor_* (exposures times the factor's volatility) and neutral_*."""
LARGEST_UNPROVEN: Final = 100.0
"""Bound of a score that rests on a linear solve, so that it fits in whole ppm."""


def _corr(inputs: FactorInputs, target: str) -> Floats:
    return inputs.against_meta_model(target).corr


def _mmc(inputs: FactorInputs, target: str) -> Floats:
    return inputs.against_meta_model(target).mmc


def _bmc(inputs: FactorInputs, target: str) -> Floats:
    benchmark = inputs.tables[BENCHMARK_META_MODEL.name][BENCHMARK_META_MODEL.name]
    return score_submissions(inputs.matrix, inputs.targets[target], benchmark).mmc


def _fnc(inputs: FactorInputs, target: str) -> Floats:
    # Imported here, as reading rules must not import pandas and scipy (see the room's text).
    from scorer.scoring.neutral import feature_neutral_scores

    features = inputs.columns(FEATURES.name)
    return _in_whole_ppm(feature_neutral_scores(inputs.matrix, features, inputs.targets[target]).corr)


def _in_whole_ppm(scores: Floats) -> Floats:
    """Scores that rest on a linear solve: proven to the ppm only, so no digit below it may count."""
    return np.where(
        np.isnan(scores),
        np.nan,
        to_ppm(np.clip(scores, -LARGEST_UNPROVEN, LARGEST_UNPROVEN)) / ONE,
    )


def _tc(inputs: FactorInputs, target: str) -> Floats:
    # Asked first, as TC refuses a signal without any stake; here the round is scored without it.
    if not _any_stake_that_ranks(inputs):
        return np.full(len(inputs.matrix), np.nan)
    outcome = inputs.targets[target]
    return _in_whole_ppm(
        true_contribution(inputs.matrix, inputs.stakes, outcome, _portfolio_problem(inputs)).scores
    )


def _any_stake_that_ranks(inputs: FactorInputs) -> bool:
    for rows in inputs.blocks:
        block = inputs.matrix[rows]
        varies = block.min(axis=1) != block.max(axis=1)
        if inputs.stakes[rows][varies].any():
            return True
    return False


def _portfolio_problem(inputs: FactorInputs) -> PortfolioProblem:
    risk, limits = inputs.tables[RISK_MODEL.name], inputs.portfolio
    if limits is None:
        raise ValueError("expected a section portfolio in rules with a factor tc, found none")
    ids = inputs.matrix.shape[1]

    def beginning(prefix: str) -> Floats:
        columns = [values for name, values in risk.items() if name.startswith(prefix)]
        return np.column_stack(columns) if columns else np.empty((ids, 0))

    return PortfolioProblem(
        specific_variance=risk["specific_variance"],
        risk_factors=beginning("factor_"),
        neutral_to=beginning("neutral_"),
        max_position=limits.max_position,
        max_leverage=limits.max_leverage,
        risk_aversion=limits.risk_aversion,
    )


def _portfolios(inputs: FactorInputs, rows: slice) -> tuple[Floats, NDArray[np.bool_]]:
    """Neutral weights of some submissions, and which of them cannot be scored."""
    from scorer.scoring.portfolio import neutral_weights

    ranks = gaussian_rows(inputs.matrix[rows], powered=True)
    weights = inputs.tables[SAMPLE_WEIGHTS.name][SAMPLE_WEIGHTS.name]
    return neutral_weights(ranks.rows, inputs.columns(NEUTRALIZERS.name), weights), ranks.unscored


def _alpha(inputs: FactorInputs, target: str) -> Floats:
    """``scorer.scoring.alpha`` of every submission, in blocks."""
    centred = _centred(inputs.targets[target])
    scores = np.empty(len(inputs.matrix))
    for rows in inputs.blocks:
        portfolios, unscored = _portfolios(inputs, rows)
        scores[rows] = np.where(unscored, np.nan, exact_matvec(portfolios, centred) / len(centred))
    return scores


def _mpc(inputs: FactorInputs, target: str) -> Floats:
    """``scorer.scoring.meta_portfolio_contribution`` of every submission, in blocks.

    Only portfolios with a stake are combined, so that one without changes no bit of the others' scores.
    """
    from scorer.scoring.portfolio import MPC_SCALE

    scores = np.full(len(inputs.matrix), np.nan)
    combined = _stake_weighted_portfolio(inputs)
    square = 0.0 if combined is None else float(exact_matvec(combined[np.newaxis], combined)[0])
    if combined is None or square == 0:
        return scores
    centred = _centred(inputs.targets[target])
    slope = float(exact_matvec(combined[np.newaxis], centred)[0]) / square
    for rows in inputs.blocks:
        portfolios, unscored = _centred_portfolios(inputs, rows)
        gains = exact_matvec(portfolios, centred) - exact_matvec(portfolios, combined) * slope
        scores[rows] = np.where(unscored, np.nan, gains / math.sqrt(square) / MPC_SCALE)
    return scores


def _centred(values: Floats) -> Floats:
    return values - mean(values)


def _centred_portfolios(inputs: FactorInputs, rows: slice) -> tuple[Floats, NDArray[np.bool_]]:
    portfolios, unscored = _portfolios(inputs, rows)
    return np.stack([_centred(row) for row in portfolios]), unscored


def _stake_weighted_portfolio(inputs: FactorInputs) -> Floats | None:
    """Return the centred neutral portfolio of all that have a stake and a rank, shape (ids,); or None."""
    counted = [_counted(inputs, rows) for rows in inputs.blocks]
    stakes = [
        int(stake)
        for rows, kept in zip(inputs.blocks, counted, strict=True)
        for stake in inputs.stakes[rows][kept]
    ]
    if not stakes:
        return None
    total = sum(stakes)  # in Python's integers: a sum of uint64 could overflow
    shares = np.array([stake / total for stake in stakes])

    def portfolios() -> Iterator[Floats]:
        for rows, kept in zip(inputs.blocks, counted, strict=True):
            yield _centred_portfolios(inputs, rows)[0][kept]

    return _centred(exact_weighted_sum(portfolios, shares))


def _counted(inputs: FactorInputs, rows: slice) -> NDArray[np.bool_]:
    """Return which of some submissions have a stake and can be scored."""
    return ~gaussian_rows(inputs.matrix[rows]).unscored & (inputs.stakes[rows] > 0)


SCORES: Final = (
    Score("corr", _corr, by_id=corr_by_id),
    Score("mmc", _mmc, rests_on_meta_model=True, by_id=mmc_by_id),
    Score("fnc", _fnc, (FEATURES,), by_id=fnc_by_id),
    Score("bmc", _bmc, (BENCHMARK_META_MODEL,), by_id=bmc_by_id),
    Score("tc", _tc, (RISK_MODEL,), needs_portfolio=True, rests_on_all=True),
    Score("alpha", _alpha, (NEUTRALIZERS, SAMPLE_WEIGHTS), by_id=alpha_by_id),
    Score("mpc", _mpc, (NEUTRALIZERS, SAMPLE_WEIGHTS), rests_on_all=True),
)
