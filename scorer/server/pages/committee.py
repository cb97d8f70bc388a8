"""Reads what the committee did: members and bonds, and who sealed, attested and disputed a round."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from web3.contract.contract import ContractEvent
from web3.exceptions import Web3Exception

from scorer.chain.bulk import read_views
from scorer.chain.contracts import Suite
from scorer.chain.errors import EndpointError
from scorer.chain.logs import IncompleteLogs, event_logs, first_block_at
from scorer.chain.records import ZERO_HASH, ProposalStatus, RoundRecord
from scorer.logs import get_logger
from scorer.protocol.documents import to_hex
from scorer.units import WEI_PER_NANO

LAST_ROUNDS: Final = 20
"""Rounds whose votes the page of members counts."""
KEPT: Final = 256
UNANSWERED: Final = (EndpointError, Web3Exception, IncompleteLogs, ValueError, OSError)


WORDS: Final = {
    "ReportAccepted": "a quorum accepted the report",
    "ReportDisputed": "the report was disputed, and a second vote began",
    "ReportUpheld": "the second vote upheld the report",
    "ReportOverturned": "the second vote overturned the report; members who attested it were slashed",
    "DisputeExpired": "no second quorum in time: the round has no report",
    "ReportDisproven": "a court disproved the report",
}
HISTORY: Final[Mapping[ProposalStatus, tuple[str, ...]]] = {
    ProposalStatus.NONE: (),
    ProposalStatus.ACCEPTED: (),
    ProposalStatus.DISPUTED: ("ReportDisputed",),
    ProposalStatus.UPHELD: ("ReportDisputed", "ReportUpheld"),
    ProposalStatus.OVERTURNED: ("ReportDisputed", "ReportOverturned"),
    ProposalStatus.EXPIRED: ("ReportDisputed", "DisputeExpired"),
    ProposalStatus.DISPROVEN: ("ReportDisputed", "ReportUpheld", "ReportOverturned", "ReportDisproven"),
}
"""Events besides its acceptance that a report of each status can have had."""


@dataclass(frozen=True)
class Vote:
    """One member's part in a round: None where it did not sign or vote."""

    member: str
    has_sealed: bool | None
    attested: str | None
    agrees: bool | None


@dataclass(frozen=True)
class DisputeEvent:
    """One event of a round's report, as the chain logged it."""

    at: int
    words: str
    transaction: str


@dataclass(frozen=True)
class RoundVotes:
    """The acts of the committee in a round.

    Attributes
    ----------
    report
        The accepted report's hash; None before there is one.
    final_at
        When nothing can dispute it any more, Unix seconds.
    """

    quorum: int
    votes: tuple[Vote, ...]
    report: str | None
    status: str | None
    final_at: int | None
    history: tuple[DisputeEvent, ...]


@dataclass(frozen=True)
class MemberFacts:
    """A member: its bond in nano-NMR, and its votes in the last settled rounds."""

    address: str
    bond: int
    open_votes: int
    absences: int
    has_key: bool
    votes: int
    misses: int


@dataclass(frozen=True)
class CommitteeFacts:
    """The committee as it is now; amounts in nano-NMR."""

    members: tuple[MemberFacts, ...]
    quorum: int
    member_bond: int
    slash: int
    challenge_bond: int
    challenge_window: int
    dispute_period: int
    absence_limit: int
    rounds: tuple[int, ...]


