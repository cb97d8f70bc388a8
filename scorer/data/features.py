"""The registry of features: functions of what was known, which users extend from packages of their own.

A feature function takes a `MarketView` and a `FeatureSpec` and returns one float64 a name, NaN where the
name has none. To give the same bits everywhere it uses exact sums (`MarketView.sum`) and single IEEE
operations: plus, minus, times, divided by, square root, and comparisons. Only the order of its values counts
in the end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Final

import numpy as np

from scorer.data.faults import DataError
from scorer.data.fixed import demeaned
from scorer.data.panel import UNKNOWN
from scorer.data.recipe import LONGEST_FIELD, PLAIN, FeatureSpec, Recipe
from scorer.data.view import MarketView
from scorer.scoring.exact import Floats

PLUGINS: Final = "cupel.features"
"""Entry points of other packages: functions that `feature` has marked."""
Function = Callable[[MarketView, FeatureSpec], Floats]


@dataclass(frozen=True)
class Kind:
    """A kind of feature: its function, and what its rules must name."""

    function: Function
    needs_window: bool
    needs_field: bool
    needs_volume: bool


BUILT_IN: Final[dict[str, Kind]] = {}


def feature(
    name: str, *, window: bool = True, field: bool = False, volume: bool = False
) -> Callable[[Function], Function]:
    """Register a function as a kind of feature.

    Parameters
    ----------
    window, field
        Whether the rules must name windows, and fields.
    volume
        Whether the panel must have the field volume.
    """

    def register(function: Function) -> Function:
        BUILT_IN[name] = Kind(function, window, field, volume)
        return function

    return register


@cache
def _plugins() -> dict[str, Kind]:
    """Load the packages' entry points, each of which registers its kinds as it is imported."""
    for entry in entry_points(group=PLUGINS):
        entry.load()
    return BUILT_IN


def kind_of(name: str) -> Kind:
    """Return a kind of feature by its name.

    Raises
    ------
    DataError
        When no installed package has it.
    """
    found = BUILT_IN.get(name) or _plugins().get(name)
    if found is None:
        raise DataError(f"features.kind: expected one of {', '.join(sorted(BUILT_IN))}, found {name}")
    return found


def check_kinds(recipe: Recipe) -> None:
    """Refuse rules that name an unknown kind, or lack what it needs."""
    for place, rules in enumerate(recipe.features):
        kind = kind_of(rules.kind)
        for needed, given, what in (
            (kind.needs_window, rules.windows, "windows"),
            (kind.needs_field, rules.fields, "fields"),
        ):
            if needed != bool(given):
                expected, found = ("some", "none") if needed else ("none", "some")
                raise DataError(
                    f"features.{place}.{what}: expected {expected} for {rules.kind}, found {found}"
                )


def check_panel(recipe: Recipe, fields: set[str], groups: set[str]) -> None:
    """Refuse a recipe that reads fields or groups which a panel does not have."""
    known = fields | {"price"}
    for spec in recipe.specs():
        needed = {spec.field} if spec.field else set()
        needed |= {"volume"} if kind_of(spec.kind).needs_volume else set()
        if needed - known:
            raise DataError(
                f"feature {spec.name}: expected a panel with the field {', '.join(sorted(needed - known))}, "
                f"found {', '.join(sorted(known))}"
            )
    wanted = {spec.variant for spec in recipe.specs()} - {PLAIN} | set(recipe.universe.groups)
    wanted |= {group for target in recipe.targets for group in target.groups}
    wanted |= set() if recipe.inputs is None else set(recipe.inputs.groups)
    if wanted - groups:
        found = ", ".join(sorted(groups)) or "none"
        raise DataError(
            f"recipe: expected a panel with the group {', '.join(sorted(wanted - groups))}, found {found}"
        )
    if recipe.universe.largest is not None and "volume" not in fields:
        raise DataError("universe.largest: expected a panel with the field volume, found none")


