"""The right-hand sides that all submissions of a round share: target and meta model."""

from dataclasses import dataclass

from scorer.scoring.exact import Floats, Parts
from scorer.scoring.memory import aligned_copy
from scorer.scoring.operands import ContributionTarget, CorrelationTarget
from scorer.scoring.quantiles import POWERED, QUANTILE, RankTable


@dataclass(frozen=True)
class Side:
    """A right-hand side, and the ranks that it is multiplied with.

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
    """The table of ranks and all right-hand sides of a round.

    Attributes
    ----------
    table
        The gaussian ranks.
    corr, mmc, cwmm
        The right-hand sides, or None for a score that is not wanted.
    sides
        Their vectors in parts, by name: "corr", "target" and "meta_model" of mmc, "cwmm".
    """

    table: RankTable
    corr: CorrelationTarget | None
    mmc: ContributionTarget | None
    cwmm: CorrelationTarget | None
    sides: dict[str, Side]

    @property
    def ids(self) -> int:
        """The number of ids of the round."""
        return len(self.table.untied[0])


def make_plan(
    table: RankTable,
    corr: CorrelationTarget | None = None,
    mmc: ContributionTarget | None = None,
    cwmm: CorrelationTarget | None = None,
) -> ScoringPlan:
    """Put the right-hand sides of the wanted scores together."""
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
    # MMC's target in bins has no low part after the shift, which saves half of its products.
    kept = (parts.high, parts.low) if parts.low.any() else (parts.high,)
    return Side(tuple(aligned_copy(part) for part in kept), ranks)
