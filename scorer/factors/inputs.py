"""The data that a round's scores are computed from, without the rules that name them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.engine import SubmissionScores, score_submissions
from scorer.scoring.rows import Rows, row_blocks

Floats = NDArray[np.float64]
Table = Mapping[str, NDArray[Any]]
"""A table's columns by name, without its ids."""
MODELS_AT_ONCE: Final = 256
"""Portfolios in memory at a time."""


@dataclass(frozen=True)
class PortfolioLimits:
    """The constraints of the portfolio that TC differentiates: shares of its value, and a risk aversion."""

    max_position: float
    max_leverage: float
    risk_aversion: float


@dataclass(frozen=True)
class FactorInputs:
    """The submissions of a round, its outcome and its tables.

    Attributes
    ----------
    matrix
        Predictions, shape (models, ids); read in blocks.
    stakes
        nano-NMR at risk, shape (models,).
    meta_model
        Shape (ids,); None where nobody staked.
    targets, tables
        By name.
    portfolio
        None where no score needs one.
    with_cwmm
        Whether correlations with the meta model are computed beside CORR and MMC.
    """

    matrix: Rows
    stakes: NDArray[np.uint64]
    meta_model: Floats | None
    targets: Mapping[str, Floats]
    tables: Mapping[str, Table]
    portfolio: PortfolioLimits | None = None
    with_cwmm: bool = False

    @cached_property
    def _by_target(self) -> dict[str, SubmissionScores]:
        return {}

    def against_meta_model(self, target: str) -> SubmissionScores:
        """CORR, MMC and CWMM on a target, from one ranking of all submissions."""
        # Ranking is nearly all of the cost, so that scores on one target share it.
        if target not in self._by_target:
            self._by_target[target] = score_submissions(
                self.matrix, self.targets[target], self.meta_model, with_cwmm=self.with_cwmm
            )
        return self._by_target[target]

    def columns(self, table: str) -> Floats:
        """Return a table as a matrix, shape (ids, columns)."""
        return np.column_stack(list(self.tables[table].values()))

    @property
    def blocks(self) -> Sequence[slice]:
        """The rows of the matrix in parts whose portfolios fit in memory together."""
        return row_blocks(len(self.matrix), MODELS_AT_ONCE)
