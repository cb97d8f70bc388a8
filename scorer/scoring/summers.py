"""Chooses what adds up the submissions of a round: numpy, or a compiled pass where numba is installed."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.exact import Floats, mean
from scorer.scoring.operands import contribution_target, correlation_target
from scorer.scoring.plan import ScoringPlan, make_plan
from scorer.scoring.quantiles import rank_table
from scorer.scoring.sums import BlockSummer, Summer, Sums, empty_sums

COMPILED_AFTER = 1 << 26
"""Predictions that a process adds up by numpy before it loads the compiled pass. Loading takes as long as
adding up about so many: who scores one round never pays for it, and who scores many pays twice at most."""


@dataclass
class _Work:
    """Predictions that this process was given to add up."""

    seen: int = 0


_work = _Work()


def summers(plan: ScoringPlan, sums: Sums, block_size: int) -> Callable[[], Summer]:
    """Return what makes a summer for a thread; all of them fill in the same sums."""
    by_numpy = partial(BlockSummer, plan, sums, block_size)
    compiled = compiled_pass() if _work.seen >= COMPILED_AFTER else None
    _work.seen += len(sums.missing) * plan.ids
    if compiled is None:
        return by_numpy
    return partial(CompiledSummer, plan, sums, compiled, compiled.operands(plan), by_numpy)


@cache
def compiled_pass() -> ModuleType | None:
    """Import `scorer.scoring.compiled`; None where numba is not installed, or does not work here."""
    try:
        from scorer.scoring import compiled

        if is_right(compiled):
            return compiled
        found = "it adds up otherwise than numpy"
    except ImportError:
        return None
    # From a cache that was cut, a full disk, no folder to write to: numba raises what it meets there.
    except Exception as error:  # noqa: BLE001
        found = f"{type(error).__name__}: {error}"
    warnings.warn(
        f"expected numba to compile or to load the pass over submissions, found {found}; scores are the "
        "same without it, but take longer; delete numba's cache (NUMBA_CACHE_DIR, or __pycache__ beside it)",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


def is_right(compiled: ModuleType) -> bool:
    """Say whether the compiled pass adds up some submissions to the bits of numpy.

    What it runs was compiled by another process, at another time: its cache knows a source by size and date.
    """
    plan, rows = _trial()
    found, expected = empty_sums(len(rows), plan), empty_sums(len(rows), plan)
    BlockSummer(plan, expected, len(rows)).add(0, rows)
    by_numpy = partial(BlockSummer, plan, found, len(rows))
    CompiledSummer(plan, found, compiled, compiled.operands(plan), by_numpy).add(0, rows)
    arrays = (vars(expected) | expected.products).items()
    others = vars(found) | found.products
    return all(np.array_equal(array, others[name]) for name, array in arrays if name != "products")


def _trial() -> tuple[ScoringPlan, Floats]:
    """Return sides that fill every column, and submissions without ties, with ties, and of one value."""
    number = np.arange(61.0)
    untied = 7 * number % 61 / 61
    target, meta = np.sqrt(number), np.sqrt(untied)
    table = rank_table(len(number))
    plan = make_plan(
        table,
        correlation_target(target - mean(target), table, power_1_5=True),
        contribution_target(target, meta, table),
        correlation_target(meta - mean(meta), table, power_1_5=False),
    )
    return plan, np.stack([untied, np.round(untied, 1), np.full(len(number), 0.5), -np.round(target)])


class CompiledSummer:
    """Adds up blocks of submissions by the compiled pass, and by numpy what that leaves.

    It holds no lock of Python.

    Parameters
    ----------
    plan
        The right-hand sides, which all submissions share.
    sums
        The sums of all submissions, which this fills in.
    compiled
        The module `scorer.scoring.compiled`.
    given
        Its operands.
    by_numpy
        Makes a summer for what is left; called only where something is.
    """

    def __init__(
        self,
        plan: ScoringPlan,
        sums: Sums,
        compiled: ModuleType,
        given: Any,
        by_numpy: Callable[[], Summer],
    ) -> None:
        self._sums = sums
        self._compiled = compiled
        self._given = given
        self._scratch = compiled.Scratch(plan.ids)
        self._by_numpy = by_numpy
        self._other: Summer | None = None

    def add(self, start: int, block: Floats) -> None:
        """Sum up (models, ids) C-ordered float64; ``start`` is the number of the first model."""
        found = self._compiled.add_up(block, self._given, self._scratch)
        models = slice(start, start + len(block))
        for name, products in self._sums.products.items():
            first = self._given.places[name]
            for number, part in enumerate(products):
                part[models] = found.products[:, first + number]
        tied = np.flatnonzero(found.found == self._compiled.TIED)
        self._sums.totals[:, start + tied] = found.own[tied, 0:4].T
        self._sums.powered_squares[:, start + tied] = found.own[tied, 4:7].T
        self._sums.squares[:, start + tied] = found.own[tied, 7:10].T
        for rows in _runs(found.found == self._compiled.LEFT):
            self._other = self._other or self._by_numpy()
            self._other.add(start + rows.start, block[rows])


def _runs(chosen: NDArray[np.bool_]) -> Iterator[slice]:
    """Return the stretches of rows that are chosen."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], chosen, [False])))).tolist()
    return (slice(begin, end) for begin, end in list(pairwise(edges))[::2])
