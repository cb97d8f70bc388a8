"""Ranks of many submissions in the order of the ids, and tables looked up by rank."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.engine import Submissions
from scorer.scoring.errors import UnscoredReason
from scorer.scoring.quantiles import rank_table
from scorer.scoring.ranks import RankedBlock, Sorter
from scorer.scoring.sums import block_rows
from scorer.scoring.threads import run_in_threads, usable_cores

Entry = TypeVar("Entry", bound=np.generic)


@dataclass(frozen=True)
class RankedRows(Generic[Entry]):
    """Entries of a table by rank, with the ties of each submission.

    Attributes
    ----------
    rows
        (models, ids) entries of a table; those of the middle rank throughout for a submission with a NaN.
    tied
        (models,) Whether the submission has ties.
    reasons
        The reason why a submission cannot be scored, or None.
    """

    rows: NDArray[Entry]
    tied: NDArray[np.bool_]
    reasons: tuple[UnscoredReason | None, ...]

    @property
    def unscored(self) -> NDArray[np.bool_]:
        """(models,) Whether the submission cannot be scored."""
        return np.array([reason is not None for reason in self.reasons], dtype=np.bool_)


def rows_by_rank(
    submissions: Submissions, by_rank: NDArray[Entry], threads: int | None = None
) -> RankedRows[Entry]:
    """Replace every prediction by a table's entry for its tie-kept rank.

    Parameters
    ----------
    submissions
        (models, ids), a row a submission. `Rows` are read block by block.
    by_rank
        (2 * ids,) The table, indexed by doubled average rank less one.
    threads
        How many blocks are ranked at once; by default the number of usable cores.
    """
    models, ids = submissions.shape
    rows = np.empty((models, ids), dtype=by_rank.dtype)
    tied = np.zeros(models, dtype=np.bool_)
    reasons: list[UnscoredReason | None] = [None] * models
    block_size = block_rows(ids)
    untied = np.ascontiguousarray(by_rank[1::2])

    def fill(starts: Iterator[int]) -> None:
        sorter = Sorter(block_size, ids)
        for start in starts:
            block = np.ascontiguousarray(submissions[start : start + block_size], dtype=np.float64)
            ranked = sorter.rank(block)
            _scatter(ranked, rows[start : start + block_size], untied, by_rank)
            for row in ranked.tied:
                tied[start + row] = True
                reasons[start + row] = _reason(ranked, row)

    run_in_threads(fill, range(0, models, block_size), threads or usable_cores())
    return RankedRows(rows, tied, tuple(reasons))


def _scatter(ranked: RankedBlock, rows: NDArray[Any], untied: NDArray[Any], by_rank: NDArray[Any]) -> None:
    for number, (row, order) in enumerate(zip(rows, ranked.order, strict=True)):
        doubled = ranked.tied.get(number)
        row[order] = untied if doubled is None else by_rank[doubled]


def _reason(ranked: RankedBlock, row: int) -> UnscoredReason | None:
    if ranked.missing[row]:
        return UnscoredReason.MISSING_VALUE
    doubled = ranked.tied[row]
    return UnscoredReason.CONSTANT if doubled[0] == doubled[-1] else None


def gaussian_rows(
    submissions: Submissions, *, powered: bool = False, threads: int | None = None
) -> RankedRows[np.float64]:
    """Rank submissions, keeping ties, and look up their normal quantiles.

    Parameters
    ----------
    submissions
        (models, ids), a row a submission.
    powered
        Whether the quantiles are raised to the power 1.5.
    threads
        See `rows_by_rank`.
    """
    table = rank_table(submissions.shape[1])
    return rows_by_rank(submissions, table.powered if powered else table.quantile, threads)
