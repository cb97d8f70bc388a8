"""The scores that rules name, computed for all submissions of a round."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.protocol.rules import Factor, Rules
from scorer.protocol.tables import (
    BENCHMARK_META_MODEL,
    FEATURES,
    NEUTRALIZERS,
    RISK_MODEL,
    SAMPLE_WEIGHTS,
    SPECIFIC_VARIANCE,
    Table,
)
from scorer.scoring.engine import SubmissionScores, score_submissions
from scorer.scoring.exact import exact_matvec, exact_weighted_sum, mean
from scorer.scoring.neutral import feature_neutral_scores
from scorer.scoring.portfolio import MPC_SCALE, neutral_weights
from scorer.scoring.portfolio_problem import PortfolioProblem
from scorer.scoring.ppm import to_ppm
from scorer.scoring.ranked_rows import gaussian_rows
from scorer.scoring.rows import Rows, row_blocks
from scorer.scoring.true_contributions import true_contribution
from scorer.units import ONE

Floats = NDArray[np.float64]
MODELS_AT_ONCE: Final = 256
"""Portfolios in memory at a time."""
LARGEST_UNPROVEN: Final = 100.0


@dataclass(frozen=True)
class FactorInputs:
    """What the scores of a round are computed from.

    Attributes
    ----------
    matrix
        Predictions, shape (models, ids); read in blocks.
    stakes
        nano-NMR at risk, shape (models,).
    meta_model
        Shape (ids,); None where nobody staked.
    targets, tables
        By name.
    """

    rules: Rules
    matrix: Rows
    stakes: NDArray[np.uint64]
    meta_model: Floats | None
    targets: Mapping[str, Floats]
    tables: Mapping[str, Table]

    @cached_property
    def _by_target(self) -> dict[str, SubmissionScores]:
        return {}

    def against_meta_model(self, target: str) -> SubmissionScores:
        """CORR, MMC and CWMM on a target, from one ranking of all submissions."""
        if target not in self._by_target:
            with_cwmm = self.rules.adjusters.burn_hardening is not None
            self._by_target[target] = score_submissions(
                self.matrix, self.targets[target], self.meta_model, with_cwmm=with_cwmm
            )
        return self._by_target[target]

    def columns(self, table: str) -> Floats:
        """A table as a matrix, shape (ids, columns)."""
        return np.column_stack(list(self.tables[table].values()))


def factor_scores(inputs: FactorInputs) -> dict[str, Floats]:
    """By factor, one score per submission, shape (models,); NaN where it cannot be scored."""
    if not len(inputs.matrix):
        return {factor.name: np.empty(0) for factor in inputs.rules.factors}
    return {factor.name: SCORERS[factor.score](inputs, factor) for factor in inputs.rules.factors}


def meta_model_correlations(inputs: FactorInputs) -> Floats:
    """CWMM of every submission, shape (models,); NaN where nobody staked."""
    nothing = np.full(len(inputs.matrix), np.nan)
    if not len(inputs.matrix) or inputs.meta_model is None:
        return nothing
    found = inputs.against_meta_model(inputs.rules.targets[0]).cwmm
    return nothing if found is None else found


def _corr(inputs: FactorInputs, factor: Factor) -> Floats:
    return inputs.against_meta_model(factor.target).corr


def _mmc(inputs: FactorInputs, factor: Factor) -> Floats:
    return inputs.against_meta_model(factor.target).mmc


def _bmc(inputs: FactorInputs, factor: Factor) -> Floats:
    benchmark = inputs.tables[BENCHMARK_META_MODEL][BENCHMARK_META_MODEL]
    return score_submissions(inputs.matrix, inputs.targets[factor.target], benchmark).mmc


def _fnc(inputs: FactorInputs, factor: Factor) -> Floats:
    target = inputs.targets[factor.target]
    return _in_whole_ppm(feature_neutral_scores(inputs.matrix, inputs.columns(FEATURES), target).corr)


def _tc(inputs: FactorInputs, factor: Factor) -> Floats:
    if not _any_stake_that_ranks(inputs):
        return np.full(len(inputs.matrix), np.nan)
    target = inputs.targets[factor.target]
    found = true_contribution(inputs.matrix, inputs.stakes, target, _portfolio_problem(inputs))
    return _in_whole_ppm(found.scores)


def _any_stake_that_ranks(inputs: FactorInputs) -> bool:
    for rows in _blocks(len(inputs.matrix)):
        block = inputs.matrix[rows]
        varies = block.min(axis=1) != block.max(axis=1)
        if inputs.stakes[rows][varies].any():
            return True
    return False


def _portfolio_problem(inputs: FactorInputs) -> PortfolioProblem:
    risk, portfolio = inputs.tables[RISK_MODEL], inputs.rules.portfolio
    if portfolio is None:
        raise ValueError("expected a section portfolio in rules with a factor tc, found none")
    ids = inputs.matrix.shape[1]

    def beginning(prefix: str) -> Floats:
        found = [values for name, values in risk.items() if name.startswith(prefix)]
        return np.column_stack(found) if found else np.empty((ids, 0))

    return PortfolioProblem(
        specific_variance=risk[SPECIFIC_VARIANCE],
        risk_factors=beginning("factor_"),
        neutral_to=beginning("neutral_"),
        max_position=portfolio.max_position / ONE,
        max_leverage=portfolio.max_leverage / ONE,
        risk_aversion=portfolio.risk_aversion / ONE,
    )


def _in_whole_ppm(scores: Floats) -> Floats:
    """Scores that rest on a linear solve: proven to the ppm only, so no digit below it may count."""
    return np.where(
        np.isnan(scores),
        np.nan,
        to_ppm(np.clip(scores, -LARGEST_UNPROVEN, LARGEST_UNPROVEN)) / ONE,
    )


def _portfolios(inputs: FactorInputs, rows: slice) -> tuple[Floats, NDArray[np.bool_]]:
    """Neutral weights of some submissions, and which of them cannot be scored."""
    ranks = gaussian_rows(inputs.matrix[rows], powered=True)
    weights = inputs.tables[SAMPLE_WEIGHTS][SAMPLE_WEIGHTS]
    return neutral_weights(ranks.rows, inputs.columns(NEUTRALIZERS), weights), ranks.unscored


def _blocks(models: int) -> Sequence[slice]:
    return row_blocks(models, MODELS_AT_ONCE)


def _alpha(inputs: FactorInputs, factor: Factor) -> Floats:
    """``scorer.scoring.alpha`` of every submission, in blocks."""
    target = inputs.targets[factor.target]
    centred = target - mean(target)
    scores = np.empty(len(inputs.matrix))
    for rows in _blocks(len(inputs.matrix)):
        portfolios, unscored = _portfolios(inputs, rows)
        scores[rows] = np.where(unscored, np.nan, exact_matvec(portfolios, centred) / len(target))
    return scores


def _mpc(inputs: FactorInputs, factor: Factor) -> Floats:
    """``scorer.scoring.meta_portfolio_contribution`` of every submission, in blocks.

    Only portfolios with a stake are combined, so that one without changes no bit of the others' scores.
    """
    scores = np.full(len(inputs.matrix), np.nan)
    combined = _stake_weighted_portfolio(inputs)
    square = 0.0 if combined is None else float(exact_matvec(combined[np.newaxis], combined)[0])
    if combined is None or square == 0:
        return scores
    target = inputs.targets[factor.target]
    centred_target = target - mean(target)
    slope = float(exact_matvec(combined[np.newaxis], centred_target)[0]) / square
    for rows in _blocks(len(inputs.matrix)):
        portfolios, unscored = _centred_portfolios(inputs, rows)
        gains = exact_matvec(portfolios, centred_target) - exact_matvec(portfolios, combined) * slope
        scores[rows] = np.where(unscored, np.nan, gains / math.sqrt(square) / MPC_SCALE)
    return scores


def _centred_portfolios(inputs: FactorInputs, rows: slice) -> tuple[Floats, NDArray[np.bool_]]:
    portfolios, unscored = _portfolios(inputs, rows)
    return np.stack([row - mean(row) for row in portfolios]), unscored


def _stake_weighted_portfolio(inputs: FactorInputs) -> Floats | None:
    """The centred neutral portfolio of all that have a stake and can be scored, shape (ids,); or None."""
    blocks = _blocks(len(inputs.matrix))
    counts = [_counted(inputs, rows) for rows in blocks]
    stakes = [
        int(stake) for rows, kept in zip(blocks, counts, strict=True) for stake in inputs.stakes[rows][kept]
    ]
    if not stakes:
        return None
    total = sum(stakes)
    shares = np.array([stake / total for stake in stakes])

    def portfolios() -> Iterator[Floats]:
        for rows, kept in zip(blocks, counts, strict=True):
            yield _centred_portfolios(inputs, rows)[0][kept]

    combined = exact_weighted_sum(portfolios, shares)
    return combined - mean(combined)


def _counted(inputs: FactorInputs, rows: slice) -> NDArray[np.bool_]:
    """Which of some submissions have a stake and can be scored."""
    return ~gaussian_rows(inputs.matrix[rows]).unscored & (inputs.stakes[rows] > 0)


Scorer = Callable[[FactorInputs, Factor], Floats]
SCORERS: Final[dict[str, Scorer]] = {
    "corr": _corr,
    "mmc": _mmc,
    "fnc": _fnc,
    "bmc": _bmc,
    "tc": _tc,
    "alpha": _alpha,
    "mpc": _mpc,
}
