"""Decides whether a member may dispute an accepted report that is not its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from web3 import Web3

from scorer.chain.bulk import read_view
from scorer.chain.records import ProposalRecord, ProposalStatus
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.cache import MemberCache
from scorer.oracle.challenges import Challenges, outcomes
from scorer.oracle.context import CycleContext
from scorer.oracle.evidence import PeerReport, by_hand, doubt
from scorer.oracle.paths import MemberPaths
from scorer.oracle.policy import MemberPolicy
from scorer.oracle.view import Challenging
from scorer.protocol.documents import to_hex
from scorer.storage.bundle import Bundle


@dataclass
class Disputing:
    """Weighs policy, bonds and evidence against a challenge, for one cycle.

    Attributes
    ----------
    address
        Our own.
    challenged
        Returns the rounds whose report we disputed.
    """

    context: CycleContext
    paths: MemberPaths
    address: str
    policy: MemberPolicy
    cache: MemberCache
    raise_alarm: RaiseAlarm
    challenged: Callable[[], Sequence[int]]

    def differing(self, own: Bundle) -> list[str]:
        """Return, in words, which members' reports of a round rest on other inputs than ours."""
        reports = self._peer_reports(own)
        return [f"{folder}: {report.gaps}" for folder, report in reports.items() if report.gaps]

    def _peer_reports(self, own: Bundle) -> dict[Path, PeerReport]:
        return self.cache.peer_reports.read(own, self.paths.peer_folders(own.report().round_id))

    def challenging(self, own: Bundle, proposal: ProposalRecord) -> Challenging:
        """Return whether we may dispute a report that differs from ours, and what allowance is missing."""
        if not self.policy.challenges or not self._has_bond_to_spare(own.report().round_id):
            return Challenging()
        now = self.context.block.timestamp
        is_open = proposal.status == ProposalStatus.ACCEPTED and now < proposal.challenge_until
        if is_open and not self._is_ordered(own, proposal.report_hash):
            return Challenging()
        return self._bonded()

    def lost(self) -> frozenset[int]:
        """Return the rounds whose challenge we lost, and that no human has looked at."""
        return self._challenges().lost - self.policy.lost_challenges

    def _challenges(self) -> Challenges:
        context = self.context
        return outcomes(
            context.suite,
            self.challenged(),
            context.block.number,
            self.cache.decided,
            context.quorum_check,
        )

    def _has_bond_to_spare(self, round_id: int) -> bool:
        before = self._challenges()
        others = before.at_stake - {round_id}
        if len(others) >= self.policy.most_challenges:
            self.raise_alarm(
                AlarmReason.TOO_MANY_CHALLENGES,
                f"round {round_id}: bonds hang on rounds {sorted(others)}",
            )
            return False
        return not before.lost - self.policy.lost_challenges

    def _is_ordered(self, own: Bundle, accepted: bytes) -> bool:
        """Say whether a human said that the report is wrong.

        The second vote takes the quorum that accepted the report, so a challenge can win only where members
        erred and correct themselves: that is for people to agree on, and no daemon can know it.
        """
        if accepted.hex() in {report.removeprefix("0x").lower() for report in self.policy.disputed}:
            return True
        round_id = own.report().round_id
        why = doubt(accepted, self._peer_reports(own)) or "it rests on the same inputs"
        self.raise_alarm(
            AlarmReason.REPORT,
            f"round {round_id}: the report {to_hex(accepted)} is not disputed unless you say so: {why}; "
            f"{by_hand(round_id, accepted)}",
        )
        return False

    def _bonded(self) -> Challenging:
        committee, token = self.context.suite.committee, self.context.suite.token
        at = self.context.block.number
        bond = int(read_view(committee.functions.challengeBond(), at))
        asked = token.functions.allowance(Web3.to_checksum_address(self.address), committee.address)
        allowance = read_view(asked, at)
        if bond > self.policy.largest_bond:
            self.raise_alarm(
                AlarmReason.BOND_TOO_LARGE,
                f"a challenge takes {bond} wei, we stake {self.policy.largest_bond}",
            )
            return Challenging()
        if allowance >= bond:
            return Challenging(allowed=True)
        # The NMR contract of 2017 changes an allowance only from or to zero.
        return Challenging(allowed=True, approve=(0, bond) if allowance else (bond,))
