"""An accepted report before its court: what of it is false, and the proofs that would show it."""

from collections.abc import Container
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from web3.contract import Contract
from web3.contract.contract import ContractFunction

from scorer.chain.calldata import calldata
from scorer.chain.contracts import Suite
from scorer.chain.court import Court, StagedCourt
from scorer.chain.logs import IncompleteLogs, first_block_at
from scorer.chain.records import NEVER, RoundRecord
from scorer.evaluation.inputs import Positions
from scorer.observation.answers import with_answers
from scorer.observation.observe import Block
from scorer.observation.posted import PostedIn, PostedReport, read_posted, read_steps
from scorer.proofs.calls import ScoredLanes, SealedTree, commitment
from scorer.proofs.meta_faults import MetaCase
from scorer.proofs.meta_steps import StepTree
from scorer.proofs.pieces import POOL_BYTES, fits_pools
from scorer.proofs.search import (
    FalseClaim,
    ProofKind,
    SealedFacts,
    predictions_of,
    proof,
    report_faults,
)
from scorer.proofs.staged import (
    Stage,
    Staging,
    staged_predictions,
    staged_ranks,
    staged_score,
    staged_step,
)
from scorer.proofs.terms import score_terms
from scorer.proofs.tree import SHIPPED_ROOT, TableTree, shipped_tree
from scorer.proofs.verdict_faults import VerdictCase
from scorer.protocol.report import NO_STEPS
from scorer.protocol.rules import NO_TERMS, Rules


@dataclass(frozen=True)
class Disproof:
    """A proof that the accepted report is wrong.

    Attributes
    ----------
    arguments
        Of the court's function of the fault's kind.
    commitment
        What its sender announces it by, 32 bytes.
    is_announced
        Whether that is on the chain, in an earlier block.
    staging
        Whatever must be on the chain before the call, which then goes to the court's sibling; None where one
        transaction carries all. Where the chain was read, what is missing of it.
    provable_from
        The chain time from which the call is taken, seconds since the epoch; 0 while that is not known.
    """

    fault: FalseClaim
    commitment: bytes
    arguments: tuple[Any, ...] = field(default=(), repr=False, compare=False)
    is_announced: bool = False
    staging: Staging | None = None
    provable_from: int = 0

    def call(self, court: Court) -> ContractFunction:
        """Return the call that proves it."""
        if self.staging is None:
            return _call(court, self.fault, self.arguments)
        return _staged_call(_staged_court(court), self.fault, self.arguments)

    def announcement(self, court: Court) -> ContractFunction:
        """Return the call that announces it, where it will be proven."""
        judge = court.contract if self.staging is None else _staged_court(court).contract
        return judge.functions.commit(self.commitment)

    def observed(self, court: Court, block: int) -> "Disproof":
        """Return the proof with what the chain has of it in a block."""
        if self.staging is None:
            (at,) = court.committed_at([self.commitment], block)
            return replace(self, is_announced=at > 0)
        staged = _staged_court(court)
        at = staged.announced_at(self.commitment, block)
        return replace(
            self,
            is_announced=at > 0,
            staging=staged.missing(self.staging, block),
            provable_from=at + staged.age if at else 0,
        )


class TooLargeToProve(Exception):
    """No transaction carries a proof, and its court hears none in several; the message says so."""


_STAGED: Final = frozenset({ProofKind.SCORE, ProofKind.STEP, ProofKind.RANKS, ProofKind.PREDICTIONS})
"""Proofs that StagedCourt takes."""


@dataclass(frozen=True)
class CourtCase:
    """A report whose evidence is public, and all that the chain and the seal say of its round."""

    court: Court
    posted: PostedReport
    lanes: ScoredLanes
    facts: SealedFacts
    verdicts: VerdictCase

    @cached_property
    def meta(self) -> MetaCase:
        """The part of the case that concerns the meta model."""
        return MetaCase.of(self.posted.steps, self.facts, self.lanes)

    def faults(self, only: Container[int] | None = None) -> list[FalseClaim]:
        """Return what is wrong: `VerdictCase.faults`, `report_faults` and `MetaCase.faults`."""
        found = [*self.verdicts.faults(), *report_faults(self.posted.evidence, self.lanes, self.facts, only)]
        # Scores that are not those of all lanes name no place on their stack.
        return [*found, *self.meta.faults(self.posted.evidence)] if self.lanes.is_whole else found

    @property
    def has_tables(self) -> bool:
        """True where the court's rank tables are those that come with this package."""
        return self.court.tables == SHIPPED_ROOT

    def is_provable(self, fault: FalseClaim) -> bool:
        """Say whether we have all that a proof takes."""
        if fault.kind.is_of_seal:
            return self.court.verdict is not None
        return fault.kind is not ProofKind.SCORE or self.has_tables

    def disproof(self, fault: FalseClaim, prover: str) -> Disproof:
        """Return the proof of a fault, as an account would send it.

        Parameters
        ----------
        prover
            The account's checksummed address: a proof is bound to whoever announced it.

        Raises
        ------
        TooLargeToProve
            When it takes several transactions, and the court hears none of those.
        """
        # Only the proof of a score reads the tables.
        tables = shipped_tree() if fault.kind is ProofKind.SCORE else TableTree(())
        if fault.kind.is_of_meta_model:
            arguments = self.meta.arguments(fault, self.posted.evidence, self.lanes)
        elif fault.kind.is_of_seal:
            arguments = self.verdicts.arguments(fault, self.posted.evidence)
        else:
            arguments = proof(fault, self.posted.evidence, self.lanes, self.facts.sealed, tables)
        call = calldata(_call(self.court, fault, arguments))
        # Of all others, size grows with models alone: that of 500 takes some 20 KiB.
        if fits_pools(call) or fault.kind not in _STAGED:
            return Disproof(fault, commitment(prover, call), arguments)
        if self.court.staged is None:
            raise TooLargeToProve(
                f"expected a court that hears a StagedCourt, as the proof has {len(call):,} bytes and pools "
                f"take {POOL_BYTES:,}; found none: of rounds this large nothing is proven in this deployment"
            )
        return self._staged(self.court.staged, fault, arguments, prover)

    def _staged(
        self, staged: StagedCourt, fault: FalseClaim, arguments: tuple[Any, ...], prover: str
    ) -> Disproof:
        """Return the proof in several transactions, given the arguments of the one that is too large."""
        stage = Stage(str(staged.store.address))
        match fault.kind:
            case ProofKind.SCORE:
                predictions = predictions_of(self.facts.sealed, fault.model)
                found = staged_score(predictions, self.posted.evidence.operands, shipped_tree(), stage)
                arguments, staging = (*arguments[:4], found.walked), found.staging
            case ProofKind.STEP:
                arguments, staging = staged_step(arguments, stage), stage.staging
            case ProofKind.PREDICTIONS:
                arguments, staging = staged_predictions(arguments, stage), stage.staging
            case _:
                arguments, staging = staged_ranks(arguments, stage), stage.staging
        call = calldata(_staged_call(staged, fault, arguments))
        return Disproof(fault, commitment(prover, call), arguments, staging=staging)


