"""Reads the contracts of a suite on one chain into `scorer.chain.records`, each at one pinned block."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, Final, TypeVar

from web3 import Web3
from web3.contract import Contract
from web3.exceptions import BadFunctionCallOutput

from scorer.chain.binding import bound
from scorer.chain.bulk import read_view, read_views
from scorer.chain.court import Court, read_court, with_finality
from scorer.chain.demands import Demands, read_demands
from scorer.chain.errors import MalformedAnswer
from scorer.chain.records import (
    ZERO_ADDRESS,
    ZERO_HASH,
    Addresses,
    MemberSet,
    ProposalRecord,
    ProposalStatus,
    RoundRecord,
    RoundState,
    SealRecord,
)
from scorer.chain.windows import Pause, lock_end

E = TypeVar("E", bound=IntEnum)
MOST_ROUNDS: Final = 1_000_000
"""Rounds that a tournament can have opened: one a minute for two years."""
MOST_MODELS: Final = 10_000_000
"""Models that a registry can have, and lanes that a tournament can: ten times what is planned for."""
PAGE = 1000
"""Items that one call reads."""
PAGES_AT_ONCE = 20
"""Such calls in one batch: an answer of a megabyte."""


@dataclass(frozen=True)
class Suite:
    """The contracts of one deployment. Every reading names its block.

    A contract is bound when it is first used: that takes a millisecond or two, and most callers use few.
    """

    w3: Web3
    addresses: Addresses

    @classmethod
    def at(cls, w3: Web3, addresses: Addresses) -> "Suite":
        """Return the contracts of a deployment with the ABIs that come with the package."""
        return cls(w3, addresses)

    @cached_property
    def tournament(self) -> Contract:
        """The life of rounds, and all stakes."""
        return self._bound("Tournament", self.addresses.tournament)

    @cached_property
    def committee(self) -> Contract:
        """Members, seals, votes and disputes."""
        return self._bound("OracleCommittee", self.addresses.committee)

    @cached_property
    def registry(self) -> Contract:
        """Models, their owners and submitters."""
        return self._bound("ModelRegistry", self.addresses.registry)

    @cached_property
    def token(self) -> Contract:
        """The token that is staked."""
        return self._bound("Numeraire", self.addresses.numeraire)

    @cached_property
    def burn_sink(self) -> Contract:
        """The receiver of burned stakes."""
        return self._bound("BurnSink", self.addresses.burn_sink)

    @cached_property
    def roller(self) -> Contract:
        """The contract that settles one round and locks another at once."""
        return self._bound("Roller", self.addresses.roller)

    @cached_property
    def authority(self) -> Contract:
        """Roles, and who holds them."""
        return self._bound("Authority", self.addresses.authority)

    @cached_property
    def court(self) -> Court | None:
        """The court that asks for evidence of reports, read once; None where none does."""
        return read_court(self.w3, self.committee)

    @cached_property
    def demands(self) -> Demands | None:
        """The contract that says who owes predictions, read once; None where nobody can be asked for any."""
        return read_demands(self.w3, self.tournament)

    def _bound(self, name: str, address: str) -> Contract:
        return bound(self.w3, name, address)

    def round_count(self, block: int) -> int:
        """Count the rounds that were ever opened; their ids are 1 to this."""
        count = int(read_view(self.tournament.functions.roundCount(), block))
        return _counted("rounds", count, MOST_ROUNDS)

    def pool(self, block: int) -> int:
        """Read the pool, nano-NMR: what the tournament can pay out besides its reserves."""
        return int(read_view(self.tournament.functions.pool(), block))

    def round(self, round_id: int, block: int) -> RoundRecord:
        """Read a round as it was at `block`."""
        return self.rounds([round_id], block)[0]

    def rounds(self, round_ids: Sequence[int], block: int) -> list[RoundRecord]:
        """Read several rounds as they were at `block`, in the order asked, by as few requests as possible."""
        if not round_ids:
            return []
        functions = self.tournament.functions
        calls = [functions.round(round_id) for round_id in round_ids]
        # At the same block as the rounds, because a pause moves the ends of their lock windows.
        shared = [functions.windows(), functions.pausedFrom(), functions.pausedUntil()]
        windows, since, until, *structs = read_views(self.w3, [*shared, *calls], block)
        pause = Pause(since, until)
        return [
            _record(
                round_id,
                struct,
                lock_end(struct.closeAt, struct.resolveAt, windows.lockWindow, pause),
                windows.fundingGrace,
            )
            for round_id, struct in zip(round_ids, structs, strict=True)
        ]

    def proposal(self, round_id: int, block: int) -> ProposalRecord | None:
        """Read the accepted report of a round, or None."""
        return self.proposals([round_id], block)[0]

    def proposals(self, round_ids: Sequence[int], block: int) -> list[ProposalRecord | None]:
        """Read the accepted report of each of several rounds, in the order asked, or None."""
        calls = [
            self.committee.functions.proposalOf(self.tournament.address, round_id) for round_id in round_ids
        ]
        proposals = [_proposal(struct) for struct in read_views(self.w3, calls, block)]
        there = {n: each for n, each in zip(round_ids, proposals, strict=True) if each is not None}
        # Without a court, a report is final once it cannot be challenged any more: nobody need be asked.
        if there and self.court is not None:
            there = with_finality(self.committee, self.tournament.address, there, block)
        return [there.get(round_id) for round_id in round_ids]

    def vote(self, round_id: int, member: str, block: int) -> bytes | None:
        """Read the report hash that `member` last attested for a round, or None."""
        return self.votes([round_id], member, block)[0]

    def votes(self, round_ids: Sequence[int], member: str, block: int) -> list[bytes | None]:
        """Read the report hash that `member` last attested for each of several rounds, in the order asked."""
        address = Web3.to_checksum_address(member)
        vote_of = self.committee.functions.voteOf
        calls = [vote_of(self.tournament.address, round_id, address) for round_id in round_ids]
        votes = read_views(self.w3, calls, block)
        return [None if vote == ZERO_HASH else bytes(vote) for vote in votes]

    def committee_members(self, block: int) -> list[str]:
        """Read the addresses of the current members."""
        return [str(member) for member in read_view(self.committee.functions.members(), block)]

    def member_set(self, set_id: int, block: int) -> MemberSet:
        """Read a member set of the committee, current or former, which never changes once it is there."""
        functions = self.committee.functions
        calls = [functions.membersOf(set_id), functions.quorumOf(set_id), functions.encryptionKeysOf(set_id)]
        members, quorum, keys = read_views(self.w3, calls, block)
        return MemberSet(tuple(members), int(quorum), tuple(map(bytes, keys)))

    def member_set_id(self, block: int) -> int:
        """Read the number of the current member set, to which a round that opens now belongs."""
        return int(read_view(self.committee.functions.memberSetId(), block))

    def encryption_key(self, account: str, block: int) -> bytes:
        """Read the newest X25519 key of an account, 32 bytes; zeros if it published none."""
        call = self.committee.functions.encryptionKeyOf(Web3.to_checksum_address(account))
        return bytes(read_view(call, block))

    def seals(self, round_ids: Sequence[int], block: int) -> list[SealRecord]:
        """Read who signed the seals of several rounds, in the order asked."""
        seal_of = self.committee.functions.sealOf
        calls = [seal_of(self.tournament.address, round_id) for round_id in round_ids]
        seals = read_views(self.w3, calls, block)
        return [SealRecord(bytes(seal.digest), int(seal.absent)) for seal in seals]

    def absences(self, members: Sequence[str], block: int) -> list[int]:
        """Count the seals in a row that each of several members did not sign, in the order asked."""
        absences_of = self.committee.functions.absencesOf
        calls = [absences_of(Web3.to_checksum_address(member)) for member in members]
        return [int(count) for count in read_views(self.w3, calls, block)]

    def removable_from(self, member: str, block: int) -> int:
        """Read when anybody may remove an absent member, seconds since the epoch."""
        functions = self.committee.functions
        since, period = read_views(
            self.w3,
            [functions.absentSinceOf(Web3.to_checksum_address(member)), functions.ABSENCE_PERIOD()],
            block,
        )
        return int(since) + int(period)

    def absence_limit(self, block: int) -> int:
        """Read after how many absences in a row anybody may remove a member."""
        return int(read_view(self.committee.functions.absenceLimit(), block))

    def versions(self, block: int) -> tuple[int, int]:
        """Read the versions of reports that tournament and committee take."""
        return (
            int(read_view(self.tournament.functions.VERSION(), block)),
            int(read_view(self.committee.functions.VERSION(), block)),
        )

    def lane_count(self, block: int) -> int:
        """Read how many lanes there are: models that ever made a deposit."""
        count = int(read_view(self.tournament.functions.laneCount(), block))
        _counted("lanes", count, MOST_MODELS)
        return count

    def models_by_lane(self, block: int) -> list[int]:
        """Read the model of every lane, by lane."""
        count = self.lane_count(block)
        starts = range(0, count, PAGE)
        calls = [self.tournament.functions.modelsAt(start, min(PAGE, count - start)) for start in starts]
        pages = read_views(self.w3, calls, block, most=PAGES_AT_ONCE)
        models = [int(model) for page in pages for model in page]
        if len(models) != count:
            raise BadFunctionCallOutput(f"expected the models of {count} lanes, found {len(models)}")
        return models

    def submitters_before(self, close_at: int, block: int) -> dict[int, str]:
        """Read who could sign for each model in the last second before a round closed.

        Not in the second of its close: where several blocks share a second, a change may still come.
        """
        return self.submitters(close_at - 1, block)

    def submitters(self, at: int, block: int) -> dict[int, str]:
        """Read who could sign for each model at the time `at`, seconds since the epoch."""
        submitters: list[str] = []
        # Models are counted from 1. An empty page is the end.
        while page := read_view(self.registry.functions.submittersAt(len(submitters) + 1, PAGE, at), block):
            submitters += page
            _counted("models", len(submitters), MOST_MODELS)
        return {
            model: submitter
            for model, submitter in enumerate(submitters, start=1)
            if submitter != ZERO_ADDRESS
        }


def _one_of(kind: type[E], value: int) -> E:
    """Convert a contract's number to a member of an enumeration; an endpoint may have made it up."""
    try:
        return kind(value)
    except ValueError:
        raise MalformedAnswer(f"expected a {kind.__name__}, found {str(value)[:20]} of a call") from None