def raw_feature(view: MarketView, spec: FeatureSpec) -> Floats:
    """Return a feature in its own unit; NaN where a name has none or its history is too short."""
    return in_variant(view, plain_feature(view, spec), spec.variant)


def plain_feature(view: MarketView, spec: FeatureSpec) -> Floats:
    """Return a feature before anything is taken off it."""
    late = view.late(spec.lag) if spec.lag else view
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        values = kind_of(spec.kind).function(late, spec)
    usable = np.isfinite(values)
    if spec.window:
        usable &= late.has_history(spec.window + spec.skip)
    return values if usable.all() else np.where(usable, values, np.nan)


def in_variant(view: MarketView, values: Floats, variant: str) -> Floats:
    """Return a plain feature's values, less the mean of their group where the variant is a group.

    Names of no group have no value in it.
    """
    if variant == PLAIN:
        return values
    codes, counts = view.groups_of(variant)
    usable = np.isfinite(values) & (codes != UNKNOWN)
    if usable.all():
        return demeaned(values, codes, counts)
    result = np.full(len(values), np.nan)
    if usable.any():
        kept = codes[usable]
        result[usable] = demeaned(values[usable], kept, np.bincount(kept, minlength=len(counts)))
    return result


def _deviation(view: MarketView, total: str, squares: str, spec: FeatureSpec) -> Floats:
    """Variance over a window, in squared steps: both sums are exact."""
    count = float(spec.window)
    mean = view.sum(total, spec.window, spec.skip) / count
    return view.sum(squares, spec.window, spec.skip) / count - mean * mean


@feature("momentum")
def momentum(view: MarketView, spec: FeatureSpec) -> Floats:
    """Log total return over the window before the sessions that are skipped (Jegadeesh and Titman 1993)."""
    return view.growth(spec.window, spec.skip)


@feature("reversal")
def reversal(view: MarketView, spec: FeatureSpec) -> Floats:
    """Minus the log total return over the window."""
    return -view.growth(spec.window, spec.skip)


@feature("volatility")
def volatility(view: MarketView, spec: FeatureSpec) -> Floats:
    """Variance of daily log returns over the window; returns beyond 1 count as 1."""
    return _deviation(view, "small", "square", spec)


@feature("downside")
def downside(view: MarketView, spec: FeatureSpec) -> Floats:
    """Share of the squared returns that losses have."""
    return view.sum("negative_square", spec.window, spec.skip) / view.sum("square", spec.window, spec.skip)


@feature("skewness")
def skewness(view: MarketView, spec: FeatureSpec) -> Floats:
    """Mean cube of daily returns over the power 1.5 of their mean square, about zero."""
    square = view.sum("square", spec.window, spec.skip)
    return view.sum("cube", spec.window, spec.skip) / (square * np.sqrt(square))


@feature("smoothness")
def smoothness(view: MarketView, spec: FeatureSpec) -> Floats:
    """Return over the window as a share of the path's length."""
    path = view.sum("absolute", spec.window, spec.skip)
    return view.growth(spec.window, spec.skip) / path


@feature("ups")
def ups(view: MarketView, spec: FeatureSpec) -> Floats:
    """Number of sessions with a gain; of equal numbers the greater return is more."""
    return view.sum("up", spec.window, spec.skip) + view.growth(spec.window, spec.skip) * 2.0**-10


@feature("autocorrelation")
def autocorrelation(view: MarketView, spec: FeatureSpec) -> Floats:
    """Mean product of each return with the one before, over the mean square."""
    return view.sum("reversal", spec.window, spec.skip) / view.sum("square", spec.window, spec.skip)


@feature("beta")
def beta(view: MarketView, spec: FeatureSpec) -> Floats:
    """Regression slope of daily returns on the equal-weighted market's."""
    count = float(spec.window)
    market, own = view.sum("market", spec.window, spec.skip), view.sum("small", spec.window, spec.skip)
    covariance = view.sum("with_market", spec.window, spec.skip) - own * (market / count)
    return covariance / (view.sum("market_square", spec.window, spec.skip) - market * (market / count))


