"""A report that lies, as members who collude would make it, with evidence that fits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scorer.chain.contracts import Suite
from scorer.evaluation.inputs import scores_by_chunk
from scorer.lab.plain_sender import Sender
from scorer.proofs.calls import ScoredLanes
from scorer.proofs.evidence import Evidence
from scorer.proofs.meta_steps import StepTree
from scorer.protocol.chunks import scores_heads
from scorer.rewards import settle
from scorer.storage.bundle import Bundle
from scorer.storage.own_evidence import bundle_evidence, bundle_steps


@dataclass(frozen=True)
class FalseReport:
    """A report that gives some models other scores than it should, with the evidence that it commits to."""

    evidence: Evidence
    lanes: ScoredLanes
    steps: StepTree

    @classmethod
    def of(cls, bundle: Bundle, lies: Mapping[int, int]) -> "FalseReport":
        """Return the honest report of a bundle with other reward scores, in ppm, by model.

        Targets, meta model and totals are right: only the scores do not follow from them.
        """
        columns, positions, terms = bundle.scores(), bundle.positions(), bundle.terms()
        honest = dict(zip(columns["model_id"].tolist(), columns["reward_score"].tolist(), strict=True))
        scores = scores_by_chunk(positions, honest | dict(lies))
        settled = settle(
            np.concatenate([chunk.positions for chunk in positions.chunks]),
            np.concatenate(scores),
            factor=terms.payout_factor,
            cap=terms.cap,
        )
        true = bundle_evidence(bundle, bundle.report())
        report = replace(
            true.report,
            scores_head=scores_heads(positions.chunks, scores)[-1],
            total_payout=settled.total_payout,
            total_burn=settled.total_burn,
        )
        lanes = ScoredLanes.of(positions.chunks, scores)
        return cls(replace(true, report=report), lanes, bundle_steps(bundle))

    def attest(self, suite: Suite, members: Sequence[Sender]) -> None:
        """Let members vote for it."""
        for member in members:
            report = self.evidence.report.to_contract()
            member.send(suite.committee.functions.attest(suite.tournament.address, report))

    def post(self, suite: Suite, sender: Sender) -> None:
        """Make public what is not yet of its evidence and of the steps of its meta model.

        Raises
        ------
        TypeError
            When the committee has no court.
        """
        if suite.court is None:
            raise TypeError("expected a committee with a court, found one without")
        posting = self.evidence.posting(self.lanes.chunks, self.lanes.packed)
        tournament, struct = str(suite.tournament.address), self.evidence.to_contract()
        report_hash, block = self.evidence.report.hash(), suite.w3.eth.block_number
        if not suite.court.posted_at(tournament, report_hash, block):
            sender.send(suite.court.contract.functions.post(tournament, *posting))
        for part in range(suite.court.steps_posting(tournament, report_hash, block).parts, self.steps.parts):
            steps = self.steps.part(part)
            sender.send(suite.court.meta.functions.post(tournament, struct, part, *steps))
