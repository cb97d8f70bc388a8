"""Actions on the committee as a whole: challenge a report, remove an absent member."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.chain.records import Addresses, MemberSet, ProposalRecord, ProposalStatus
from scorer.client.actions import (
    ActionRefused,
    ClientAccount,
    PlannedTransaction,
    TransactionPlan,
    action_key,
    require_tokens,
    with_approval,
)
from scorer.client.attendance import Attendance, attendance
from scorer.client.stakes import latest_block
from scorer.encryption.keys import check_public, spell_public
from scorer.observation.observe import Block
from scorer.protocol.documents import to_hex
from scorer.storage.bundle import REPORT, Bundle, round_folder
from scorer.units import coins_text

CHALLENGE_GAS: Final = 150_000
"""Gas limit, without members, of a challenge that waits for its approval (measured with six members, two of
whom had no vote open: 82,248 in all)."""
CHALLENGE_GAS_OF_MEMBER: Final = 30_000
"""Gas added for each member of the round, of whose storage it may write the first word (24,200, cold)."""
_AFTERWARDS: Final = {
    ProposalStatus.DISPUTED: "one that is disputed already",
    ProposalStatus.UPHELD: "one that was disputed and upheld, which happens once",
    ProposalStatus.OVERTURNED: "one that overturned another, which only the court can disprove",
    ProposalStatus.EXPIRED: "one whose dispute expired: the round is void",
    ProposalStatus.DISPROVEN: "one that the court disproved: the round is void",
}


@dataclass(frozen=True)
class ChallengeReport:
    """Challenges the accepted report of a round, with the bond that a challenge requires."""

    round_id: int

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("challenge", addresses.tournament, self.round_id)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check report, time and bond; return the challenge; see `ClientAction.plan`."""
        suite, block = account.suite, latest_block(account.suite)
        proposal = self._accepted_report(suite, block)
        own = self._own_report(account)
        report = to_hex(proposal.report_hash)
        if own == proposal.report_hash:
            raise ActionRefused(
                f"round {self.round_id}: expected a report that differs from yours, found {report}, which is "
                "yours"
            )
        bond = int(read_view(suite.committee.functions.challengeBond(), block.number))
        require_tokens(account, bond, "challenge", " for the bond")
        step = PlannedTransaction(
            f"challenge the report {report} of round {self.round_id} with a bond of {coins_text(bond)} NMR",
            self.key(suite.addresses),
            suite.committee.functions.challenge(suite.tournament.address, self.round_id),
            not_after=proposal.challenge_until,
        )
        voters = suite.member_set(suite.round(self.round_id, block.number).member_set_id, block.number)
        gas = CHALLENGE_GAS + CHALLENGE_GAS_OF_MEMBER * len(voters.members)
        # Its approvals share the time limit: after the window they would be left without a challenge.
        steps = with_approval(account, suite.committee, bond, step, gas)
        return TransactionPlan(steps, _challenge_warnings(suite, own, voters, block))

    def _accepted_report(self, suite: Suite, block: Block) -> ProposalRecord:
        """Return the round's report, refused unless it can be challenged now."""
        count = suite.round_count(block.number)
        if not 1 <= self.round_id <= count:
            raise ActionRefused(f"round: expected one of {count} rounds, found {self.round_id}")
        proposal = suite.proposal(self.round_id, block.number)
        if proposal is None:
            raise ActionRefused(f"round {self.round_id}: expected an accepted report, found none")
        if proposal.status != ProposalStatus.ACCEPTED:
            raise ActionRefused(
                f"round {self.round_id}: expected a report that nobody disputed, "
                f"found {_AFTERWARDS[proposal.status]}"
            )
        if block.timestamp >= proposal.challenge_until:
            raise ActionRefused(
                f"round {self.round_id}: expected a challenge before {_utc(proposal.challenge_until)}, "
                f"found that it is {_utc(block.timestamp)} on the chain: the report is final"
            )
        return proposal

    def _own_report(self, account: ClientAccount) -> bytes | None:
        if account.rounds is None:
            return None
        tournament = str(account.suite.tournament.address)
        bundle = Bundle(round_folder(account.rounds, tournament, self.round_id))
        return bundle.report().hash() if bundle.has(REPORT) else None