def _counted(what: str, count: int, most: int) -> int:
    """Check that a count is possible, before so much is asked for: an endpoint may have made it up."""
    if count > most:
        raise MalformedAnswer(f"expected at most {most} {what}, found {str(count)[:20]}... of a call")
    return count


def _record(round_id: int, struct: Any, lock_until: int, funding_grace: int) -> RoundRecord:
    return RoundRecord(
        round_id=round_id,
        state=_one_of(RoundState, struct.state),
        open_at=struct.openAt,
        close_at=struct.closeAt,
        resolve_at=struct.resolveAt,
        deadline=struct.deadline,
        cap=struct.cap,
        payout_factor=struct.payoutFactor,
        threshold=struct.threshold,
        minimum_position=struct.minPosition,
        at_risk=struct.atRisk,
        valid_at_risk=struct.validAtRisk,
        rules_hash=struct.rulesHash,
        terms_hash=struct.termsHash,
        universe=struct.universe,
        submissions_root=struct.submissionsRoot,
        positions_head=struct.positionsHead,
        scores_head=struct.scoresHead,
        reserved=struct.reserved,
        total_payout=struct.totalPayout,
        total_burn=struct.totalBurn,
        paid=struct.paid,
        burned=struct.burned,
        first_slot=struct.firstSlot,
        next_slot=struct.nextSlot,
        settlement_began_at=struct.settlementBeganAt,
        member_set_id=struct.memberSetId,
        lock_until=lock_until,
        funding_grace=funding_grace,
    )


def _proposal(struct: Any) -> ProposalRecord | None:
    if struct.reportHash == ZERO_HASH:
        return None
    return ProposalRecord(
        struct.reportHash,
        struct.challengeUntil,
        _one_of(ProposalStatus, struct.status),
        struct.disputeUntil,
        str(struct.challenger),
        int(struct.openVotes),
    )