@dataclass(frozen=True)
class CaseFiles:
    """The part of a round's files that a case needs.

    Attributes
    ----------
    sealed
        Its submissions, of some of which predictions may be withheld, and the models that are refused.
    """

    rules: Rules
    sealed: SealedTree


def read_case(
    suite: Suite, record: RoundRecord, positions: Positions, files: CaseFiles, report_hash: bytes, at: Block
) -> CourtCase | None:
    """Return the case of an accepted report; None while its evidence is not public, or where none is needed.

    Predictions that answers to demands made public are in it, as if they were among the files.

    Raises
    ------
    scorer.proofs.vectors.NotProvable
        When the files' rules cannot be those of a round with terms.
    scorer.chain.logs.IncompleteLogs
        When the endpoint does not show what the court says was posted.
    """
    court, tournament = suite.court, str(suite.tournament.address)
    if court is None or record.terms_hash == NO_TERMS:
        return None
    if court.evidence_since(tournament, record.round_id, report_hash, at.number) == NEVER:
        return None
    terms, sealed = score_terms(files.rules, len(files.sealed.submissions.universe)), files.sealed
    if terms.demands:
        sealed = with_answers(suite, record.round_id, report_hash, sealed, at)
    since = court.posted_at(tournament, report_hash, at.number)
    place = _blocks(suite, court.contract, since, since, at)
    posted = read_posted(place, suite.addresses.chain_id, tournament, report_hash, terms)
    if posted is None:
        raise IncompleteLogs(
            f"round {record.round_id}: expected the evidence that the court took at {since}, found none"
        )
    posted = replace(posted, steps=_steps(suite, court, report_hash, posted, at))
    facts = SealedFacts(positions.models, sealed, record.payout_factor, record.cap)
    submitters = suite.submitters_before(record.close_at, at.number)
    where = suite.addresses.chain_id, tournament, record.round_id
    verdicts = VerdictCase(sealed, files.rules, submitters, where)
    return CourtCase(court, posted, ScoredLanes(positions.chunks, posted.packed), facts, verdicts)


def _steps(suite: Suite, court: Court, report_hash: bytes, posted: PostedReport, at: Block) -> StepTree:
    """Return the steps of a report that were posted; none where nobody submitted."""
    root, tournament = posted.evidence.operands.steps, str(suite.tournament.address)
    if root == NO_STEPS:
        return StepTree(())
    posting = court.steps_posting(tournament, report_hash, at.number)
    place = _blocks(suite, court.meta, posting.first, posting.last, at)
    found = read_steps(place, tournament, report_hash, root)
    if found is None:
        raise IncompleteLogs(
            f"report 0x{report_hash.hex()}: expected {posting.total} parts of its meta model's steps, posted "
            f"from {posting.first} to {posting.last} (Unix time), found others"
        )
    return found


def _blocks(suite: Suite, contract: Contract, since: int, until: int, at: Block) -> PostedIn:
    """Return where to look for what a contract was sent from one time to another, seconds."""
    first = first_block_at(suite.w3, since, suite.addresses.block, at.number)
    return PostedIn(contract, first, first_block_at(suite.w3, until + 1, first, at.number) - 1)


def _staged_court(court: Court) -> StagedCourt:
    if court.staged is None:
        raise TypeError("expected a court with a sibling that takes staged proofs, found none")
    return court.staged


def _staged_call(staged: StagedCourt, fault: FalseClaim, arguments: tuple[Any, ...]) -> ContractFunction:
    function: ContractFunction = staged.contract.get_function_by_name(fault.kind.value)(*arguments)
    return function


def _call(court: Court, fault: FalseClaim, arguments: tuple[Any, ...]) -> ContractFunction:
    function: ContractFunction = _judge(court, fault.kind).get_function_by_name(fault.kind.value)(*arguments)
    return function


def _judge(court: Court, kind: ProofKind) -> Contract:
    """Return the contract that takes proofs of a kind; raises TypeError where the court hears none."""
    if not kind.is_of_seal:
        return court.meta if kind.is_of_meta_model else court.contract
    if court.verdict is None:
        raise TypeError("expected a court that hears a VerdictCourt, found one that does not")
    return court.verdict
