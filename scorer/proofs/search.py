"""Whatever of a report can be proven wrong, and the calls that do it."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np

from scorer.proofs.calls import ScoredLanes, SealedTree, score_inputs
from scorer.proofs.evidence import Evidence
from scorer.proofs.judge import Judge, JudgedReward
from scorer.proofs.ranking import RankedSubmission
from scorer.proofs.tree import TableTree
from scorer.protocol.predictions import float_array
from scorer.protocol.report import Report
from scorer.rewards import settle
from scorer.scoring.exact import Floats

_TOTALS: Final = -1


class ProofKind(Enum):
    """The proofs of the court and of its siblings, by the function that takes each."""

    SCORE = "disproveScore"
    REFUSED = "disproveRefused"
    ABSENT = "disproveAbsent"
    UNSTAKED = "disproveUnstaked"
    TOTALS = "disproveTotals"
    STEP = "disproveStep"
    IDLE_STEP = "disproveIdleStep"
    RANKS = "disproveRanks"
    SHAPE = "disproveShape"
    SIGNER = "disproveSigner"
    FORM = "disproveForm"
    PREDICTIONS = "disprovePredictions"

    @property
    def is_of_meta_model(self) -> bool:
        """True where MetaCourt takes the proof."""
        return self in _META_MODEL

    @property
    def is_of_seal(self) -> bool:
        """True where VerdictCourt takes the proof: the seal is wrong, and so is every report over it."""
        return self in _SEAL


_META_MODEL: Final = {
    ProofKind.STEP: "are not those before it and its position times its ranks",
    ProofKind.IDLE_STEP: "are not those before it, though it adds nothing",
    ProofKind.RANKS: "do not rank the ids as its vectors do",
    ProofKind.SHAPE: "are not one for each submission",
}

_SEAL: Final = {
    ProofKind.SIGNER: "nobody signed it who could when submissions closed",
    ProofKind.FORM: "the rules ask for encrypted submissions, or for none that are",
    ProofKind.PREDICTIONS: "it has not one prediction within [0, 1] for each id",
}

_WHY: Final = {
    ProofKind.SCORE: "by the report's own targets and meta model",
    ProofKind.REFUSED: "its submission does not count",
    ProofKind.ABSENT: "it did not submit",
    ProofKind.UNSTAKED: "it has no position",
}


@dataclass(frozen=True)
class FalseClaim:
    """One thing that a report says wrongly.

    Attributes
    ----------
    lane, model
        Whose score or step it is; the model is 0 where the lane has none. Both -1 of what concerns all.
    claimed, true
        Reward scores in ppm; of totals payouts less burns, nano-NMR; of the meta model how much is wrong, 0;
        of a verdict 1 and 0.
    index
        Of the meta model: the leaf whose sums are wrong, or the vector whose ranks are.
    """

    kind: ProofKind
    lane: int
    model: int
    claimed: int
    true: int
    index: int = 0

    def __str__(self) -> str:
        if self.kind.is_of_meta_model:
            after = f" after model {self.model}" if self.model > 0 else ""
            return f"the meta model's sums{after} {_META_MODEL[self.kind]}"
        if self.kind.is_of_seal:
            return f"model {self.model} counts by the seal, though {_SEAL[self.kind]}"
        if self.kind is ProofKind.TOTALS:
            return "totals or lengths of scores are not those of the report's own scores"
        whose = f"model {self.model}" if self.model else f"lane {self.lane}"
        return f"{whose} has the reward score {self.claimed} ppm, which is {self.true} ({_WHY[self.kind]})"

    @property
    def size(self) -> int:
        """The distance of the claim from the truth."""
        return abs(self.claimed - self.true)


def lane_faults(
    lanes: ScoredLanes, models: Sequence[int], rewards: Mapping[int, JudgedReward], tree: SealedTree
) -> list[FalseClaim]:
    """Return what a report says wrongly of single lanes, the largest first.

    Parameters
    ----------
    models
        The model of every lane of every chunk, in the order of the chunks; 0 for a lane that no model has.
    rewards
        By model, of the submissions that count. Of one without a reward here nothing is said.
    """
    found, model_of = [], iter(models)
    for chunk, scores in zip(lanes.chunks, lanes.scores, strict=True):
        columns = (chunk.lanes.tolist(), chunk.positions.tolist(), scores.tolist())
        for lane, position, claimed in zip(*columns, strict=True):
            fault = _fault(lane, next(model_of), position, claimed, rewards, tree)
            found += [fault] if fault is not None else []
    return sorted(found, key=lambda each: -each.size)


def _fault(
    lane: int,
    model: int,
    position: int,
    claimed: int,
    rewards: Mapping[int, JudgedReward],
    tree: SealedTree,
) -> FalseClaim | None:
    kind = _kind(model, position, tree)
    if kind is not ProofKind.SCORE:
        return FalseClaim(kind, lane, model, claimed, 0) if claimed else None
    reward = rewards.get(model)
    if reward is None or not reward.is_wrong(claimed):
        return None
    return FalseClaim(kind, lane, model, claimed, reward.ppm)


def _kind(model: int, position: int, tree: SealedTree) -> ProofKind:
    """Return how a lane's score is proven wrong."""
    if not position:
        return ProofKind.UNSTAKED
    if model not in tree.submissions.model_ids:
        return ProofKind.ABSENT
    return ProofKind.REFUSED if model in tree.refused else ProofKind.SCORE


