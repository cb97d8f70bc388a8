"""True contribution (TC): what a little more stake on a model does to the return of the real portfolio.

Numerai's documentation of TC (retired in 2023, no code was published): the stake-weighted meta model is
the signal of an optimised portfolio, and a model's score is the gradient of the portfolio's realised
return with respect to its stake. Here the portfolio is that of `scorer.scoring.portfolio_problem`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.engine import Submissions, checked_submissions
from scorer.scoring.errors import Reason, refuse
from scorer.scoring.exact import Floats, exact_matvec
from scorer.scoring.meta_model import checked_stakes
from scorer.scoring.operands import finite_vector
from scorer.scoring.portfolio_problem import Portfolio, PortfolioProblem, optimise, signal_gradient
from scorer.scoring.ranked_rows import gaussian_rows


@dataclass(frozen=True)
class TrueContribution:
    """TC of a round.

    Attributes
    ----------
    scores
        (models,) NaN where a submission cannot be ranked.
    reasons
        Why, or None.
    portfolio
        The optimum for the stake-weighted signal.
    portfolio_return
        Its realised return.
    """

    scores: Floats
    reasons: tuple[Reason | None, ...]
    portfolio: Portfolio
    portfolio_return: float


def true_contribution(
    submissions: Submissions, stakes: NDArray[np.uint64], returns: Floats, problem: PortfolioProblem
) -> TrueContribution:
    """TC of all models, from one optimum and one adjoint solve.

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
    ranks = gaussian_rows(submissions)
    signal = stake_weighted_signal(ranks.rows, checked_stakes(stakes, len(submissions)), ranks.unscored)
    portfolio = optimise(problem, signal)
    gradient = signal_gradient(problem, portfolio, outcome)
    scores = exact_matvec(ranks.rows, gradient) - exact_matvec(signal[np.newaxis], gradient)[0]
    scores[ranks.unscored] = np.nan
    gain = float(exact_matvec(portfolio.weights[np.newaxis], outcome)[0])
    return TrueContribution(scores, ranks.reasons, portfolio, gain)


def stake_weighted_signal(ranks: Floats, stakes: NDArray[np.uint64], unscored: NDArray[np.bool_]) -> Floats:
    """Average gaussian ranks by stake; the same bits on every machine."""
    counted = [0 if skip else stake for stake, skip in zip(stakes.tolist(), unscored, strict=True)]
    total = sum(counted)
    if total == 0:
        refuse("stakes", "a stake above 0 for a submission that can be ranked", "none", "skip the round")
    shares = np.array([stake / total for stake in counted])
    return exact_matvec(np.ascontiguousarray(ranks.T), shares)
