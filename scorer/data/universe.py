"""The universe of an era: the names that pass a recipe's rules by what was known at its session."""

from fractions import Fraction

import numpy as np

from scorer.data.panel import UNKNOWN
from scorer.data.recipe import Recipe
from scorer.data.view import MarketView


def universe(view: MarketView, recipe: Recipe) -> MarketView:
    """Return the view of the names that are in the era's universe."""
    rules = recipe.universe
    kept = view.sum("present", rules.stale + 1) > 0
    kept &= view.sum("present", rules.history + rules.history_gaps) >= rules.history
    if rules.lowest_price:
        lowest = float(Fraction(rules.lowest_price, 1_000_000))
        with np.errstate(invalid="ignore"):
            kept &= view.latest("price", rules.stale + 1) >= lowest
    for name in rules.groups:
        kept &= view.group(name)[0] != UNKNOWN
    found = view.only(kept)
    if rules.largest is None or len(found.places) <= rules.largest:
        return found
    value = found.sum("traded", rules.liquidity_sessions)
    # Of equal values the first names are kept.
    order = np.lexsort((np.arange(len(value)), -value))[: rules.largest]
    chosen = np.zeros(len(value), dtype=np.bool_)
    chosen[order] = True
    return found.only(chosen)
