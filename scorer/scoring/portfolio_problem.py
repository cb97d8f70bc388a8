"""One convex portfolio problem, its optimum, and the gradient of its return with respect to the signal.

Maximise ``signal.w - (aversion / 2) w'(diag(d) + B B')w`` over the positions w of n assets, such that

- ``N'w = 0``: the portfolio is neutral to sectors, factors, and in money;
- ``|w_i| <= max_position``;
- ``sum |w_i| <= max_leverage``.

A primal-dual interior-point method (Mehrotra's predictor and corrector, *SIAM Journal on Optimization* 2,
1992) with long and short positions as separate variables. The risk model is a diagonal and a few factors,
so that each of its some twenty steps costs a factorisation of the size of the factors, not of the assets.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.errors import ScoringInputError, refuse
from scorer.scoring.exact import Floats

MOST_STEPS = 100
TOLERANCE = 1e-11
RESIDUAL_TOLERANCE = 1e-9
"""Tolerances of the mean product of slacks and multipliers, and of the gradient, relative to the problem's
scale. They suffice to find which bounds hold; the positions between bounds are then solved for directly."""

TO_THE_BOUNDARY = 0.995
"""Share of the longest step, so that no slack or multiplier reaches zero before the optimum."""


class PortfolioNotSolved(ScoringInputError):
    """The solver did not reach its tolerance: the problem is scaled badly."""


@dataclass(frozen=True)
class PortfolioProblem:
    """Risk model, neutrality and bounds.

    Attributes
    ----------
    specific_variance
        (assets,) d, above 0.
    risk_factors
        (assets, factors) B: exposures times the factor's volatility.
    neutral_to
        (assets, constraints) N; columns may depend on each other.
    max_position, max_leverage
        Above 0.
    risk_aversion
        Above 0.
    """

    specific_variance: Floats
    risk_factors: Floats
    neutral_to: Floats
    max_position: float
    max_leverage: float
    risk_aversion: float = 1.0

    def __post_init__(self) -> None:
        assets = len(self.specific_variance)
        for name in ("risk_factors", "neutral_to"):
            shape = getattr(self, name).shape
            if len(shape) != 2 or shape[0] != assets:
                refuse(name, f"shape ({assets}, any)", f"shape {shape}", "give one row an asset")
        for name in ("specific_variance", "max_position", "max_leverage", "risk_aversion"):
            if not (np.asarray(getattr(self, name)) > 0).all():
                refuse(name, "positive numbers", "others", "check the risk model")


@dataclass(frozen=True)
class Portfolio:
    """The optimum of a portfolio problem.

    Attributes
    ----------
    weights
        (assets,) positions.
    free
        (assets,) Whether a position is neither zero nor at a bound, and so moves with the signal.
    leverage_binds
        Whether the sum of magnitudes is at its limit.
    steps
        Number of steps of the solver.
    """

    weights: Floats
    free: NDArray[np.bool_]
    leverage_binds: bool
    steps: int


class _LowRank:
    """Solves equations with ``diag + B B'`` by Woodbury's identity."""

    def __init__(self, diagonal: Floats, factors: Floats) -> None:
        self._inverse = 1 / diagonal
        self._scaled = factors * self._inverse[:, np.newaxis]
        inner = np.eye(factors.shape[1]) + factors.T @ self._scaled
        self._factor = np.linalg.cholesky(inner) if factors.shape[1] else inner

    def solve(self, right: Floats) -> Floats:
        """Solve for one right-hand side or for several columns."""
        inverse = self._inverse if right.ndim == 1 else self._inverse[:, np.newaxis]
        inner = np.linalg.solve(self._factor, self._scaled.T @ right)
        inner = np.linalg.solve(self._factor.T, inner)
        return np.asarray(inverse * right - self._scaled @ inner)


@dataclass
class _State:
    """The iterate: long and short positions, and multipliers of their bounds, of leverage and neutrality.

    Arrays of two rows hold the long side first, then the short side.
    """

    sides: Floats
    lower: Floats
    upper: Floats
    leverage: float
    neutral: Floats


class _Solver:
    """Solves the problem with positions in units of the largest one allowed, and a signal of size one."""

    def __init__(self, problem: PortfolioProblem, signal: Floats) -> None:
        unit, scale = problem.max_position, float(np.abs(signal).max()) or 1.0
        self.problem = problem
        self.signal = signal / scale
        self.aversion = problem.risk_aversion * unit / scale
        self.most = problem.max_leverage / unit
        self.neutral_to = _orthonormal(problem.neutral_to)

    def risk(self, weights: Floats) -> Floats:
        factors = self.problem.risk_factors
        return self.aversion * (self.problem.specific_variance * weights + factors @ (factors.T @ weights))

    def start(self) -> _State:
        assets = len(self.signal)
        # Strictly inside: half of the largest position, and at most half of the leverage in total.
        size = min(0.5, self.most / (4 * assets))
        return _State(
            sides=np.full((2, assets), size),
            lower=np.ones((2, assets)),
            upper=np.ones((2, assets)),
            leverage=1.0,
            neutral=np.zeros(self.neutral_to.shape[1]),
        )

    def slack(self, state: _State) -> tuple[Floats, float]:
        return 1 - state.sides, self.most - float(state.sides.sum())

    def solve(self) -> tuple[_State, int]:
        state = self.start()
        for step in range(MOST_STEPS):
            gap, residual = self.gap(state), self.residual(state)
            if gap < TOLERANCE and float(np.abs(residual).max()) < RESIDUAL_TOLERANCE:
                return state, step
            self.advance(state, residual, gap)
        raise PortfolioNotSolved(
            f"signal: expected a problem that is solved in {MOST_STEPS} steps, found a gap of {gap:.1e}; "
            "scale the risk model and the bounds to about one"
        )

    def gap(self, state: _State) -> float:
        room, leverage = self.slack(state)
        products = float((state.sides * state.lower).sum() + (room * state.upper).sum())
        # The mean over all pairs of a slack and its multiplier: four an asset, and that of the leverage.
        return (products + leverage * state.leverage) / (4 * len(self.signal) + 1)

    def residual(self, state: _State) -> Floats:
        """Return minus the gradient of the Lagrangian, for both sides."""
        pull = self.risk(state.sides[0] - state.sides[1]) - self.signal + self.neutral_to @ state.neutral
        common = state.upper - state.lower + state.leverage
        return -(np.stack([pull, -pull]) + common)

    def advance(self, state: _State, residual: Floats, gap: float) -> None:
        """Compute a trial step, and take the step that it corrects."""
        room, leverage = self.slack(state)
        system = _System(self, state, room, leverage)
        none = np.zeros_like(state.sides)
        trial = system.solve(residual, 0.0, none, none, 0.0)
        # A whole step of Newton's method has the length one.
        length = min(system.longest(trial), 1.0)
        # Mehrotra's heuristic: the more the trial step closes the gap, the less the real one is centred.
        centring = (self._gap_after(state, trial, length) / gap) ** 3
        # The products of two changes, which the linear system leaves out, estimated from the trial step.
        lower = trial.sides * trial.lower
        upper = -trial.sides * trial.upper
        bind = -float(trial.sides.sum()) * trial.leverage
        target = max(centring * gap, TOLERANCE / 10)  # a gap that closes before the gradient would stall
        step = system.solve(residual, target, lower, upper, bind)
        length = min(TO_THE_BOUNDARY * system.longest(step), 1.0)
        state.sides += length * step.sides
        state.lower += length * step.lower
        state.upper += length * step.upper
        state.leverage += length * step.leverage
        state.neutral += length * step.neutral

    def _gap_after(self, state: _State, step: _State, length: float) -> float:
        return self.gap(
            _State(
                state.sides + length * step.sides,
                state.lower + length * step.lower,
                state.upper + length * step.upper,
                state.leverage + length * step.leverage,
                state.neutral,
            )
        )


class _System:
    """The linear system of one step, reduced to the positions and a few multipliers."""

    def __init__(self, solver: _Solver, state: _State, room: Floats, leverage: float) -> None:
        self.state, self.room, self.leverage = state, room, leverage
        self.barrier = state.lower / state.sides + state.upper / room
        # The sum of both sides' equations gives the long side from the net move (see `solve`). That leaves
        # one unknown an asset, with a diagonal plus a few factors, and a few multipliers as borders.
        self.both = self.barrier.sum(axis=0)
        self.lean = (self.barrier[1] - self.barrier[0]) / self.both
        joint = self.barrier[0] * self.barrier[1] / self.both
        diagonal = solver.aversion * solver.problem.specific_variance + joint
        self.matrix = _LowRank(diagonal, solver.problem.risk_factors * np.sqrt(solver.aversion))
        self.borders = np.column_stack([solver.neutral_to, self.lean])
        self.solved_borders = self.matrix.solve(self.borders)
        self.schur = self.borders.T @ self.solved_borders
        self.schur[-1, -1] += leverage / state.leverage + float((4 / self.both).sum())
        self.off_neutral = solver.neutral_to.T @ (state.sides[0] - state.sides[1])

    def solve(self, residual: Floats, target: float, lower: Floats, upper: Floats, bind: float) -> _State:
        """Return the step to complementarity products of ``target``, given second-order corrections."""
        state = self.state
        products = target - state.sides * state.lower - lower
        caps = target - self.room * state.upper - upper
        limit = target - self.leverage * state.leverage - bind
        sides = residual + products / state.sides - caps / self.room
        pull = (self.barrier[1] * sides[0] - self.barrier[0] * sides[1]) / self.both
        solved = self.matrix.solve(pull)
        right = self.borders.T @ solved
        right[:-1] += self.off_neutral  # also undoes the drift from neutrality by rounding
        right[-1] += limit / state.leverage + 2 * float((sides.sum(axis=0) / self.both).sum())
        multipliers = np.linalg.solve(self.schur, right)
        move = solved - self.solved_borders @ multipliers
        long = (sides.sum(axis=0) - 2 * multipliers[-1] + self.barrier[1] * move) / self.both
        step = np.stack([long, long - move])
        return _State(
            sides=step,
            lower=(products - state.lower * step) / state.sides,
            upper=(caps + state.upper * step) / self.room,
            leverage=float(multipliers[-1]),
            neutral=np.asarray(multipliers[:-1], dtype=np.float64),
        )

    def longest(self, step: _State) -> float:
        """Return the length of the step at which the first slack or multiplier reaches zero."""
        state = self.state
        pairs = [
            (state.sides, step.sides),
            (self.room, -step.sides),
            (state.lower, step.lower),
            (state.upper, step.upper),
            (np.array(self.leverage), np.array(-step.sides.sum())),
            (np.array(state.leverage), np.array(step.leverage)),
        ]
        return min(float(np.min(-at[by < 0] / by[by < 0], initial=np.inf)) for at, by in pairs)


def _orthonormal(constraints: Floats) -> Floats:
    """Return an orthonormal basis of the constraints, which may depend on each other."""
    left, sizes, _ = np.linalg.svd(constraints, full_matrices=False)
    return np.ascontiguousarray(left[:, sizes > 1e-10 * max(sizes.max(initial=0.0), 1e-300)])


def optimise(problem: PortfolioProblem, signal: Floats) -> Portfolio:
    """Find the optimum for a signal.

    Parameters
    ----------
    problem
        Risk model and constraints.
    signal
        (assets,) finite expected returns, on any scale.

    Raises
    ------
    PortfolioNotSolved
        When a hundred steps do not reach the tolerance.
    """
    solver = _Solver(problem, signal)
    state, steps = solver.solve()
    room, leverage = solver.slack(state)
    # At the optimum a slack or its multiplier is zero: the larger one says which bounds hold.
    open_sides = state.sides > state.lower
    capped = (room < state.upper) & open_sides
    free = np.asarray(open_sides.any(axis=0) & ~capped.any(axis=0))
    binds = leverage < state.leverage
    signs = np.where(open_sides[0], 1.0, -1.0) * open_sides.any(axis=0)
    # Positions at zero or at a bound are set exactly; the interior point only came close to them.
    weights = np.where(free, 0.0, signs * problem.max_position)
    polished = _Free(problem, free, signs, binds).fit(signal, weights)
    return Portfolio(polished, free, binds, steps)


class _Free:
    """Solves for the free positions with all others held: their optimality conditions are linear."""

    def __init__(
        self, problem: PortfolioProblem, free: NDArray[np.bool_], signs: Floats, binds: bool
    ) -> None:
        self.problem, self.free = problem, free
        rows = _orthonormal(problem.neutral_to)
        self.borders = np.column_stack([rows, signs]) if binds else rows
        self.limit = problem.max_leverage if binds else 0.0
        self.binds = binds
        aversion = problem.risk_aversion
        self.matrix = _LowRank(
            aversion * problem.specific_variance[free], problem.risk_factors[free] * np.sqrt(aversion)
        )
        self.solved = self.matrix.solve(self.borders[free])
        # Constraints may coincide on the free positions: then their multipliers are not unique.
        self.schur = np.linalg.pinv(self.borders[free].T @ self.solved, rcond=1e-12, hermitian=True)

    def solve(self, right: Floats, bounds: Floats) -> Floats:
        """Solve for the free positions, given the other side of the conditions and of the constraints."""
        solved = self.matrix.solve(right)
        multipliers = self.schur @ (self.borders[self.free].T @ solved - bounds)
        return solved - self.solved @ multipliers

    def fit(self, signal: Floats, held: Floats) -> Floats:
        """Return (assets,) weights, of which those that are not free are as in ``held``."""
        problem = self.problem
        factors = problem.risk_factors
        right = signal[self.free] - problem.risk_aversion * (factors[self.free] @ (factors.T @ held))
        bounds = -(self.borders.T @ held)
        if self.binds:
            bounds[-1] += self.limit
        weights = held.copy()
        weights[self.free] = self.solve(right, bounds)
        return weights


def signal_gradient(problem: PortfolioProblem, portfolio: Portfolio, returns: Floats) -> Floats:
    """Compute the gradient of the optimum's return with respect to the signal, by one adjoint solve.

    Parameters
    ----------
    problem, portfolio
        From `optimise`. The gradient holds while the same positions stay free; where they change it is
        one of the two one-sided derivatives.
    returns
        (assets,) realised return of each asset.

    Returns
    -------
    (assets,) zero for assets whose position is held at zero or at a bound.
    """
    gradient = np.zeros(len(returns))
    if portfolio.free.any():
        signs = np.sign(portfolio.weights)
        adjoint = _Free(problem, portfolio.free, signs, portfolio.leverage_binds)
        nothing = np.zeros(adjoint.borders.shape[1])
        gradient[portfolio.free] = adjoint.solve(returns[portfolio.free], nothing)
    return gradient
