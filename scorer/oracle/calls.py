"""Turns actions into calls of the contracts, and gives each of them a unique key."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray
from web3 import Web3
from web3.contract.contract import ContractFunction

from scorer.chain.bulk import read_view
from scorer.chain.calldata import calldata
from scorer.chain.contracts import Suite
from scorer.chain.court import Court, StagedCourt
from scorer.chain.records import ProposalRecord, ProposalStatus, RoundRecord
from scorer.evaluation.inputs import scores_by_chunk
from scorer.observation.answers import answer_call, sent_answer
from scorer.observation.observe import Sealed
from scorer.oracle.actions import (
    Alarm,
    AnnounceProof,
    AnswerDemand,
    ApproveBond,
    Attest,
    BeginSettlement,
    Challenge,
    CloseVotes,
    Collect,
    CountSignature,
    Expire,
    MemberAction,
    PostEvidence,
    ProveWrong,
    ReturnChunk,
    SealRound,
    SettleChunk,
    StagePiece,
    VoidRound,
    Wait,
    WalkOn,
)
from scorer.proofs.calls import SealedTree
from scorer.proofs.pieces import cut_at, fits_pools, piece_address
from scorer.protocol.chunks import SettleArguments, pack_scores, settle_arguments
from scorer.protocol.report import Report
from scorer.storage.bundle import Bundle
from scorer.storage.own_evidence import bundle_evidence, bundle_steps
from scorer.transactions.request import RequestKey, scope_of

ONLY_MEMBERS = (Attest, ApproveBond, Challenge)
"""Actions that a member must send from its own account; anybody may send all others."""
FROM_OWN_ACCOUNT = (*ONLY_MEMBERS, AnnounceProof, ProveWrong)
"""These, and those whose sender is rewarded: nothing of ours is at stake in them but their gas."""

CourtAction = PostEvidence | AnnounceProof | StagePiece | WalkOn | ProveWrong
_OF_COURT: Final = (PostEvidence, AnnounceProof, StagePiece, WalkOn, ProveWrong)

DECIDING_GAS: Final = 90_000
"""Gas that a deciding vote takes beyond others: it accepts a report (44,921 measured), or ends a dispute with
credits to challenger and burn sink (59,146)."""
SLASHING_GAS: Final = 25_000
"""Gas for each member that it slashes (11,277 measured), by three cold readings, each of which takes 3,360
more on Polygon (docs/gas.md)."""


def business_key(suite: Suite, round_id: int, action: MemberAction, status: ProposalStatus) -> RequestKey:
    """Return the key of an action, for which it is sent once on its chain.

    A vote is another one once its round is disputed, and when it takes the place of another vote.
    """
    scope = scope_of(suite.addresses.chain_id, str(suite.tournament.address))
    return RequestKey.of(scope, meaning_of(action, status), round_id=round_id)


def meaning_of(action: MemberAction, status: ProposalStatus) -> str:
    """Return the meaning of an action in its key: kind and detail, whatever the round."""
    match action:
        case Attest(report, instead):
            before = "" if instead is None else f":{instead.hex()}"
            return f"attest:{report.hash().hex()}:{status.name.lower()}{before}"
        case SealRound(seal):
            return f"seal:{seal.submissions_root.hex()}:{seal.positions_head.hex()}"
        case BeginSettlement(report):
            return f"begin:{report.hash().hex()}"
        case SettleChunk(index):
            return f"settle:{index}"
        case ReturnChunk(index):
            return f"return:{index}"
        case ApproveBond(amount):
            return f"approve:{amount}"
        case Collect(_, amount):
            return f"collect:{amount}"
        case _:
            return _court_meaning_of(action)


def _court_meaning_of(action: MemberAction) -> str:
    match action:
        case PostEvidence(report, _, part):
            return f"post:{report.hash().hex()}" + (f":{part}" if part else "")
        case AnnounceProof(disproof):
            return f"announce:{disproof.commitment.hex()}"
        case StagePiece(content):
            return f"stage:{keccak(content).hex()}"
        case WalkOn(walk):
            return f"walk:{walk.id.hex()}"
        case ProveWrong(disproof):
            return f"prove:{disproof.commitment.hex()}"
        case AnswerDemand(report_hash, place):
            return f"answer:{report_hash.hex()}:{place}"
        case _:
            return type(action).__name__.lower()


def latest_time(action: MemberAction, record: RoundRecord, proposal: ProposalRecord | None) -> int | None:
    """Return the chain time after which the contracts refuse an action; None where they never do."""
    if isinstance(action, Attest):
        disputed = proposal is not None and proposal.status == ProposalStatus.DISPUTED
        return proposal.dispute_until if disputed and proposal is not None else record.deadline
    if isinstance(action, SealRound):
        return record.lock_until
    if isinstance(action, CountSignature):
        return record.resolve_at
    if isinstance(action, (*_OF_COURT, AnswerDemand)):
        return action.until
    if isinstance(action, ApproveBond | Challenge) and proposal is not None:
        return proposal.challenge_until
    return None


def _staged(court: Court) -> StagedCourt:
    if court.staged is None:
        raise TypeError("expected a court with a sibling that takes staged proofs, found none")
    return court.staged


@dataclass
class Calls:
    """The calls that carry out what was decided for one round."""

    suite: Suite
    round_id: int
    sealed: Sealed | None
    bundle: Bundle

    def of(self, action: MemberAction) -> ContractFunction:
        """Return the contract call that carries out `action`.

        Raises
        ------
        TypeError
            When the action sends nothing.
        """
        match action:
            case SealRound(seal, signers, signatures):
                return self.suite.tournament.functions.seal(
                    self.round_id, seal.submissions_root, seal.valid_at_risk, signers, signatures
                )
            case BeginSettlement(report):
                return self.suite.tournament.functions.beginSettlement(report.to_contract())
            case VoidRound():
                return self.suite.tournament.functions.voidRound(self.round_id)
            case SettleChunk() | ReturnChunk():
                chunks = self._settles if isinstance(action, SettleChunk) else self._returns
                return self.suite.tournament.functions.settle(*chunks[action.index])
            case PostEvidence() | AnnounceProof() | StagePiece() | WalkOn() | ProveWrong():
                return self._of_court(action)
            case AnswerDemand(_, place, model, to):
                return sent_answer(self.suite, self._answer(place, model, to))
            case Wait() | Alarm():
                raise TypeError(f"expected an action that sends a transaction, found {action}")
            case _:
                return self._of_committee(action)

    def spare_gas(self, action: MemberAction, block: int) -> int:
        """Return the gas that an action may take beyond an estimate.

        Which vote decides is known only when it is mined: others' of the same block may come first. So each
        has the gas to accept a report, or to overturn one and slash all who may have voted for it.
        """
        return DECIDING_GAS + SLASHING_GAS * self._voters(block) if isinstance(action, Attest) else 0

    def _voters(self, block: int) -> int:
        """Return the number of the round's members."""
        set_id = self.suite.round(self.round_id, block).member_set_id
        functions = self.suite.committee.functions
        return len(read_view(functions.membersOf(set_id), block))

    def _of_committee(
        self,
        action: Attest | CountSignature | ApproveBond | Challenge | Expire | CloseVotes | Collect,
    ) -> ContractFunction:
        committee, tournament = self.suite.committee, self.suite.tournament.address
        match action:
            case Attest(report, _):
                return committee.functions.attest(tournament, report.to_contract())
            case CountSignature(member, signature):
                who = Web3.to_checksum_address(member)
                return committee.functions.countSignature(tournament, self.round_id, who, signature)
            case ApproveBond(amount):
                return self.suite.token.functions.approve(committee.address, amount)
            case Challenge():
                return committee.functions.challenge(tournament, self.round_id)
            case Expire():
                return committee.functions.expire(tournament, self.round_id)
            case CloseVotes():
                return committee.functions.closeVotes(tournament, self.round_id)
            case Collect(account):
                return committee.functions.collect(Web3.to_checksum_address(account))

    def _answer(self, place: int, model: int, to: str) -> ContractFunction:
        sealed = SealedTree(self.bundle.submissions(), self.bundle.refused())
        return answer_call(self.suite, self.round_id, place, sealed, model, Web3.to_checksum_address(to))

    def _of_court(self, action: CourtAction) -> ContractFunction:
        court = self.suite.court
        if court is None:
            raise TypeError(f"expected a committee with a court for {type(action).__name__}, found none")
        match action:
            case PostEvidence(report, _, part):
                return self._posting(court, report, part)
            case AnnounceProof(disproof):
                return disproof.announcement(court)
            case StagePiece(content):
                return _staged(court).store.functions.stage(content)
            case WalkOn(walk):
                return _staged(court).contract.functions.walk(*walk.arguments)
            case ProveWrong(disproof):
                return disproof.call(court)

    def posting_pieces(self, report: Report) -> tuple[bytes, ...]:
        """Return what is staged before a report's evidence is posted; nothing where one transaction does."""
        court = self.suite.court
        if court is None or court.staged is None:
            return ()
        call = calldata(self._whole_posting(court, report))
        if fits_pools(call):
            return ()
        vectors = bundle_evidence(self.bundle, report).operands.vectors
        # Who proves something later finds records and palettes there.
        return cut_at(call, [*(each.records for each in vectors), *(each.palette for each in vectors)])

    def _posting(self, court: Court, report: Report, part: int) -> ContractFunction:
        if not part:
            pieces = self.posting_pieces(report)
            if not pieces:
                return self._whole_posting(court, report)
            store = _staged(court).store
            at = [piece_address(str(store.address), piece) for piece in pieces]
            return store.functions.send(court.address, at)
        evidence, tournament = bundle_evidence(self.bundle, report), self.suite.tournament.address
        steps = bundle_steps(self.bundle).part(part - 1)
        return court.meta.functions.post(tournament, evidence.to_contract(), part - 1, *steps)

    def _whole_posting(self, court: Court, report: Report) -> ContractFunction:
        evidence = bundle_evidence(self.bundle, report)
        posting = evidence.posting(self._sealed.positions.chunks, self._packed_scores)
        return court.contract.functions.post(self.suite.tournament.address, *posting)

    @property
    def _sealed(self) -> Sealed:
        if self.sealed is None:
            raise TypeError("expected a round whose positions were read, found one that locked nothing yet")
        return self.sealed

    @cached_property
    def _settles(self) -> Sequence[SettleArguments]:
        return settle_arguments(self.round_id, self._sealed.positions.chunks, self._scores)

    @property
    def _scores(self) -> Sequence[NDArray[np.int64]]:
        """Our reward scores in ppm, by lane, a chunk each."""
        columns = self.bundle.scores()
        by_model = dict(zip(columns["model_id"].tolist(), columns["reward_score"].tolist(), strict=True))
        return scores_by_chunk(self._sealed.positions, by_model)

    @property
    def _packed_scores(self) -> list[bytes]:
        return [pack_scores(part) for part in self._scores]

    @cached_property
    def _returns(self) -> Sequence[SettleArguments]:
        return settle_arguments(self.round_id, self._sealed.positions.chunks, None)
