import numpy as np
import pytest

from scorer.scoring import PortfolioProblem, ScoringInputError, UnscoredReason, optimise, true_contribution
from scorer.scoring.exact import Floats
from scorer.scoring.ranked_rows import gaussian_rows


def problem_of(assets: int, aversion: float, leverage: float = 1.0, seed: int = 0) -> PortfolioProblem:
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(assets, 4)) * 0.05
    sectors = np.eye(5)[np.arange(assets) % 5]
    neutral_to = np.column_stack([sectors, np.ones(assets), factors[:, :2]])
    return PortfolioProblem(
        rng.uniform(0.001, 0.006, assets), factors, neutral_to, 8 / assets, leverage, aversion
    )


def signal_of(assets: int, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).normal(size=assets)


@pytest.mark.parametrize(
    ("aversion", "leverage"), [(1, 1.0), (100, 1.0), (3000, 1.0), (3000, 50.0), (3e5, 1.0)]
)
def test_an_optimum_keeps_every_constraint_and_no_feasible_move_improves_it(
    aversion: float, leverage: float
) -> None:
    problem, signal = problem_of(80, aversion, leverage), signal_of(80)
    found = optimise(problem, signal)
    weights = found.weights
    assert np.abs(weights).max() <= problem.max_position * (1 + 1e-9)
    assert np.abs(weights).sum() <= problem.max_leverage * (1 + 1e-9)
    np.testing.assert_allclose(problem.neutral_to.T @ weights, 0, atol=1e-12)

    def value(w: Floats) -> float:
        risk = (problem.specific_variance * w) @ w + ((problem.risk_factors.T @ w) ** 2).sum()
        return float(signal @ w - aversion / 2 * risk)

    rng = np.random.default_rng(2)
    for _ in range(30):
        other = optimise(problem, signal + rng.normal(size=80)).weights
        for step in (1e-4, 1e-2, 1.0):
            assert value(weights + step * (other - weights)) <= value(weights) + 1e-10


@pytest.mark.parametrize("aversion", [300, 3000, 30000])
def test_scores_are_the_gradient_that_finite_differences_of_the_optimum_show(aversion: float) -> None:
    rng = np.random.default_rng(3)
    problem, submissions, returns = (
        problem_of(120, aversion),
        rng.random((15, 120)),
        rng.normal(size=120) / 10,
    )
    stakes = rng.integers(10**9, 10**12, 15).astype(np.uint64)
    found = true_contribution(submissions, stakes, returns, problem)
    ranks = gaussian_rows(submissions).rows
    shares = stakes / stakes.sum()

    def gain(weights: Floats) -> float:
        return float(returns @ optimise(problem, weights @ ranks / weights.sum()).weights)

    assert found.portfolio_return == pytest.approx(gain(shares), abs=1e-12)
    for model in range(5):
        step = np.where(np.arange(15) == model, 1e-6, 0)
        difference = (gain(shares + step) - gain(shares - step)) / 2e-6
        assert found.scores[model] == pytest.approx(difference, abs=1e-5 * np.abs(found.scores).max())


def test_the_unit_of_stakes_does_not_matter_and_scores_weigh_to_nothing() -> None:
    rng = np.random.default_rng(4)
    problem, submissions, returns = problem_of(60, 1000), rng.random((9, 60)), rng.normal(size=60)
    stakes = rng.integers(1, 10**9, 9).astype(np.uint64)
    found = true_contribution(submissions, stakes, returns, problem)
    again = true_contribution(submissions, stakes * np.uint64(1000), returns, problem)
    np.testing.assert_array_equal(again.scores, found.scores)
    assert found.scores @ (stakes / stakes.sum()) == pytest.approx(0, abs=1e-12)


def test_a_submission_that_cannot_be_ranked_has_no_part_in_the_portfolio() -> None:
    rng = np.random.default_rng(5)
    problem, submissions, returns = problem_of(60, 1000), rng.random((4, 60)), rng.normal(size=60)
    stakes = np.array([5, 6, 7, 8], dtype=np.uint64)
    expected = true_contribution(submissions[[0, 1, 3]], stakes[[0, 1, 3]], returns, problem)
    submissions[2, 9] = np.nan
    found = true_contribution(submissions, stakes, returns, problem)
    assert found.reasons == (None, None, UnscoredReason.MISSING_VALUE, None)
    np.testing.assert_allclose(found.scores[[0, 1, 3]], expected.scores, rtol=0, atol=1e-12)
    assert np.isnan(found.scores[2])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("risk_factors", {"risk_factors": np.ones((59, 2))}),
        ("neutral_to", {"neutral_to": np.ones(60)}),
        ("specific_variance", {"specific_variance": np.zeros(60)}),
        ("max_leverage", {"max_leverage": -1.0}),
    ],
)
def test_a_problem_that_does_not_fit_is_refused(name: str, change: dict[str, object]) -> None:
    fitting = vars(problem_of(60, 1.0))
    with pytest.raises(ScoringInputError, match=f"^{name}: expected"):
        PortfolioProblem(**{**fitting, **change})


def test_a_round_without_stakes_has_no_portfolio() -> None:
    with pytest.raises(ScoringInputError, match=r"^stakes: expected"):
        true_contribution(
            np.random.default_rng(0).random((2, 60)), np.zeros(2, np.uint64), np.ones(60), problem_of(60, 1.0)
        )
