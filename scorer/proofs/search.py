"""Whatever of a report can be proven wrong, and the calls that do it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from scorer.proofs.calls import ScoredLanes, SealedTree, score_inputs
from scorer.proofs.evidence import Evidence
from scorer.proofs.tree import TableTree
from scorer.protocol.predictions import float_array
from scorer.protocol.report import Report

TOLERANCE: Final = 1
"""A score that is off by so many ppm is not proven wrong (ScoreProof.TOLERANCE)."""
_TOTALS: Final = -1


class ProofKind(Enum):
    """The proofs of the court, by the function that takes each."""

    SCORE = "disproveScore"
    REFUSED = "disproveRefused"
    ABSENT = "disproveAbsent"
    UNSTAKED = "disproveUnstaked"
    TOTALS = "disproveTotals"


@dataclass(frozen=True)
class FalseClaim:
    """One thing that a report says wrongly.

    Attributes
    ----------
    lane, model
        Whose score it is; the model is 0 where the lane has none. Both -1 where totals are wrong.
    claimed, true
        Reward scores in ppm; of totals payouts less burns, nano-NMR.
    """

    kind: ProofKind
    lane: int
    model: int
    claimed: int
    true: int

    @property
    def size(self) -> int:
        """The distance of the claim from the truth."""
        return abs(self.claimed - self.true)


def lane_faults(
    lanes: ScoredLanes, models: Sequence[int], rewards: Mapping[int, int], tree: SealedTree
) -> list[FalseClaim]:
    """Return what a report says wrongly of single lanes, the largest first.

    Parameters
    ----------
    models
        The model of every lane of every chunk, in the order of the chunks; 0 for a lane that no model has.
    rewards
        Reward scores by model, ppm, of the submissions that count, as one computes them.
    """
    found, model_of = [], iter(models)
    for chunk, scores in zip(lanes.chunks, lanes.scores, strict=True):
        columns = (chunk.lanes.tolist(), chunk.positions.tolist(), scores.tolist())
        for lane, position, claimed in zip(*columns, strict=True):
            fault = _fault(lane, next(model_of), position, claimed, rewards, tree)
            found += [fault] if fault is not None else []
    return sorted(found, key=lambda each: -each.size)


def _fault(
    lane: int, model: int, position: int, claimed: int, rewards: Mapping[int, int], tree: SealedTree
) -> FalseClaim | None:
    kind = _kind(model, position, tree)
    true = rewards.get(model, 0) if kind is ProofKind.SCORE else 0
    allowed = TOLERANCE if kind is ProofKind.SCORE else 0
    return FalseClaim(kind, lane, model, claimed, true) if abs(claimed - true) > allowed else None


def _kind(model: int, position: int, tree: SealedTree) -> ProofKind:
    """Return how a lane's score is proven wrong."""
    if not position:
        return ProofKind.UNSTAKED
    if model not in tree.submissions.model_ids:
        return ProofKind.ABSENT
    return ProofKind.REFUSED if model in tree.refused else ProofKind.SCORE


def totals_fault(report: Report, payout: int, burn: int) -> FalseClaim | None:
    """Return what a report says wrongly of its totals, given those of its own scores, nano-NMR."""
    if (report.total_payout, report.total_burn) == (payout, burn):
        return None
    claimed = report.total_payout - report.total_burn
    return FalseClaim(ProofKind.TOTALS, _TOTALS, _TOTALS, claimed, payout - burn)


def proof(
    fault: FalseClaim, evidence: Evidence, lanes: ScoredLanes, sealed: SealedTree, tables: TableTree
) -> tuple[Any, ...]:
    """Return the arguments of the court's function of the fault's kind.

    Raises
    ------
    ValueError
        When the tables have none for so many ids.
    """
    tournament, report = evidence.report.tournament, evidence.report.to_contract()
    if fault.kind is ProofKind.TOTALS:
        return tournament, report, lanes.to_contract()
    place = lanes.place(fault.lane)
    if fault.kind is ProofKind.UNSTAKED:
        return tournament, report, place
    if fault.kind is ProofKind.ABSENT:
        return tournament, report, place, sealed.gap(fault.model)
    submission = sealed.submission(fault.model)
    if fault.kind is ProofKind.REFUSED:
        return tournament, report, place, submission
    inputs = score_inputs(_predictions(sealed, fault.model), evidence.operands, tables)
    return tournament, evidence.to_contract(), place, submission, inputs


def _predictions(sealed: SealedTree, model: int) -> Any:
    (entry,) = (entry for entry in sealed.submissions.entries if entry.model_id == model)
    if entry.predictions is None:
        raise ValueError(f"model {model}: expected its predictions, found its ciphertext alone")
    return float_array(entry.predictions)
