"""A round's further inputs: features, neutralizers, returns and the like, as the rules may need them.

Each is one table. All but neutral_churn have a row for every id of the universe, in its order, and hold
float64 columns beside the ids, which are not repeated here.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scorer.factors import version_1
from scorer.factors.inputs import Table as Table
from scorer.factors.registry import table_schemas
from scorer.factors.score import InputTable
from scorer.protocol.digest import table_digest
from scorer.protocol.documents import to_hex

CORRELATION: Final = "meta_model_correlation"
RANK_CORRELATION: Final = "gaussian_rank_correlation"
"""Columns of scores.parquet where an adjuster of the rules rests on such a correlation."""
ORIGINALITY: Final = "originality"
BURN_HARDENING: Final = "burn_hardening"
RETAINED: Final = "retained"
"""Columns of scores.parquet where the rules have such an adjuster, in ppm."""
NEUTRALIZERS: Final = version_1.NEUTRALIZERS.name
SAMPLE_WEIGHTS: Final = version_1.SAMPLE_WEIGHTS.name
"""Tables that gates need too, beside scores."""
RISK_MODEL: Final = version_1.RISK_MODEL.name
SESSION_RETURNS: Final = "session_returns"
"""Dynamic eras: a column for each session of the horizon, the simple returns of the ids in it."""
NEUTRAL_CHURN: Final = "neutral_churn"
"""The neutral churn penalty: ``model_id`` and ``neutral_churn``, a row for every model that submitted."""

TABLES: Final = (*table_schemas(), SESSION_RETURNS, NEUTRAL_CHURN)
"""All of them: those of scores, and those of adjusters."""
_ANY_COLUMNS: Final = InputTable("", takes_more=True)


def table_file(name: str) -> str:
    """Return the name of a table's file in a bundle."""
    return f"{name}.parquet"


def digest_of(name: str, table: Table, universe: tuple[str, ...]) -> str:
    """Return the digest of a table as the manifest holds it, over its ids too."""
    # A row of churn is a model's, which its own column names; rows of all others are the ids'.
    ids: dict[str, Any] = {} if name == NEUTRAL_CHURN else {"id": universe}
    return to_hex(table_digest(ids | dict(table)))


def problem_with(name: str, table: Table, universe: tuple[str, ...]) -> tuple[str, str] | None:
    """Return (expected, found) where a table is not what its name promises, else None."""
    if name == NEUTRAL_CHURN:
        return _problem_with_churn(table)
    wrong = table_schemas().get(name, _ANY_COLUMNS).wrong_columns(table)
    if wrong is not None:
        return wrong
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
    """Return the neutral churn of `models`; NaN for one without a row."""
    wanted = np.array(models, dtype=np.int64)
    rows = np.searchsorted(table["model_id"], wanted)
    found = np.full(len(wanted), np.nan)
    # searchsorted says one past the end for a number beyond the last.
    inside = rows < len(table["model_id"])
    there = inside.copy()
    there[inside] = table["model_id"][rows[inside]] == wanted[inside]
    found[there] = table[NEUTRAL_CHURN][rows[there]]
    return found
