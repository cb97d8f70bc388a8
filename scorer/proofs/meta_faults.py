"""Whatever a report says wrongly of its meta model, and the arguments of the proofs at MetaCourt."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from scorer.proofs.calls import ScoredLanes, SealedTree
from scorer.proofs.evidence import Evidence
from scorer.proofs.meta_steps import MetaSums, StepTree, sums_after
from scorer.proofs.ranking import RankedSubmission
from scorer.proofs.search import FalseClaim, ProofKind, SealedFacts
from scorer.proofs.terms import CONTRIBUTION, ScoreTerms
from scorer.proofs.vectors import ranks_of
from scorer.protocol.predictions import float_array
from scorer.protocol.submissions import PredictionsWithheld, Submission

_OF_ALL: Final = -1


@dataclass(frozen=True)
class MetaCase:
    """The steps that a report's evidence names, and what a round's seal and positions make of them.

    Attributes
    ----------
    posted
        The hashes of sums that the report commits to.
    positions
        nano-NMR by model.
    lane_of
        By model, of those with a position.
    """

    posted: StepTree
    sealed: SealedTree
    positions: Mapping[int, int]
    lane_of: Mapping[int, int]

    @classmethod
    def of(cls, posted: StepTree, facts: SealedFacts, lanes: ScoredLanes) -> "MetaCase":
        """Return the case of a report's steps in a round."""
        rows = [
            row
            for chunk in lanes.chunks
            for row in zip(chunk.lanes.tolist(), chunk.positions.tolist(), strict=True)
        ]
        staked = [
            (model, lane, position)
            for model, (lane, position) in zip(facts.models, rows, strict=True)
            if position
        ]
        positions = {model: position for model, _, position in staked}
        return cls(posted, facts.sealed, positions, {model: lane for model, lane, _ in staked})

    def faults(self, evidence: Evidence) -> list[FalseClaim]:
        """Return the first thing that is wrong: what follows from it is not looked at."""
        if self.posted.width != self.sealed.width:
            return [FalseClaim(ProofKind.SHAPE, _OF_ALL, _OF_ALL, self.posted.width, self.sealed.width)]
        found, last = self._step_fault(evidence.terms.ids)
        if found is not None:
            return [found]
        if last is None:
            return []
        return list(_rank_faults(evidence, last))

    def _step_fault(self, ids: int) -> tuple[FalseClaim | None, MetaSums | None]:
        """Return the first step that is wrong, and the last sums: None where nobody here can know them."""
        sums: MetaSums | None = MetaSums.zeros(ids)
        before = MetaSums.zeros(ids).hash
        for index in range(self.posted.width):
            afterwards, entry = self.posted.hash_at(index), self._adding(index)
            if entry is None and afterwards != before:
                return FalseClaim(ProofKind.IDLE_STEP, _OF_ALL, self._model_at(index), 1, 0, index), None
            if entry is not None and sums is not None:
                sums = self._plus(sums, entry)
                if sums is not None and sums.hash != afterwards:
                    lane = self.lane_of[entry.model_id]
                    return FalseClaim(ProofKind.STEP, lane, entry.model_id, 1, 0, index), None
            before = afterwards
        return None, sums

    def _plus(self, sums: MetaSums, entry: Submission) -> MetaSums | None:
        """Return the sums after a submission; None where its predictions are withheld, or out of order."""
        # Of what is negative or no number the court takes no order: nothing about such a step can be proven.
        if entry.predictions is None or not (float_array(entry.predictions) >= 0).all():
            return None
        return sums.plus_submission(self.positions[entry.model_id], entry)

    def _adding(self, index: int) -> Submission | None:
        """Return the submission at a leaf if it adds to the sums."""
        entries = self.sealed.submissions.entries
        entry = entries[index] if index < len(entries) else None
        if entry is None or entry.model_id in self.sealed.refused or entry.model_id not in self.positions:
            return None
        return entry

    def _model_at(self, index: int) -> int:
        entries = self.sealed.submissions.entries
        return entries[index].model_id if index < len(entries) else 0

    def arguments(self, fault: FalseClaim, evidence: Evidence, lanes: ScoredLanes) -> tuple[Any, ...]:
        """Return the arguments of MetaCourt's function of the fault's kind."""
        start = evidence.report.tournament, evidence.to_contract()
        match fault.kind:
            case ProofKind.SHAPE:
                model = self.sealed.submissions.model_ids[0]
                here = self.posted.hash_at(0), 0, self.posted.siblings(0)
                return *start, self.sealed.submission(model), *here
            case ProofKind.RANKS:
                return (
                    *start,
                    fault.index,
                    evidence.operands.vectors[fault.index].records,
                    self._last(evidence),
                )
            case ProofKind.IDLE_STEP:
                counts = fault.model and fault.model not in self.sealed.refused
                chunks = lanes.to_contract() if counts else []
                return *start, self.sealed.leaf(fault.index), self.posted.step(fault.index), chunks
            case _:
                inputs = self._inputs(fault, evidence.terms.ids)
                of_model = lanes.place(fault.lane), self.sealed.submission(fault.model)
                return *start, *of_model, self.posted.step(fault.index), inputs

    def _inputs(self, fault: FalseClaim, ids: int) -> tuple[bytes, bytes, bytes]:
        """Return the struct ``StepInputs`` of a step."""
        entry = self.sealed.submissions.entries[fault.index]
        if entry.predictions is None:
            raise PredictionsWithheld(f"model {fault.model}: expected its predictions, found none")
        ranked = RankedSubmission(float_array(entry.predictions))
        return ranked.content, ranked.order, self._sums(ids, fault.index).content

    def _last(self, evidence: Evidence) -> tuple[bytes, bytes, list[bytes]]:
        """Return the struct ``LastSums``."""
        width = self.posted.width
        sums = self._sums(evidence.terms.ids, len(self.sealed.submissions.entries))
        return sums.content, sums.order, self.posted.siblings(width - 1) if width else []

    def _sums(self, ids: int, index: int) -> MetaSums:
        """Return the true sums before a leaf."""
        steps = sums_after(self.sealed.submissions, self.sealed.refused, self.positions)
        return next(islice(steps, index - 1, None)) if index else MetaSums.zeros(ids)


def _rank_faults(evidence: Evidence, last: MetaSums) -> Iterator[FalseClaim]:
    for index, vectors in enumerate(evidence.operands.vectors):
        if not _is_against_meta_model(evidence.terms, index):
            continue
        wrong = int((ranks_of(vectors) != last.ranks).sum())
        if wrong:
            yield FalseClaim(ProofKind.RANKS, _OF_ALL, _OF_ALL, wrong, 0, index)


def _is_against_meta_model(terms: ScoreTerms, vector: int) -> bool:
    """Say as MetaCourt does whether a vector has the ranks of the round's meta model."""
    of_vector = [factor.score for factor in terms.factors if factor.vector == vector]
    return vector == 0 or CONTRIBUTION in of_vector