@dataclass(frozen=True)
class RemoveAbsent:
    """Removes a member that was absent from too many seals in a row."""

    member: str

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("remove-absent", addresses.committee, self.member)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check that the member can be removed; return the removal; see `ClientAction.plan`."""
        seats = attendance(account.suite)
        self._require_absent(seats)
        self._require_removable(account.suite, len(seats.absences))
        left = len(seats.absences) - 1
        step = PlannedTransaction(
            f"remove the member {self.member}, absent from {seats.absences[self.member]} seals in a row",
            self.key(account.suite.addresses),
            account.suite.committee.functions.removeAbsent(self.member),
        )
        # The contract keeps the quorum, and lowers it only so far that one member may be absent.
        quorum = min(seats.quorum, left - 1)
        warning = f"rounds that open from then on take {quorum} of {left} members; open rounds keep theirs"
        return TransactionPlan((step,), (warning,))

    def _require_absent(self, seats: Attendance) -> None:
        if self.member not in seats.absences:
            raise ActionRefused(
                f"remove-absent: expected one of the {len(seats.absences)} members, found {self.member}"
            )
        if seats.absences[self.member] < seats.limit:
            raise ActionRefused(
                f"remove-absent: expected a member absent from {seats.limit} seals in a row or more, found "
                f"{self.member} absent from {seats.absences[self.member]}"
            )

    def _require_removable(self, suite: Suite, members: int) -> None:
        block = latest_block(suite)
        since = suite.removable_from(self.member, block.number)
        if block.timestamp < since:
            raise ActionRefused(
                f"remove-absent: expected a first absence of longer ago, found {self.member} to be removable "
                f"from {_utc(since)} on: signatures that were left out may be handed in until then"
            )
        least = int(read_view(suite.committee.functions.LEAST_MEMBERS()))
        if members <= least:
            raise ActionRefused(
                f"remove-absent: expected more than {least} members, found {members}: the admin alone can "
                "remove one of them"
            )


@dataclass(frozen=True)
class PublishEncryptionKey:
    """Publishes an X25519 key, to which rounds that open from then on are encrypted.

    Attributes
    ----------
    key_bytes
        32 bytes.
    replaces
        The key that the account has on the chain, 32 bytes; zeros if none.
    """

    key_bytes: bytes
    replaces: bytes

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("encryption-key", addresses.committee, self.replaces.hex(), self.key_bytes.hex())

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check that the key is usable and new; return its publication; see `ClientAction.plan`."""
        check_public(self.key_bytes)
        suite, block = account.suite, latest_block(account.suite).number
        found = suite.encryption_key(account.address, block)
        if found == self.key_bytes:
            raise ActionRefused(
                f"encryption-key: expected another key than the one on the chain, found {spell_public(found)}"
            )
        step = PlannedTransaction(
            f"publish the encryption key {spell_public(self.key_bytes)}",
            self.key(suite.addresses),
            suite.committee.functions.setEncryptionKey(self.key_bytes),
        )
        is_member = account.address in suite.committee_members(block)
        warning = (
            "rounds that are open keep your key before: keep its identity in the file until they are over"
            if is_member
            else "you are no member: it counts for rounds that open once you are one"
        )
        return TransactionPlan((step,), (warning,))


def _challenge_warnings(suite: Suite, own: bytes | None, voters: MemberSet, block: Block) -> tuple[str, ...]:
    functions = suite.committee.functions
    period = int(read_view(functions.disputePeriod(), block.number))
    absence = int(read_view(functions.absenceSlash(), block.number))
    return (
        "you hold no report of this round" if own is None else f"your report is {to_hex(own)}",
        f"the members vote once more, for {period} s: you get the bond back only if {voters.quorum} of "
        f"{len(voters.members)} vote for one other report, and half of it if no report gets so many; if "
        "they uphold this one, it burns",
        f"if no report gets so many, the round is void, and each member that casts no second vote loses "
        f"{coins_text(absence)} NMR of its bond",
    )


def _utc(timestamp: int) -> str:
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S} UTC"
