"""Small markets and recipes for the tests of data sets."""

from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from scorer.data.panel import Panel
from scorer.data.recipe import Recipe, recipe_from
from scorer.data.sources.assemble import SourcePanel, assemble, panel_of
from scorer.data.sources.document import Repairs, SourceDocument
from scorer.data.sources.packages import synthetic_market
from scorer.data.sources.tables import RawTable

KEY = bytes(range(32))
START = date(2020, 1, 1)
FEATURES: list[dict[str, Any]] = [
    {"kind": kind, "windows": [10, 40], "variants": ["plain", "sector"]}
    for kind in ("momentum", "volatility", "beta", "illiquidity", "high", "skewness", "volume_trend")
] + [
    {"kind": "reversal", "windows": [5], "lags": [0, 3], "sets": ["small"]},
    {"kind": "size", "fields": ["supply"], "sets": ["small"]},
    {"kind": "change", "windows": [20], "fields": ["supply"]},
]
TARGETS: list[dict[str, Any]] = [
    {"name": "sector20", "sessions": 20, "lag": 2, "groups": ["sector"]},
    {
        "name": "beta20",
        "sessions": 20,
        "lag": 2,
        "groups": ["sector"],
        "features": ["beta_40", "momentum_40"],
    },
    {"name": "rank10", "sessions": 10, "lag": 1, "bins": "rank"},
]


def recipe(**changes: Any) -> Recipe:
    """A recipe of the synthetic market, with some parts changed."""
    return recipe_from(document(**changes), "test")


def document(**changes: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "name": "coins",
        "calendar": "24/7",
        "universe": {"history": 40, "history_gaps": 5, "stale": 2, "groups": ["sector"]},
        "features": FEATURES,
        "targets": TARGETS,
        "splits": {"validation": "2020-05-01", "embargo": 1},
    } | changes


@cache
def source(names: int = 60, days: int = 220, seed: int = 1) -> SourcePanel:
    """The synthetic market as its source gives it; all tests share it, and none can change it."""
    options = {"names": names, "days": days, "seed": seed}
    table = {"kind": "synthetic", "options": options}
    found = assemble(
        SourceDocument.model_validate({"version": 1, "calendar": "24/7", "tables": [table]}), Path()
    )
    panel, groups = found.panel, found.panel.groups.values()
    arrays: list[Any] = [panel.prices, panel.growth, *panel.fields.values()]
    for values in [*arrays, *(group.codes for group in groups)]:
        values.setflags(write=False)
    return found


def panel(names: int = 60, days: int = 220) -> Panel:
    return source(names, days).panel


def table_of(fields: dict[str, np.ndarray], names: list[str], start: date = START) -> RawTable:
    """(days, names) fields as a table; NaN rows are left out."""
    days = len(next(iter(fields.values())))
    dates = np.repeat(
        np.array([start + timedelta(days=n) for n in range(days)], dtype="datetime64[D]"), len(names)
    )
    labels = np.tile(np.array(names, dtype=object), days)
    sectors = np.tile(np.array([f"s{n % 3}" for n in range(len(names))], dtype=object), days)
    table = RawTable(
        "prices.csv", dates, labels, {n: v.ravel() for n, v in fields.items()}, {"sector": sectors}
    )
    return table.take(np.isfinite(fields["close"].ravel()))


def panel_from(fields: dict[str, np.ndarray], **repairs: Any) -> SourcePanel:
    """A panel of every day from (days, names) fields."""
    names = [f"A{n:03d}" for n in range(fields["close"].shape[1])]
    return panel_of("24/7", [table_of(fields, names)], [], Repairs(**repairs))


def market(names: int = 60, days: int = 220, seed: int = 1) -> dict[str, np.ndarray]:
    found = synthetic_market(names, days, seed)
    return {name: found[name] for name in ("close", "volume", "supply")}
