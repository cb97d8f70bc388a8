"""The court of a committee: the contract that takes evidence, and proofs that scores are wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from web3 import Web3
from web3.contract import Contract
from web3.exceptions import BadFunctionCallOutput, ContractLogicError

from scorer.chain.binding import bound
from scorer.chain.bulk import read_view, read_views
from scorer.chain.records import ZERO_ADDRESS, ProposalRecord
from scorer.proofs.pieces import piece_address
from scorer.proofs.staged import Staging, Walk

MOST_POSTING_PERIOD: Final = 15 * 86_400
"""OracleCommittee.MAX_POSTING_PERIOD, seconds."""


@dataclass(frozen=True)
class StepsPosting:
    """The part of a report's steps that is public.

    Attributes
    ----------
    parts, total
        How many parts are public, and of how many; 0 of 0 while nothing is.
    first, last
        When the first and the latest part were posted, seconds since the epoch.
    """

    parts: int
    total: int
    first: int
    last: int


@dataclass(frozen=True)
class StagedCourt:
    """The sibling of a court that takes proofs in several transactions.

    Attributes
    ----------
    store
        Where pieces are staged.
    age
        How long before the last call it must have been announced, seconds.
    """

    contract: Contract
    store: Contract
    age: int

    def announced_at(self, commitment: bytes, block: int) -> int:
        """Read when a proof was announced, Unix seconds; 0 if it was not."""
        return int(read_view(self.contract.functions.committedAt(commitment), block))

    def missing(self, staging: Staging, block: int) -> Staging:
        """Return what of a staging is not on the chain."""
        return Staging(self.missing_pieces(staging.pieces, block), self._missing_walks(staging.walks, block))

    def missing_pieces(self, pieces: Sequence[bytes], block: int) -> tuple[bytes, ...]:
        """Return the pieces that are not at the store."""
        get_code, store = self.store.w3.eth.get_code, str(self.store.address)
        at = [Web3.to_checksum_address(piece_address(store, piece)) for piece in pieces]
        return tuple(piece for piece, where in zip(pieces, at, strict=True) if not get_code(where, block))

    def _missing_walks(self, walks: Sequence[Walk], block: int) -> tuple[Walk, ...]:
        ask = self.contract.functions.placeOf
        places = read_views(self.contract.w3, [ask(walk.id) for walk in walks], block)
        return tuple(walk for walk, place in zip(walks, places, strict=True) if not int(place))


@dataclass(frozen=True)
class Court:
    """A court that asks for evidence.

    Attributes
    ----------
    meta
        Takes the steps of meta models, and proofs that they are wrong.
    verdict
        Takes proofs that a seal is wrong; None where the court hears none.
    tables
        The root of its tree of rank tables.
    scoring
        The scoring version whose scores it computes.
    posting_period
        Seconds after a round's deadline for which it takes evidence.
    slashes
        Whether its proofs take bonds, or only bar reports.
    staged
        Takes what is more than one transaction carries; None where no sibling does.
    """

    contract: Contract
    meta: Contract
    verdict: Contract | None
    tables: bytes
    scoring: int
    posting_period: int
    slashes: bool
    staged: StagedCourt | None = None

    @property
    def address(self) -> str:
        """Its checksummed address."""
        return str(self.contract.address)

    def evidence_since(self, tournament: str, round_id: int, report_hash: bytes, block: int) -> int:
        """Read since when a report's evidence is public, Unix seconds; `NEVER` while it is not.

        0 where the round has no terms, and so needs none.
        """
        return int(read_view(self.contract.functions.evidenceSince(tournament, round_id, report_hash), block))

    def posted_at(self, tournament: str, report_hash: bytes, block: int) -> int:
        """Read when a report's evidence was posted, without its steps, Unix seconds; 0 while it was not."""
        return int(read_view(self.contract.functions.postedAt(tournament, report_hash), block))

    def steps_posting(self, tournament: str, report_hash: bytes, block: int) -> StepsPosting:
        """Read what of a report's steps is public."""
        found = read_view(self.meta.functions.postingOf(tournament, report_hash), block)
        return StepsPosting(int(found.parts), int(found.total), int(found.first), int(found.last))

    def committed_at(self, commitments: Sequence[bytes], block: int) -> list[int]:
        """Read the blocks in which proofs were announced, in the order asked; 0 for one that was not."""
        ask = self.contract.functions.committedAt
        return [int(at) for at in read_views(self.contract.w3, [ask(each) for each in commitments], block)]


def read_court(w3: Web3, committee: Contract) -> Court | None:
    """Read a committee's court, which never changes.

    None where nobody judges, or who judges asks for no evidence, as the committee found when it was created:
    an account, or a contract of another kind.
    """
    address = str(read_view(committee.functions.court()))
    if address == ZERO_ADDRESS or not w3.eth.get_code(Web3.to_checksum_address(address)):
        return None
    court = bound(w3, "ScoreCourt", address)
    try:
        period = int(read_view(court.functions.POSTING_PERIOD()))
    except (BadFunctionCallOutput, ContractLogicError):
        return None
    if not 0 < period <= MOST_POSTING_PERIOD:
        return None
    functions = court.functions
    meta = bound(w3, "MetaCourt", str(read_view(functions.meta())))
    tables, scoring = bytes(read_view(functions.tables())), int(read_view(functions.SCORING()))
    slashes = bool(read_view(functions.slashes()))
    verdict, staged = _verdict_court(w3, court), _staged_court(w3, court)
    return Court(court, meta, verdict, tables, scoring, period, slashes, staged)


def _verdict_court(w3: Web3, court: Contract) -> Contract | None:
    """Return the sibling of a court that answers as a VerdictCourt does."""
    for address in read_view(court.functions.siblings()):
        found = bound(w3, "VerdictCourt", str(address))
        try:
            read_view(found.functions.SUBMISSION_TYPEHASH())
        except (BadFunctionCallOutput, ContractLogicError):
            continue
        return found
    return None


def _staged_court(w3: Web3, court: Contract) -> StagedCourt | None:
    """Return the sibling that takes proofs in several transactions; None where there is none."""
    for address in read_view(court.functions.siblings()):
        sibling = bound(w3, "StagedCourt", str(address))
        try:
            age = int(read_view(sibling.functions.COMMITMENT_AGE()))
        except (BadFunctionCallOutput, ContractLogicError):
            continue
        store = bound(w3, "PieceStore", str(read_view(sibling.functions.store())))
        return StagedCourt(sibling, store, age)
    return None


def with_finality(
    committee: Contract, tournament: str, proposals: Mapping[int, ProposalRecord], block: int
) -> dict[int, ProposalRecord]:
    """Return proposals, by round, that say since when those with a report are final, as the court asks."""
    rounds = [round_id for round_id, proposal in proposals.items() if proposal.has_report]
    if not rounds:
        return dict(proposals)
    ask = committee.functions.finalFrom
    calls = [ask(tournament, round_id, proposals[round_id].report_hash) for round_id in rounds]
    times = read_views(committee.w3, calls, block)
    final = {
        round_id: replace(proposals[round_id], final_at=int(time))
        for round_id, time in zip(rounds, times, strict=True)
    }
    return {**proposals, **final}
