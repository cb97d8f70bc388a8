"""Orders about the committee as a whole: a challenge of a report, the removal of an absent member."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from scorer.chain.contracts import ProposalRecord, ProposalStatus, Suite
from scorer.client.amounts import coins_text
from scorer.client.orders import PlannedTransaction, StakingRefused, TransactionPlan, approvals
from scorer.client.stakes import latest_block
from scorer.observation.observe import Block
from scorer.protocol.documents import to_hex
from scorer.storage.bundle import REPORT, Bundle, round_folder
from scorer.units import NanoNmr, wei_from_nano

CHALLENGE_GAS: Final = 150_000
"""At most, besides members, of a challenge that cannot be tried before its approval is mined (measured with
six members, two of whom had no vote open: 82,248 in all)."""
CHALLENGE_GAS_OF_MEMBER: Final = 30_000
"""And for each member of the round, of whose storage it may write the first word (24,200, cold)."""


@dataclass(frozen=True)
class CommitteePlanner:
    """One account at one tournament's committee: where such orders are made out. Nothing here sends.

    Attributes
    ----------
    rounds
        The account's own bundles, where there are any: what a report is compared with.
    """

    suite: Suite
    address: str
    rounds: Path | None = None

    def challenge(self, round_id: int) -> TransactionPlan:
        """A challenge of the accepted report of a round, with the bond that it takes."""
        block = latest_block(self.suite)
        proposal = self._accepted(round_id, block)
        own = self._own_report(round_id)
        if own == proposal.report_hash:
            raise StakingRefused(
                f"round {round_id}: expected a report that differs from yours, found {to_hex(own)}, which is "
                "yours"
            )
        bond = self._bond(block)
        found = to_hex(proposal.report_hash)
        title = f"challenge the report {found} of round {round_id} with a bond of {coins_text(bond)} NMR"
        call = self.suite.committee.functions.challenge(self.suite.tournament.address, round_id)
        step = PlannedTransaction(title, self.challenging(round_id), call, not_after=proposal.challenge_until)
        return TransactionPlan(
            self._with_allowance(step, bond, round_id, block), self._warnings(round_id, own, block)
        )

    def remove_absent(self, member: str) -> TransactionPlan:
        """The removal of a member that was absent from too many seals in a row."""
        found = attendance(self.suite)
        self._require_removable(found, member)
        left = len(found.absences) - 1
        quorum = min(found.quorum, left - 1)
        title = f"remove the member {member}, absent from {found.absences[member]} seals in a row"
        warning = f"rounds that open from then on take {quorum} of {left} members; open rounds keep theirs"
        call = self.suite.committee.functions.removeAbsent(member)
        return TransactionPlan((PlannedTransaction(title, self.removing(member), call),), (warning,))

    def challenging(self, round_id: int) -> str:
        """The meaning of `challenge`."""
        return f"challenge:{self.suite.tournament.address}:{round_id}"

    def removing(self, member: str) -> str:
        """The meaning of `remove_absent`."""
        return f"remove-absent:{self.suite.committee.address}:{member}"

    def _require_removable(self, found: "Attendance", member: str) -> None:
        if member not in found.absences:
            raise StakingRefused(
                f"remove-absent: expected one of the {len(found.absences)} members, found {member}"
            )
        if found.absences[member] < found.limit:
            raise StakingRefused(
                f"remove-absent: expected a member absent from {found.limit} seals in a row or more, found "
                f"{member} absent from {found.absences[member]}"
            )
        block = latest_block(self.suite)
        since = self.suite.removable_from(member, block.number)
        if block.timestamp < since:
            raise StakingRefused(
                f"remove-absent: expected a first absence of longer ago, found {member} to be removable from "
                f"{_utc(since)} on: signatures that were left out may be handed in until then"
            )
        least = int(self.suite.committee.functions.LEAST_MEMBERS().call())
        if len(found.absences) <= least:
            raise StakingRefused(
                f"remove-absent: expected more than {least} members, found {len(found.absences)}: the admin "
                "alone can remove one of them"
            )

    def _accepted(self, round_id: int, block: Block) -> ProposalRecord:
        """The report of a round, if it can be challenged."""
        count = self.suite.round_count(block.number)
        if not 1 <= round_id <= count:
            raise StakingRefused(f"round: expected one of {count} rounds, found {round_id}")
        proposal = self.suite.proposal(round_id, block.number)
        if proposal is None:
            raise StakingRefused(f"round {round_id}: expected an accepted report, found none")
        if proposal.status != ProposalStatus.ACCEPTED:
            found = _AFTERWARDS[proposal.status]
            raise StakingRefused(f"round {round_id}: expected a report that nobody disputed, found {found}")
        if block.timestamp >= proposal.challenge_until:
            raise StakingRefused(
                f"round {round_id}: expected a challenge before {_utc(proposal.challenge_until)}, "
                f"found that it is {_utc(block.timestamp)} on the chain: the report is final"
            )
        return proposal

    def _own_report(self, round_id: int) -> bytes | None:
        if self.rounds is None:
            return None
        bundle = Bundle(round_folder(self.rounds, str(self.suite.tournament.address), round_id))
        return bundle.report().hash() if bundle.has(REPORT) else None

    def _bond(self, block: Block) -> int:
        """Wei that a challenge takes, if the account has them."""
        bond = int(self.suite.committee.functions.challengeBond().call(block_identifier=block.number))
        held = int(self.suite.token.functions.balanceOf(self.address).call(block_identifier=block.number))
        if held < bond:
            raise StakingRefused(
                f"challenge: expected at least {coins_text(bond)} NMR for the bond at {self.address}, "
                f"found {coins_text(held)} NMR"
            )
        return bond

    def _with_allowance(
        self, step: PlannedTransaction, bond: int, round_id: int, block: Block
    ) -> tuple[PlannedTransaction, ...]:
        """A challenge, after what lets the committee take its bond where that is missing."""
        committee = str(self.suite.committee.address)
        allowance = int(self.suite.token.functions.allowance(self.address, committee).call())
        if allowance >= bond:
            return (step,)
        nano = NanoNmr(-(-bond // wei_from_nano(1)))
        allowing = approvals(self.suite, committee, "committee", nano, allowance)
        gas = CHALLENGE_GAS + CHALLENGE_GAS_OF_MEMBER * len(self._members(round_id, block))
        return (*(replace(each, not_after=step.not_after) for each in allowing), replace(step, gas=gas))

    def _members(self, round_id: int, block: Block) -> tuple[str, ...]:
        set_id = self.suite.round(round_id, block.number).member_set_id
        return self.suite.member_set(set_id, block.number).members

    def _warnings(self, round_id: int, own: bytes | None, block: Block) -> tuple[str, ...]:
        functions, record = self.suite.committee.functions, self.suite.round(round_id, block.number)
        among = self.suite.member_set(record.member_set_id, block.number)
        period = int(functions.disputePeriod().call(block_identifier=block.number))
        absence = int(functions.absenceSlash().call(block_identifier=block.number))
        ours = "you hold no report of this round" if own is None else f"your report is {to_hex(own)}"
        return (
            ours,
            f"the members vote once more, for {period} s: you get the bond back only if {among.quorum} of "
            f"{len(among.members)} vote for one other report, and half of it if no report gets so many; if "
            "they uphold this one, it burns",
            f"if no report gets so many, the round is void, and each member that casts no second vote loses "
            f"{coins_text(absence)} NMR of its bond",
        )


_AFTERWARDS: Final = {
    ProposalStatus.DISPUTED: "one that is disputed already",
    ProposalStatus.UPHELD: "one that was disputed and upheld, which happens once",
    ProposalStatus.OVERTURNED: "one that overturned another, which only the court can disprove",
    ProposalStatus.EXPIRED: "one whose dispute expired: the round is void",
    ProposalStatus.DISPROVEN: "one that the court disproved: the round is void",
}


@dataclass(frozen=True)
class Attendance:
    """The members of the committee, and the seals in a row that each did not sign."""

    absences: dict[str, int]
    quorum: int
    limit: int

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        members = [{"member": each, "absences": count} for each, count in self.absences.items()]
        return {"members": members, "quorum": self.quorum, "absence_limit": self.limit}

    def __str__(self) -> str:
        return f"{len(self.absences)} members, of whom {self.quorum} decide"


def attendance(suite: Suite) -> Attendance:
    """Who sits in the committee at the latest block, and who was absent from its seals."""
    block = latest_block(suite).number
    members = suite.committee_members(block)
    quorum = int(suite.committee.functions.quorum().call(block_identifier=block))
    counts = dict(zip(members, suite.absences(members, block), strict=True))
    return Attendance(counts, quorum, suite.absence_limit(block))


def _utc(timestamp: int) -> str:
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S} UTC"
