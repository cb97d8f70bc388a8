"""An accepted report before its court: what of it is false, and the proofs that would show it."""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from web3.contract.contract import ContractFunction

from scorer.chain.calldata import calldata
from scorer.chain.contracts import Suite
from scorer.chain.court import Court
from scorer.chain.logs import IncompleteLogs, first_block_at
from scorer.chain.records import NEVER, RoundRecord
from scorer.evaluation.inputs import Positions
from scorer.observation.observe import Block
from scorer.observation.posted import PostedIn, PostedReport, read_posted
from scorer.proofs.calls import ScoredLanes, SealedTree, commitment
from scorer.proofs.search import FalseClaim, ProofKind, SealedFacts, proof, report_faults
from scorer.proofs.terms import score_terms
from scorer.proofs.tree import SHIPPED_ROOT, TableTree, shipped_tree
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
    """

    fault: FalseClaim
    commitment: bytes
    arguments: tuple[Any, ...] = field(default=(), repr=False, compare=False)
    is_announced: bool = False

    def call(self, court: Court) -> ContractFunction:
        """Return the call that proves it."""
        return _call(court, self.fault, self.arguments)


@dataclass(frozen=True)
class CourtCase:
    """A report whose evidence is public, and all that the chain and the seal say of its round."""

    court: Court
    posted: PostedReport
    lanes: ScoredLanes
    facts: SealedFacts

    def faults(self, only: Container[int] | None = None) -> list[FalseClaim]:
        """Return what the report says wrongly, see `report_faults`."""
        return report_faults(self.posted.evidence, self.lanes, self.facts, only)

    @property
    def has_tables(self) -> bool:
        """True where the court's rank tables are those that come with this package."""
        return self.court.tables == SHIPPED_ROOT

    def is_provable(self, fault: FalseClaim) -> bool:
        """Say whether we have all that a proof takes."""
        return fault.kind is not ProofKind.SCORE or self.has_tables

    def disproof(self, fault: FalseClaim, prover: str) -> Disproof:
        """Return the proof of a fault, as an account would send it.

        Parameters
        ----------
        prover
            The account's checksummed address: a proof is bound to whoever announced it.
        """
        # Only the proof of a score reads the tables.
        tables = shipped_tree() if fault.kind is ProofKind.SCORE else TableTree(())
        arguments = proof(fault, self.posted.evidence, self.lanes, self.facts.sealed, tables)
        call = calldata(_call(self.court, fault, arguments))
        return Disproof(fault, commitment(prover, call), arguments)


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

    Raises
    ------
    scorer.proofs.vectors.NotProvable
        When the files' rules cannot be those of a round with terms.
    scorer.chain.logs.IncompleteLogs
        When the endpoint does not show what the court says was posted.
    """
    court = suite.court
    if court is None or record.terms_hash == NO_TERMS:
        return None
    since = court.evidence_since(suite.tournament.address, record.round_id, report_hash, at.number)
    if since == NEVER:
        return None
    terms = score_terms(files.rules, len(files.sealed.submissions.universe))
    first = first_block_at(suite.w3, since, suite.addresses.block, at.number)
    last = first_block_at(suite.w3, since + 1, first, at.number) - 1
    place = PostedIn(court.contract, first, last)
    posted = read_posted(place, suite.addresses.chain_id, str(suite.tournament.address), report_hash, terms)
    if posted is None:
        raise IncompleteLogs(
            f"round {record.round_id}: expected the evidence that the court took at {since}, found none"
        )
    facts = SealedFacts(positions.models, files.sealed, record.payout_factor, record.cap)
    return CourtCase(court, posted, ScoredLanes(positions.chunks, posted.packed), facts)


def _call(court: Court, fault: FalseClaim, arguments: tuple[Any, ...]) -> ContractFunction:
    function: ContractFunction = court.contract.get_function_by_name(fault.kind.value)(*arguments)
    return function
