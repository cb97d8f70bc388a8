"""Tables that alpha, MPC, TC and the gates need beside targets: neutralizers, sample weights, a risk model.

All follow from what was known at the era's session, to the same bits on every machine: sums of products are
exact, and everything between them is one IEEE operation a step (see `scorer.data.neutral`).
"""

from typing import Final

import numpy as np

from scorer.data.faults import DataError
from scorer.data.features import raw_feature
from scorer.data.fixed import LOG_BITS
from scorer.data.neutral import factored, forward, solved
from scorer.data.recipe import InputRules, Recipe
from scorer.data.targets import explaining_columns
from scorer.data.view import MarketView
from scorer.protocol.tables import NEUTRALIZERS, RISK_MODEL, SAMPLE_WEIGHTS, Table
from scorer.scoring.exact import Floats, exact_matmul

PASSES: Final = 2
"""The second takes out what the rounding of the first left over."""


def factor_inputs(view: MarketView, rules: InputRules, recipe: Recipe) -> dict[str, Table]:
    """Return the tables of factors and gates by name, rows in the order of the view's names.

    ``neutralizers`` are the rules' groups and features, made orthonormal under the sample weights v:
    ``N' diag(v)**2 N`` is the identity. ``sample_weights`` are at most 1, in inverse proportion to the
    volatility that the rules name, or all 1. ``risk_model``, where the rules give it sessions, has
    exposures to the same columns times the volatility of each one's return, and what they leave of each
    name's variance, per session.

    Raises
    ------
    DataError
        When no name has a price that moved.
    """
    columns = _columns(view, rules, recipe)
    weights = _sample_weights(view, rules, recipe)
    found: dict[str, Table] = {
        NEUTRALIZERS: _numbered("neutralizer", _orthonormal(columns, weights)),
        SAMPLE_WEIGHTS: {SAMPLE_WEIGHTS: weights},
    }
    if rules.risk_sessions is not None:
        found[RISK_MODEL] = _risk_model(columns, view, rules.risk_sessions)
    return found


def _columns(view: MarketView, rules: InputRules, recipe: Recipe) -> Floats:
    """(names, width) a constant, a column for each group, and gaussian ranks of features."""
    explaining = explaining_columns(view, rules.groups, rules.features, recipe)
    return np.column_stack([np.ones(len(view.places)), explaining])


def _sample_weights(view: MarketView, rules: InputRules, recipe: Recipe) -> Floats:
    """(names,) the least volatility over a name's own; the smallest weight where it has none."""
    if rules.volatility is None:
        return np.ones(len(view.places))
    spec = next(spec for spec in recipe.specs() if spec.name == rules.volatility)
    variance = raw_feature(view, spec)
    usable = np.isfinite(variance) & (variance > 0)
    if not usable.any():
        raise DataError(f"inputs.volatility: expected names with a {rules.volatility}, found none")
    known = np.where(usable, variance, variance[usable].max())
    return np.asarray(np.sqrt(variance[usable].min() / known))


def _orthonormal(columns: Floats, weights: Floats) -> Floats:
    """Return independent combinations N of columns with ``N' diag(v)**2 N`` the identity, v the weights.

    Cholesky's factor of the weighted Gram matrix, twice: one pass is off by the columns' condition.
    """
    found = columns
    for _ in range(PASSES):
        weighted = found * weights[:, np.newaxis]
        kept, factor = factored(exact_matmul(np.ascontiguousarray(weighted.T), weighted))
        found = forward(factor, np.ascontiguousarray(found[:, kept].T)).T
    return np.ascontiguousarray(found)


def _risk_model(columns: Floats, view: MarketView, sessions: int) -> Table:
    """Regress each session's returns on the columns: exposures times volatility, and specific variances."""
    levels = view.levels(sessions + 1)
    returns = np.diff(levels, axis=0).astype(np.float64) * 2.0**-LOG_BITS
    kept, factor = factored(exact_matmul(np.ascontiguousarray(columns.T), columns))
    basis = np.ascontiguousarray(columns[:, kept])
    earned, left = np.zeros((len(returns), len(kept))), returns
    for _ in range(PASSES):
        more = solved(factor, exact_matmul(left, basis).T).T
        earned, left = earned + more, left - exact_matmul(np.ascontiguousarray(more), basis.T)
    volatility = np.sqrt(_mean_squares(earned))
    exposures = {name: basis[:, place] * volatility[place] for place, name in _names("factor", len(kept))}
    return {"specific_variance": _positive(_mean_squares(left)), **exposures, "neutral_market": basis[:, 0]}


def _mean_squares(rows: Floats) -> Floats:
    return np.asarray(exact_matmul(np.ones((1, len(rows))), rows * rows)[0] / len(rows))


def _positive(variances: Floats) -> Floats:
    """Variances, the least above zero where a name's is zero: its price did not move."""
    moved = variances > 0
    if not moved.any():
        raise DataError("inputs.risk_sessions: expected prices that moved in these sessions, found none")
    return np.where(moved, variances, variances[moved].min())


def _numbered(prefix: str, columns: Floats) -> Table:
    return {name: columns[:, place] for place, name in _names(prefix, columns.shape[1])}


def _names(prefix: str, count: int) -> list[tuple[int, str]]:
    # Numbers, not labels of groups: the tables go to who may not know which group is which.
    return [(place, f"{prefix}_{place:03d}") for place in range(count)]
