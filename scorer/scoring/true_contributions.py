"""True contribution (TC): the effect of more stake on a model on the return of the real portfolio.

Numerai's documentation of TC (retired in 2023, no code was published): the stake-weighted meta model is
the signal of an optimised portfolio, and a model's score is the gradient of the portfolio's realised
return with respect to its stake. Here the portfolio is that of `scorer.scoring.portfolio_problem`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.engine import Submissions, checked_submissions
from scorer.scoring.errors import UnscoredReason, refuse
from scorer.scoring.exact import Floats, exact_matvec, exact_weighted_sum
from scorer.scoring.meta_model import checked_stakes
from scorer.scoring.operands import finite_vector
from scorer.scoring.portfolio_problem import Portfolio, PortfolioProblem, optimise, signal_gradient
from scorer.scoring.ranked_rows import RankedRows, gaussian_rows
from scorer.scoring.rows import row_blocks

MODELS_AT_ONCE = 1024
"""Models whose ranks are in memory at a time; ranks are computed again for each use."""


@dataclass(frozen=True)
class TrueContribution:
    """True contributions of a round.

    Attributes
    ----------
    scores
        (models,) NaN where a submission cannot be ranked.
    reasons
        The reason why a submission has no score, or None.
    portfolio
        The optimum for the stake-weighted signal.
    portfolio_return
        Its realised return.
    """

    scores: Floats
    reasons: tuple[UnscoredReason | None, ...]
    portfolio: Portfolio
    portfolio_return: float


def true_contribution(
    submissions: Submissions, stakes: NDArray[np.uint64], returns: Floats, problem: PortfolioProblem
) -> TrueContribution:
    """Compute the TC of all models, from one optimum and one adjoint solve.

    With g the gaussian tie-kept ranks, s the stakes, a = sum(s g) / sum(s) the signal, w(a) the optimum
    and R = returns.w(a): ``TC_j = sum(s) dR/ds_j = (g_j - a).dR/da``. Multiplying all stakes by the same
    number changes nothing, and the stake-weighted sum of all scores is zero.

    Parameters
    ----------
    submissions
        (models, assets) float64 or float32, a row a submission.
    stakes
        (models,) nano-NMR. Those of submissions that cannot be ranked are left out.
    returns
        (assets,) realised returns, as shares.
    problem
        Risk model and constraints.

    Returns
    -------
    TrueContribution
        Scores in units of return for a share of stake: 0.01 means that one more percent of all stake on
        the model would have added 0.0001 to the portfolio's return.

    Raises
    ------
    ScoringInputError
        When an argument does not fit, or no submission that can be ranked has any stake.
    """
    submissions = checked_submissions(submissions)
    outcome = finite_vector(returns, "returns", submissions.shape[1])
    if len(problem.specific_variance) != len(outcome):
        refuse("problem", f"{len(outcome)} assets", len(problem.specific_variance), "align the risk model")
    weights = checked_stakes(stakes, len(submissions)).tolist()
    reasons = tuple(reason for ranks in _ranked(submissions) for reason in ranks.reasons)
    counted = [stake if reason is None else 0 for stake, reason in zip(weights, reasons, strict=True)]
    signal = _stake_weighted_signal(submissions, counted)
    portfolio = optimise(problem, signal)
    gradient = signal_gradient(problem, portfolio, outcome)
    own = np.concatenate([exact_matvec(ranks.rows, gradient) for ranks in _ranked(submissions)])
    # The common term: more stake on one model takes share from all others.
    scores = own - exact_matvec(signal[np.newaxis], gradient)[0]
    scores[[reason is not None for reason in reasons]] = np.nan
    gain = float(exact_matvec(portfolio.weights[np.newaxis], outcome)[0])
    return TrueContribution(scores, reasons, portfolio, gain)


def _ranked(submissions: Submissions) -> Iterator[RankedRows[np.float64]]:
    """Yield the gaussian ranks of all submissions, a block of models at a time."""
    return (gaussian_rows(submissions[rows]) for rows in row_blocks(len(submissions), MODELS_AT_ONCE))


def _stake_weighted_signal(submissions: Submissions, stakes: list[int]) -> Floats:
    """Average gaussian ranks by stake, shape (assets,); the same bits on every machine."""
    total = sum(stakes)
    if total == 0:
        refuse("stakes", "a stake above 0 for a submission that can be ranked", "none", "skip the round")
    shares = np.array([stake / total for stake in stakes])
    return exact_weighted_sum(lambda: (ranks.rows for ranks in _ranked(submissions)), shares)
