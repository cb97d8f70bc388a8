"""A committee with bonds, and a round for it to vote on: the contracts alone, without scores."""

from dataclasses import dataclass
from typing import Final

from scorer.chain.contracts import Suite
from scorer.lab.anvil import Anvil
from scorer.lab.batch import LOCAL_FEES, BatchSender
from scorer.lab.plain_sender import Sender
from scorer.lab.population import Stake, enter
from scorer.lab.suite import Bonds, deploy_suite, local_deployment
from scorer.protocol.report import REPORT_VERSION, Report
from scorer.protocol.rules import StakeTerms
from scorer.protocol.seal import Seal
from tests.world import HOUR, NMR

FIRST_MEMBER: Final = 3
FEES: Final = LOCAL_FEES
BOND: Final = 100
"""NMR, of which a member loses half when its report is overturned; a challenge takes `CHALLENGE`."""
CHALLENGE: Final = 40
STAKE: Final = StakeTerms.model_validate({"cap": "0.05", "threshold": "1", "minimum_position": "1"})


@dataclass(frozen=True)
class Committee:
    """A suite whose admin, treasury, operator and only staker is the first account."""

    anvil: Anvil
    suite: Suite
    admin: Sender
    members: tuple[Sender, ...]

    @property
    def now(self) -> int:
        """The latest block's timestamp."""
        return int(self.anvil.w3.eth.get_block("latest")["timestamp"])

    def fund(self, who: Sender, nmr: int) -> None:
        """Give somebody tokens."""
        self.admin.send(self.suite.token.functions.transfer(who.address, nmr * 10**18))

    def post_bonds(self) -> None:
        """Every member posts what a vote takes."""
        functions, amount = self.suite.committee.functions, BOND * 10**18
        self.admin.send(self.suite.token.functions.approve(self.suite.committee.address, 10**30))
        for member in self.members:
            self.admin.send(functions.postBond(member.address, amount))

    def due_round(self) -> int:
        """A round with a position, sealed and resolved: it waits for its report."""
        functions, now = self.suite.tournament.functions, self.now
        times = (now, now + HOUR, now + 2 * HOUR, now + 30 * HOUR)
        self.admin.send(functions.openRound(*times, (b"\1" * 32, bytes(32), b"\1" * 32)))
        round_id = int(functions.roundCount().call())
        self.anvil.advance_to(times[1])
        self.admin.send(functions.lock(round_id, 0, b"\1"))
        self.admin.send(functions.endLock(round_id))
        self._seal(round_id)
        self.anvil.advance_to(times[2])
        return round_id

    def _seal(self, round_id: int) -> None:
        """Seal a round with the signatures of all members of its set: all that is at risk counts."""
        found, addresses = self.suite.round(round_id, self.anvil.w3.eth.block_number), self.suite.addresses
        seal = Seal(
            addresses.chain_id,
            str(self.suite.tournament.address),
            round_id,
            found.positions_head,
            b"\2" * 32,
            found.at_risk,
        )
        senders = {str(member.address): member for member in self.members}
        chosen = self.suite.committee.functions.membersOf(found.member_set_id).call()
        signatures = b"".join(senders[address].sign_message(seal.message) for address in chosen)
        signers = (1 << len(chosen)) - 1
        functions = self.suite.tournament.functions
        self.admin.send(
            functions.seal(round_id, seal.submissions_root, seal.valid_at_risk, signers, signatures)
        )

    def report(self, round_id: int, payout: int = 0) -> Report:
        """A report; another one for another payout."""
        return Report(
            self.suite.addresses.chain_id,
            self.suite.addresses.tournament,
            round_id,
            REPORT_VERSION,
            b"\3" * 32,
            payout,
            0,
            b"\4" * 32,
        )


def deploy_committee(anvil: Anvil, count: int = 3, quorum: int | None = None) -> Committee:
    """Deploy a suite with so many members, in which one model has a stake."""
    admin = Sender(anvil.w3, anvil.account(0), FEES)
    members = tuple(Sender(anvil.w3, anvil.account(FIRST_MEMBER + index), FEES) for index in range(count))
    document = local_deployment(
        members=[member.address for member in members],
        operator=admin.address,
        guardian=admin.address,
        stake=STAKE,
        quorum=quorum,
        challenge_window=HOUR,
        bonds=Bonds(BOND * NMR, CHALLENGE * NMR, BOND * NMR // 2),
    )
    suite = deploy_suite(anvil, admin.account, document)
    enter(suite, BatchSender.on(anvil), admin.account, [Stake(admin.account, 10 * NMR, 5 * NMR)])
    return Committee(anvil, suite, admin, members)
