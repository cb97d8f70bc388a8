"""What the submissions of a round share: target and meta model, laid out for gathering."""

from dataclasses import dataclass

import numpy as np

from scorer.scoring.exact import Floats, Parts
from scorer.scoring.operands import ContributionTarget, CorrelationTarget
from scorer.scoring.quantiles import RankTable


@dataclass(frozen=True)
class Column:
    """Where the parts of a right-hand side are among the gathered columns; low is None when it is zero."""

    high: int
    low: int | None


@dataclass(frozen=True)
class Plan:
    """All that the submissions of a round share.

    Attributes
    ----------
    table
        The gaussian ranks.
    corr, mmc, cwmm
        The right-hand sides, or None for a score that is not wanted.
    columns
        Where each right-hand side's parts are gathered: "corr", "target", "meta_model", "cwmm".
    gathers
        (ids, 4 or less) arrays of columns, each gathered in one go.
    """

    table: RankTable
    corr: CorrelationTarget | None
    mmc: ContributionTarget | None
    cwmm: CorrelationTarget | None
    columns: dict[str, Column]
    gathers: list[Floats]

    @property
    def ids(self) -> int:
        """How many ids the round has."""
        return len(self.table.untied)


def make_plan(
    table: RankTable,
    corr: CorrelationTarget | None = None,
    mmc: ContributionTarget | None = None,
    cwmm: CorrelationTarget | None = None,
) -> Plan:
    """Lay out the right-hand sides for gathering."""
    sides: dict[str, Parts] = {}
    if corr is not None:
        sides["corr"] = corr.parts
    if mmc is not None:
        sides |= {"target": mmc.target, "meta_model": mmc.meta_model}
    if cwmm is not None:
        sides["cwmm"] = cwmm.parts
    arrays: list[Floats] = []
    columns = {}
    for name, parts in sides.items():
        needs_low = bool(parts.low.any())
        columns[name] = Column(len(arrays), len(arrays) + 1 if needs_low else None)
        arrays += [parts.high, parts.low] if needs_low else [parts.high]
    return Plan(table, corr, mmc, cwmm, columns, _gathers(arrays))


def _gathers(arrays: list[Floats]) -> list[Floats]:
    """Pack columns by four, then by two or one: the widths that numpy's take copies fastest."""
    gathers = []
    while arrays:
        width = 4 if len(arrays) >= 3 else len(arrays)
        chosen, arrays = arrays[:width], arrays[width:]
        chosen += [np.zeros_like(chosen[0])] * (width - len(chosen))
        gathers.append(np.stack(chosen, axis=1))
    return gathers