def judged_rewards(
    evidence: Evidence, sealed: SealedTree, only: Container[int] | None = None
) -> dict[int, JudgedReward]:
    """Return the reward scores, by model, that the court would find against a report's own operands.

    Of submissions that count, whose predictions are known and which the court can judge; of models in `only`
    alone where that is given.
    """
    judge, found = Judge(evidence.terms, evidence.operands), {}
    for entry in sealed.submissions.entries:
        asked = only is None or entry.model_id in only
        if not asked or entry.predictions is None or entry.model_id in sealed.refused:
            continue
        reward = judge.reward(float_array(entry.predictions))
        if reward is not None:
            found[entry.model_id] = reward
    return found


@dataclass(frozen=True)
class SealedFacts:
    """The facts of a round that do not depend on its report.

    Attributes
    ----------
    models
        The model of every lane of every chunk, in the order of the chunks; 0 for a lane that no model has.
    payout_factor, cap
        ppm.
    """

    models: Sequence[int]
    sealed: SealedTree
    payout_factor: int
    cap: int


def report_faults(
    evidence: Evidence, lanes: ScoredLanes, facts: SealedFacts, only: Container[int] | None = None
) -> list[FalseClaim]:
    """Return all that a report says wrongly and a proof can show: single lanes first, the largest first.

    Parameters
    ----------
    only
        The models whose scores are computed; None: all whose predictions are known.
    """
    report = evidence.report
    if not lanes.is_whole:
        # Nobody can settle by such scores: whatever the totals are, they are not those of all lanes.
        return [FalseClaim(ProofKind.TOTALS, _TOTALS, _TOTALS, report.total_payout - report.total_burn, 0)]
    rewards = judged_rewards(evidence, facts.sealed, only)
    found = lane_faults(lanes, facts.models, rewards, facts.sealed)
    positions = [chunk.positions for chunk in lanes.chunks]
    settled = settle(
        np.concatenate(positions) if positions else np.empty(0, dtype=np.uint64),
        np.concatenate(list(lanes.scores)) if positions else np.empty(0, dtype=np.int64),
        factor=facts.payout_factor,
        cap=facts.cap,
    )
    totals = totals_fault(report, settled.total_payout, settled.total_burn)
    return found if totals is None else [*found, totals]


def cheapest(faults: Sequence[FalseClaim], sealed: SealedTree) -> FalseClaim | None:
    """Return the fault whose proof takes least: best without a score, else of a model without ties."""

    def cost(fault: FalseClaim) -> int:
        if fault.kind in (ProofKind.STEP, ProofKind.RANKS, ProofKind.PREDICTIONS):
            return 1
        if fault.kind is not ProofKind.SCORE:
            return 0
        return 2 if RankedSubmission(predictions_of(sealed, fault.model)).has_ties else 1

    return min(faults, key=cost, default=None)


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
    inputs = score_inputs(predictions_of(sealed, fault.model), evidence.operands, tables)
    return tournament, evidence.to_contract(), place, submission, inputs


def predictions_of(sealed: SealedTree, model: int) -> Floats:
    """Return the predictions of a model that submitted, shape (ids,).

    Raises
    ------
    ValueError
        When they are withheld.
    """
    (entry,) = (entry for entry in sealed.submissions.entries if entry.model_id == model)
    if entry.predictions is None:
        raise ValueError(f"model {model}: expected its predictions, found its ciphertext alone")
    return float_array(entry.predictions)
