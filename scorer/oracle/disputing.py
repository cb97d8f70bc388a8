"""Whether a member may dispute an accepted report that is not its own."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from web3 import Web3

from scorer.chain.contracts import ProposalRecord, ProposalStatus, Suite
from scorer.observation.observe import Block
from scorer.oracle.challenges import Challenges, judged
from scorer.oracle.decide import Challenging
from scorer.oracle.evidence import Peers, by_hand, doubt
from scorer.oracle.policy import MemberPolicy
from scorer.oracle.quorum_check import QuorumCheck
from scorer.protocol.documents import to_hex
from scorer.storage.bundle import Bundle, round_folder


@dataclass(frozen=True)
class Disputing:
    """What a member's duty, bonds and evidence allow.

    Attributes
    ----------
    peers
        Folders of other members' bundles, where there is evidence of what a report rests on.
    heard
        What was read of them.
    witnesses
        Other endpoints, which must confirm how a dispute ended.
    decided
        How disputes of ours ended, by round; what is found now is added.
    """

    suite: Suite
    address: str
    duty: MemberPolicy
    peers: Sequence[Path]
    decided: MutableMapping[int, ProposalStatus]
    heard: Peers
    witnesses: QuorumCheck = field(default_factory=QuorumCheck)

    def differing(self, own: Bundle) -> list[str]:
        """Which members' reports of a round rest on other inputs than ours, in words."""
        found = self.heard.read(own, self._folders(own))
        return [f"{folder}: {report.gaps}" for folder, report in found.items() if report.gaps]

    def _folders(self, own: Bundle) -> list[Path]:
        round_id, tournament = own.report().round_id, str(self.suite.tournament.address)
        return [round_folder(peer, tournament, round_id) for peer in self.peers]

    def of(self, own: Bundle, proposal: ProposalRecord, block: Block) -> Challenging:
        """Whether we may dispute a report that differs from ours, and what allowance is missing."""
        if not self.duty.challenges or not self._has_bond_to_spare(own.report().round_id, block):
            return Challenging()
        is_open = proposal.status == ProposalStatus.ACCEPTED and block.timestamp < proposal.challenge_until
        if is_open and not self._is_ordered(own, proposal.report_hash):
            return Challenging()
        return self._bonded(block)

    def lost(self, block: Block) -> frozenset[int]:
        """Rounds whose challenge we lost, and that no human has looked at."""
        return self._challenges(block).lost - self.duty.lost_challenges

    def _challenges(self, block: Block) -> Challenges:
        return judged(self.suite, self.duty.challenged(), block.number, self.decided, self.witnesses)

    def _has_bond_to_spare(self, round_id: int, block: Block) -> bool:
        before = self._challenges(block)
        others = before.at_stake - {round_id}
        if len(others) >= self.duty.most_challenges:
            self.duty.alarm("TOO_MANY_CHALLENGES", f"round {round_id}: bonds hang on rounds {sorted(others)}")
            return False
        return not before.lost - self.duty.lost_challenges

    def _is_ordered(self, own: Bundle, accepted: bytes) -> bool:
        """Whether a human said that the report is wrong.

        The second vote takes the quorum that accepted the report, so a challenge can win only where members
        erred and correct themselves: that is for people to agree on, and no daemon can know it.
        """
        if accepted.hex() in {each.removeprefix("0x").lower() for each in self.duty.disputed}:
            return True
        round_id = own.report().round_id
        why = doubt(accepted, self.heard.read(own, self._folders(own))) or "it rests on the same inputs"
        self.duty.alarm(
            "REPORT",
            f"round {round_id}: the report {to_hex(accepted)} is not disputed unless you say so: {why}; "
            f"{by_hand(round_id, accepted)}",
        )
        return False

    def _bonded(self, block: Block) -> Challenging:
        committee, at = self.suite.committee, block.number
        bond = int(committee.functions.challengeBond().call(block_identifier=at))
        allowance = self.suite.token.functions.allowance(
            Web3.to_checksum_address(self.address), committee.address
        ).call(block_identifier=at)
        if bond > self.duty.largest_bond:
            self.duty.alarm(
                "BOND_TOO_LARGE", f"a challenge takes {bond} wei, we stake {self.duty.largest_bond}"
            )
            return Challenging()
        if allowance >= bond:
            return Challenging(allowed=True)
        return Challenging(allowed=True, approve=(0, bond) if allowance else (bond,))
