"""Targets: what became of each name after a decision, less what groups and features explain, in bins."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.data.bins import EVEN, MISSING, NUMERAI, Codes, bin_rows, doubled_ranks
from scorer.data.features import raw_feature
from scorer.data.fixed import LOG_BITS, Integers
from scorer.data.neutral import exact_residual
from scorer.data.panel import UNKNOWN, Panel
from scorer.data.recipe import Recipe, TargetRules
from scorer.data.view import MarketView
from scorer.scoring.exact import Floats
from scorer.scoring.quantiles import rank_table

LEAST_NAMES = 10
"""Fewer outcomes than this give no ranks worth the name, and no targets."""


@dataclass(frozen=True, eq=False)
class TargetOutcome:
    """One target of an era.

    Attributes
    ----------
    returns
        (names,) log total return over the horizon; NaN where there was no price to buy at.
    residual
        What the regression leaves of its gaussian rank; NaN as above.
    codes
        Bins, or `MISSING`.
    values
        The target as the contract's rules score it: in [0, 1], NaN where unknown.
    """

    returns: Floats
    residual: Floats
    codes: Codes
    values: Floats


def horizon_return(panel: Panel, session: int, places: Integers, rules: TargetRules) -> Floats | None:
    """Return the log total returns over the horizon, or None when it is not over in this panel.

    A name that is delisted on the way keeps its last price. One without a price from the decision to the
    first session of the horizon has no return.
    """
    start, end = session + rules.lag, session + rules.reach
    if end >= len(panel.sessions):
        return None
    steps = panel.growth[end, places] - panel.growth[start, places]
    bought = _have_price(panel, session, start, places)
    sold = _have_price(panel, start + 1, end, places)
    return np.where(bought & sold, steps.astype(np.float64) * 2.0**-LOG_BITS, np.nan)


def _have_price(panel: Panel, first: int, last: int, places: Integers) -> NDArray[np.bool_]:
    """Return which names have a price in some session of these; nearly all have one in the last."""
    found = np.isfinite(panel.prices[last, places])
    if not found.all():
        found |= np.isfinite(panel.prices[first:last, places]).any(axis=0)
    return np.asarray(found)


def outcome(
    panel: Panel, session: int, view: MarketView, rules: TargetRules, recipe: Recipe
) -> TargetOutcome | None:
    """Return one target of the names of a view, or None when its horizon is not over."""
    returns = horizon_return(panel, session, view.places, rules)
    if returns is None:
        return None
    columns = explaining_columns(view, rules.groups, rules.features, recipe)
    usable = np.isfinite(returns)
    residual = np.full(len(returns), np.nan)
    if usable.sum() >= LEAST_NAMES:
        ranked = rank_table(int(usable.sum())).quantile[doubled_ranks(returns[usable])]
        residual[usable] = exact_residual(ranked, columns[usable]) if columns.shape[1] else ranked
    edges = NUMERAI if rules.bins == "numerai" else EVEN
    codes = bin_rows(residual[np.newaxis], edges, MISSING)[0]
    return TargetOutcome(returns, residual, codes, _values(residual, codes, rules))


def _values(residual: Floats, codes: Codes, rules: TargetRules) -> Floats:
    if rules.bins != "rank":
        return np.where(codes == MISSING, np.nan, codes / 4.0)
    usable = np.isfinite(residual)
    values = np.full(len(residual), np.nan)
    values[usable] = doubled_ranks(residual[usable]) / (2.0 * max(int(usable.sum()), 1))
    return values


def explaining_columns(
    view: MarketView, groups: Sequence[str], features: Sequence[str], recipe: Recipe
) -> Floats:
    """Return (names, width) a column for each group that somebody is in, and gaussian ranks of features."""
    columns: list[Floats] = []
    for name in groups:
        codes, labels = view.group(name)
        # By label and only those present, so that a group of another era changes nothing.
        columns += [
            (codes == code).astype(np.float64)
            for code in [UNKNOWN, *range(len(labels))]
            if (codes == code).any()
        ]
    specs = {spec.name: spec for spec in recipe.specs()}
    columns += [_gaussian(raw_feature(view, specs[name])) for name in features]
    return np.column_stack(columns) if columns else np.empty((len(view.places), 0))


def _gaussian(values: Floats) -> Floats:
    """Gaussian ranks; zero, the middle, where a value is missing."""
    usable = np.isfinite(values)
    result = np.zeros(len(values))
    if usable.any():
        result[usable] = rank_table(int(usable.sum())).quantile[doubled_ranks(values[usable])]
    return result