@dataclass
class Kept:
    """Keeps what the chain said as of a block; an endpoint that does not answer is asked again."""

    _found: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: Hashable, read: Callable[[], Any]) -> Any:
        """Return what is kept by a key, or read it; None where the chain does not answer."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        try:
            found = read()
        except UNANSWERED as error:
            get_logger().warning("the chain did not answer a page", reason=str(error)[:200])
            return None
        with self._lock:
            self._found[key] = found
            while len(self._found) > KEPT:
                self._found.popitem(last=False)
        return found


@dataclass(frozen=True)
class CommitteeReader:
    """Reads the committee, as of the block up to which the read model follows."""

    suite: Suite
    kept: Kept = field(default_factory=Kept)

    def votes(self, round_id: int, block: int, *, is_over: bool, until: int) -> RoundVotes | None:
        """Return what the committee did in a round; None where the chain is silent.

        Parameters
        ----------
        is_over
            Whether nothing can change any more, so that it is read once.
        until
            When the last event of its report can have been, Unix seconds.
        """
        key = ("votes", round_id, "over" if is_over else block)
        found: RoundVotes | None = self.kept.get(key, lambda: self._votes(round_id, block, until))
        return found

    def facts(self, settled: Sequence[int], block: int) -> CommitteeFacts | None:
        """Return the committee, and its votes in the last of some settled rounds."""
        rounds = tuple(settled[:LAST_ROUNDS])
        found: CommitteeFacts | None = self.kept.get(
            ("facts", rounds, block), lambda: self._facts(rounds, block)
        )
        return found

    def _votes(self, round_id: int, block: int, until: int) -> RoundVotes:
        record = self.suite.round(round_id, block)
        members = self.suite.member_set(record.member_set_id, block)
        seal = self.suite.seals([round_id], block)[0]
        is_sealed = seal.digest != ZERO_HASH
        proposal = self.suite.proposal(round_id, block)
        votes = self._attested(round_id, members.members, block)
        report = None if proposal is None else to_hex(proposal.report_hash)
        return RoundVotes(
            members.quorum,
            tuple(
                Vote(
                    member,
                    not seal.leaves_out(member, members.members) if is_sealed else None,
                    vote,
                    None if report is None or vote is None else vote == report,
                )
                for member, vote in zip(members.members, votes, strict=True)
            ),
            report,
            None if proposal is None else _status(proposal.status),
            None if proposal is None else proposal.challenge_until,
            () if proposal is None else self._history(record, proposal.status, block, until),
        )

    def _attested(self, round_id: int, members: Sequence[str], block: int) -> list[str | None]:
        vote_of, tournament = self.suite.committee.functions.voteOf, self.suite.tournament.address
        found = read_views(
            self.suite.w3, [vote_of(tournament, round_id, member) for member in members], block
        )
        return [None if bytes(vote) == ZERO_HASH else to_hex(bytes(vote)) for vote in found]

    def _history(
        self, record: RoundRecord, status: ProposalStatus, block: int, until: int
    ) -> tuple[DisputeEvent, ...]:
        """Return the events of a round's report; only those kinds are read that its status implies."""
        suite, events = self.suite, self.suite.committee.events
        first = first_block_at(suite.w3, record.resolve_at, suite.addresses.block, block)
        last = min(block, first_block_at(suite.w3, until + 1, first, block))
        found = [
            event
            for name in ("ReportAccepted", *HISTORY[status])
            for event in self._events(events[name](), record.round_id, first, last, WORDS[name])
        ]
        return tuple(event for _, event in sorted(found, key=lambda item: item[0]))

    def _events(
        self, event: ContractEvent, round_id: int, first: int, last: int, words: str
    ) -> list[tuple[tuple[int, int], DisputeEvent]]:
        filters = {"tournament": self.suite.tournament.address, "roundId": round_id}
        found = []
        for log in event_logs(event, filters, first, last):
            number = int(log["blockNumber"])
            at = int(self.suite.w3.eth.get_block(number)["timestamp"])
            said = DisputeEvent(at, words, to_hex(bytes(log["transactionHash"])))
            found.append(((number, int(log["logIndex"])), said))
        return found

    def _facts(self, rounds: Sequence[int], block: int) -> CommitteeFacts:
        suite, functions = self.suite, self.suite.committee.functions
        members = suite.committee_members(block)
        shared = (
            *(functions.quorum(), functions.memberBond(), functions.slash(), functions.challengeBond()),
            *(functions.challengeWindow(), functions.disputePeriod(), functions.absenceLimit()),
        )
        quorum, bond, slash, challenge, window, period, limit = map(int, read_views(suite.w3, shared, block))
        proposals = [
            proposal.report_hash for proposal in suite.proposals(rounds, block) if proposal is not None
        ]
        absences = suite.absences(members, block)
        return CommitteeFacts(
            tuple(
                self._member(member, rounds, count, len(proposals), block)
                for member, count in zip(members, absences, strict=True)
            ),
            quorum,
            bond // WEI_PER_NANO,
            slash // WEI_PER_NANO,
            challenge // WEI_PER_NANO,
            window,
            period,
            limit,
            tuple(rounds),
        )

    def _member(
        self, member: str, rounds: Sequence[int], absences: int, reports: int, block: int
    ) -> MemberFacts:
        functions = self.suite.committee.functions
        asked = (functions.bondOf(member), functions.openVotesOf(member), functions.encryptionKeyOf(member))
        bond, open_votes, key = read_views(self.suite.w3, asked, block)
        cast = sum(vote is not None for vote in self.suite.votes(rounds, member, block))
        return MemberFacts(
            member,
            int(bond) // WEI_PER_NANO,
            int(open_votes),
            absences,
            bytes(key) != ZERO_HASH,
            cast,
            max(0, reports - cast),
        )


def _status(status: ProposalStatus) -> str:
    return status.name.lower()
