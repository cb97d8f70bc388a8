"""A committee member at work: one cycle over every unfinished round."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scorer.chain.contracts import RoundRecord, RoundState, Suite
from scorer.chain.sender import Reverted, Sender
from scorer.oracle.calls import contract_call
from scorer.oracle.decide import Action, Alarm, RoundView, Wait, decide, is_due
from scorer.oracle.observe import Block, Sealed, chunks_left, finalised_block, read_sealed, unfinished_rounds
from scorer.rounds.evaluation import InputsMismatch, RoundInputs, evaluate
from scorer.rounds.report import Report
from scorer.store.bundle import PUBLISHED, REPORT, TARGETS, Bundle, BundleError, round_folder

ALREADY_DONE = frozenset(
    {"AlreadyAccepted", "AlreadyAttested", "WrongState", "NotTopOfStack", "RoundNotSealed", "ReportStands"}
)
"""Reverts that mean somebody else was faster: not an error."""


@dataclass(frozen=True)
class Files:
    """Where a member finds and keeps files. Each folder holds ``<tournament>/<round>/``.

    Attributes
    ----------
    rounds
        The member's own bundles.
    published
        What the operator publishes: rules, universe and signed submissions.
    targets
        The member's own source of targets: ``targets.parquet`` appears there once an outcome is known, after
        the further inputs that the rules need (see `scorer.rounds.tables`).
    """

    rounds: Path
    published: Path
    targets: Path


@dataclass(frozen=True)
class Step:
    """One action of a cycle, and what became of it."""

    round_id: int
    action: Action
    outcome: str


@dataclass(frozen=True)
class Member:
    """One member of the committee.

    Attributes
    ----------
    address
        Whose votes to look for.
    sender
        None: a dry run, in which everything is computed and nothing is sent.
    """

    suite: Suite
    files: Files
    address: str
    sender: Sender | None

    def cycle(self, rounds: Sequence[int] | None = None) -> list[Step]:
        """Observe, decide and act once for every unfinished round, oldest first.

        Parameters
        ----------
        rounds
            Look at these alone; None: at all that were ever opened.

        Returns
        -------
        list[Step]
            What was done, and what was not and why.
        """
        block = finalised_block(self.suite)
        records = unfinished_rounds(self.suite, block, rounds)
        return [step for record in records for step in self._round(record, block)]

    def _round(self, record: RoundRecord, block: Block) -> list[Step]:
        relevant = _needs_positions(record, block)
        sealed = read_sealed(self.suite, record, block) if relevant else None
        report, problem = self._own_report(record, sealed, block)
        view = RoundView(
            record=record,
            now=block.timestamp,
            chunks_left=chunks_left(record, sealed.positions) if sealed else 0,
            proposal=self.suite.proposal(record.round_id, block.number) if relevant else None,
            vote=self.suite.vote(record.round_id, self.address, block.number) if relevant else None,
            report=report,
        )
        steps = [] if problem is None else [Step(record.round_id, Alarm(problem), "no report")]
        for action in decide(view):
            outcome, goes_on = self._act(record, sealed, action)
            steps.append(Step(record.round_id, action, outcome))
            if not goes_on:
                break
        return steps

    def bundle(self, round_id: int) -> Bundle:
        """The member's own bundle of a round."""
        return Bundle(self._folder(self.files.rounds, round_id))

    def _folder(self, root: Path, round_id: int) -> Path:
        return round_folder(root, str(self.suite.tournament.address), round_id)

    def _own_report(
        self, record: RoundRecord, sealed: Sealed | None, block: Block
    ) -> tuple[Report | None, str | None]:
        """Our report of a round whose outcome is known, or what is wrong with the files it would rest on."""
        if sealed is None or not is_due(record, block.timestamp):
            return None, None
        bundle = self.bundle(record.round_id)
        try:
            if not bundle.has(REPORT):
                self._evaluate(record, sealed, block, bundle)
            return (bundle.report() if bundle.has(REPORT) else None), None
        except (InputsMismatch, BundleError) as error:
            return None, str(error)

    def _evaluate(self, record: RoundRecord, sealed: Sealed, block: Block, bundle: Bundle) -> None:
        """Take over what the operator published, score it against our own targets, and keep the bundle."""
        published = Bundle(self._folder(self.files.published, record.round_id))
        outcomes = Bundle(self._folder(self.files.targets, record.round_id))
        if not (published.has(*PUBLISHED) and outcomes.has(TARGETS)):
            return
        bundle.copy_published(published)
        submissions, rules = bundle.submissions(), bundle.rules()
        inputs = RoundInputs(
            terms=sealed.terms,
            rules=rules,
            submissions=submissions,
            submitters=self.suite.submitters(record.close_at, block.number),
            targets=outcomes.targets(submissions.universe),
            positions=sealed.positions,
            tables=outcomes.tables(rules, submissions.universe),
        )
        bundle.write(inputs, evaluate(inputs))

    def _act(self, record: RoundRecord, sealed: Sealed | None, action: Action) -> tuple[str, bool]:
        """Carry out one action; the outcome, and whether the next one still makes sense."""
        if isinstance(action, Wait | Alarm):
            return action.reason, False
        if self.sender is None:
            return "dry run: not sent", True
        try:
            call = contract_call(self.suite, record.round_id, action, sealed, self.bundle(record.round_id))
            receipt = self.sender.send(call)
        except Reverted as revert:
            if revert.name in ALREADY_DONE:
                return f"already done ({revert.name})", True
            return str(revert), False
        return f"block {receipt['blockNumber']}, {receipt['gasUsed']} gas", True


def _needs_positions(record: RoundRecord, block: Block) -> bool:
    """Whether anything can be done that needs to know what the round locked."""
    return record.state == RoundState.VOIDED or is_due(record, block.timestamp)
