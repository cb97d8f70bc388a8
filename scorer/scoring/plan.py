"""What the submissions of a round share: target and meta model, laid out for gathering."""

from dataclasses import dataclass

from scorer.scoring.exact import Floats, Parts
from scorer.scoring.operands import ContributionTarget, CorrelationTarget
from scorer.scoring.quantiles import POWERED, QUANTILE, RankTable


@dataclass(frozen=True)
class Side:
    """A right-hand side, and which ranks it is multiplied with.

    Attributes
    ----------
    parts
        (ids,) each: the high part, and the low part unless it is zero throughout.
    ranks
        `POWERED` or `QUANTILE`.
    """

    parts: tuple[Floats, ...]
    ranks: slice


@dataclass(frozen=True)
class ScoringPlan:
    """All that the submissions of a round share.

    Attributes
    ----------
    table
        The gaussian ranks.
    corr, mmc, cwmm
        The right-hand sides, or None for a score that is not wanted.
    sides
        The same, laid out for gathering: "corr", "target" and "meta_model" of mmc, "cwmm".
    """

    table: RankTable
    corr: CorrelationTarget | None
    mmc: ContributionTarget | None
    cwmm: CorrelationTarget | None
    sides: dict[str, Side]

    @property
    def ids(self) -> int:
        """How many ids the round has."""
        return len(self.table.untied[0])


def make_plan(
    table: RankTable,
    corr: CorrelationTarget | None = None,
    mmc: ContributionTarget | None = None,
    cwmm: CorrelationTarget | None = None,
) -> ScoringPlan:
    """Lay out the right-hand sides for gathering."""
    sides = {}
    if corr is not None:
        sides["corr"] = _side(corr.parts, POWERED)
    if mmc is not None:
        sides["target"] = _side(mmc.target, QUANTILE)
        sides["meta_model"] = _side(mmc.meta_model, QUANTILE)
    if cwmm is not None:
        sides["cwmm"] = _side(cwmm.parts, POWERED)
    return ScoringPlan(table, corr, mmc, cwmm, sides)


def _side(parts: Parts, ranks: slice) -> Side:
    return Side((parts.high, parts.low) if parts.low.any() else (parts.high,), ranks)