@feature("correlation")
def correlation(view: MarketView, spec: FeatureSpec) -> Floats:
    """Beta over the name's own volatility: its correlation with the market, up to the market's volatility."""
    return beta(view, spec) / np.sqrt(_deviation(view, "small", "square", spec))


@feature("idiosyncratic")
def idiosyncratic(view: MarketView, spec: FeatureSpec) -> Floats:
    """Log return over the window that the market does not explain."""
    market = view.sum("market", spec.window, spec.skip)
    return view.sum("small", spec.window, spec.skip) - beta(view, spec) * market


@feature("high")
def high(view: MarketView, spec: FeatureSpec) -> Floats:
    """Distance from the highest level of the window (George and Hwang 2004)."""
    return np.asarray(view.levels(1)[0] - view.highest(spec.window + 1), dtype=np.float64)


@feature("low")
def low(view: MarketView, spec: FeatureSpec) -> Floats:
    """Distance from the lowest level of the window."""
    return np.asarray(view.levels(1)[0] - view.lowest(spec.window + 1), dtype=np.float64)


@feature("greatest")
def greatest(view: MarketView, spec: FeatureSpec) -> Floats:
    """Greatest daily return of the window (Bali, Cakici and Whitelaw 2011)."""
    return np.asarray(view.greatest(spec.window), dtype=np.float64)


@feature("traded", volume=True)
def traded(view: MarketView, spec: FeatureSpec) -> Floats:
    """Mean value traded in a session, price times volume."""
    return view.sum("traded", spec.window, spec.skip)


@feature("illiquidity", volume=True)
def illiquidity(view: MarketView, spec: FeatureSpec) -> Floats:
    """Absolute returns over the value traded (after Amihud 2002)."""
    return view.sum("absolute", spec.window, spec.skip) / view.sum("traded", spec.window, spec.skip)


@feature("volume_trend", volume=True)
def volume_trend(view: MarketView, spec: FeatureSpec) -> Floats:
    """Mean log value traded over the last quarter of the window less that over all of it."""
    quarter = max(spec.window // 4, 1)
    recent = view.sum("log_traded", quarter, spec.skip) / view.sum("trades", quarter, spec.skip)
    return recent - view.sum("log_traded", spec.window, spec.skip) / view.sum(
        "trades", spec.window, spec.skip
    )


@feature("volume_volatility", volume=True)
def volume_volatility(view: MarketView, spec: FeatureSpec) -> Floats:
    """Variance of the log value traded."""
    count = view.sum("trades", spec.window, spec.skip)
    mean = view.sum("log_traded", spec.window, spec.skip) / count
    return view.sum("log_traded_square", spec.window, spec.skip) / count - mean * mean


@feature("value", window=False, field=True)
def value(view: MarketView, spec: FeatureSpec) -> Floats:
    """Latest value of a field a share over the price: earnings yield, book to price and the like."""
    return view.latest(spec.field, LONGEST_FIELD) / view.latest("price", 5)


@feature("level", window=False, field=True)
def level(view: MarketView, spec: FeatureSpec) -> Floats:
    """Latest value of a field."""
    return view.latest(spec.field, LONGEST_FIELD)


@feature("size", window=False, field=True)
def size(view: MarketView, spec: FeatureSpec) -> Floats:
    """Latest value of a field of shares outstanding times the price."""
    return view.latest(spec.field, LONGEST_FIELD) * view.latest("price", 5)


@feature("change", field=True)
def change(view: MarketView, spec: FeatureSpec) -> Floats:
    """Latest value of a field less the one a window of sessions before, over its magnitude."""
    before = view.late(spec.window).latest(spec.field, LONGEST_FIELD)
    return (view.latest(spec.field, LONGEST_FIELD) - before) / np.abs(before)
