"""Gaussian ranks of many submissions, in the order of the ids."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.engine import BLOCK_BYTES, Submissions, run_in_threads, usable_cores
from scorer.scoring.errors import Reason
from scorer.scoring.exact import Floats
from scorer.scoring.quantiles import rank_table
from scorer.scoring.ranks import Sorter


@dataclass(frozen=True)
class GaussianRows:
    """Gaussian ranks, and what is to know about each submission.

    Attributes
    ----------
    rows
        (models, ids) from the table of `rank_table`; zero throughout for what cannot be ranked.
    tied
        (models,) Whether the submission has ties.
    reasons
        Why a submission cannot be scored, or None.
    """

    rows: Floats
    tied: NDArray[np.bool_]
    reasons: tuple[Reason | None, ...]

    @property
    def unscored(self) -> NDArray[np.bool_]:
        """(models,) Whether the submission cannot be scored."""
        return np.array([reason is not None for reason in self.reasons], dtype=np.bool_)


def gaussian_rows(submissions: Submissions, *, powered: bool = False) -> GaussianRows:
    """Rank (models, ids) submissions, keeping ties, and look up their normal quantiles.

    Parameters
    ----------
    submissions
        A row is a submission.
    powered
        Whether the quantiles are raised to the power 1.5.
    """
    models, ids = submissions.shape
    table = rank_table(ids)
    by_rank = table.powered if powered else table.quantile
    untied = np.ascontiguousarray(by_rank[1::2])
    values = np.empty((models, ids))
    tied = np.zeros(models, dtype=np.bool_)
    reasons: list[Reason | None] = [None] * models
    block_size = max(1, BLOCK_BYTES // (8 * ids))

    def fill(starts: Iterator[int]) -> None:
        sorter = Sorter(block_size, ids)
        for start in starts:
            block = np.ascontiguousarray(submissions[start : start + block_size], dtype=np.float64)
            ranked = sorter.rank(block)
            for row, order in enumerate(ranked.order):
                doubled = ranked.tied.get(row)
                values[start + row, order] = untied if doubled is None else by_rank[doubled]
                if doubled is None:
                    continue
                tied[start + row] = True
                if ranked.missing[row]:
                    reasons[start + row] = Reason.MISSING_VALUE
                elif doubled[0] == doubled[-1]:
                    reasons[start + row] = Reason.CONSTANT

    run_in_threads(fill, range(0, models, block_size), usable_cores())
    return GaussianRows(values, tied, tuple(reasons))
