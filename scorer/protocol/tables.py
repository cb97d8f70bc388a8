"""A round's further inputs: features, neutralizers, returns and the like, as the rules may need them.

Each is one table. All but neutral_churn have a row for every id of the universe, in its order, and hold
float64 columns beside the ids, which are not repeated here.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scorer.protocol.digest import table_digest
from scorer.protocol.documents import to_hex

Table = Mapping[str, NDArray[Any]]
"""A table's columns by name, without its ids."""

CORRELATION: Final = "meta_model_correlation"
BURN_HARDENING: Final = "burn_hardening"
RETAINED: Final = "retained"
"""Columns of scores.parquet where the rules have such an adjuster; the last two in ppm."""
FEATURES: Final = "features"
"""FNC: every column is a feature."""
BENCHMARK_META_MODEL: Final = "benchmark_meta_model"
"""BMC: one column of that name, the stake-weighted meta model of the benchmark models."""
NEUTRALIZERS: Final = "neutralizers"
"""Alpha and MPC: columns N with ``N' diag(v)**2 N`` the identity, v the sample weights."""
SAMPLE_WEIGHTS: Final = "sample_weights"
"""Alpha and MPC: one column of that name."""
RISK_MODEL: Final = "risk_model"
"""TC: columns specific_variance, factor_* (exposures times the factor's volatility) and neutral_*."""
SESSION_RETURNS: Final = "session_returns"
"""Dynamic eras: a column for each session of the horizon, the simple returns of the ids in it."""
NEUTRAL_CHURN: Final = "neutral_churn"
"""The neutral churn penalty: ``model_id`` and ``neutral_churn``, a row for every model that submitted."""

TABLES: Final = (
    FEATURES,
    BENCHMARK_META_MODEL,
    NEUTRALIZERS,
    SAMPLE_WEIGHTS,
    RISK_MODEL,
    SESSION_RETURNS,
    NEUTRAL_CHURN,
)
"""All of them."""
SINGLE: Final = frozenset({BENCHMARK_META_MODEL, SAMPLE_WEIGHTS})
"""Tables of one column, which has the table's name."""
SPECIFIC_VARIANCE: Final = "specific_variance"


def table_file(name: str) -> str:
    """A table's file in a bundle."""
    return f"{name}.parquet"


def digest_of(name: str, table: Table, universe: tuple[str, ...]) -> str:
    """The digest of a table as the manifest holds it, over its ids too."""
    ids: dict[str, Any] = {} if name == NEUTRAL_CHURN else {"id": universe}
    return to_hex(table_digest(ids | dict(table)))


def problem_with(name: str, table: Table, universe: tuple[str, ...]) -> tuple[str, str] | None:
    """(expected, found) where a table is not what its name promises."""
    if name == NEUTRAL_CHURN:
        return _problem_with_churn(table)
    if not table or (name in SINGLE and list(table) != [name]):
        return (f"the column {name}" if name in SINGLE else "a column or more", ", ".join(table) or "none")
    if name == RISK_MODEL and SPECIFIC_VARIANCE not in table:
        return f"the column {SPECIFIC_VARIANCE}", ", ".join(table)
    for column, values in table.items():
        if values.shape != (len(universe),) or values.dtype != np.float64 or not np.isfinite(values).all():
            missing = int(np.count_nonzero(~np.isfinite(values))) if values.dtype == np.float64 else 0
            found = f"{values.size} of {values.dtype}, {missing} of them not finite"
            return f"{len(universe)} finite values in the column {column}", found
    return None


def _problem_with_churn(table: Table) -> tuple[str, str] | None:
    if list(table) != ["model_id", NEUTRAL_CHURN]:
        return f"the columns model_id and {NEUTRAL_CHURN}", ", ".join(table) or "none"
    models, churns = table["model_id"], table[NEUTRAL_CHURN]
    if models.dtype != np.int64 or churns.dtype != np.float64 or len(models) != len(churns):
        return "as many int64 models as float64 churns", f"{models.dtype} and {churns.dtype}"
    if (np.diff(models) <= 0).any():
        return "each model once, ascending", "others"
    if not ((churns >= 0) & (churns <= 2)).all():
        return "churns from 0 to 2", "others"
    return None


def churn_of(table: Table, models: tuple[int, ...]) -> NDArray[np.float64]:
    """The neutral churn of `models`; NaN for one without a row."""
    wanted = np.array(models, dtype=np.int64)
    rows = np.searchsorted(table["model_id"], wanted)
    found = np.full(len(wanted), np.nan)
    inside = rows < len(table["model_id"])
    there = inside.copy()
    there[inside] = table["model_id"][rows[inside]] == wanted[inside]
    found[there] = table[NEUTRAL_CHURN][rows[there]]
    return found
