"""An operator's daemon without its loop, with a journal, in the small tournament of the tests."""

from collections.abc import Sequence
from pathlib import Path

from scorer.lab.batch import LOCAL_FEES
from scorer.lab.rounds import write_plan
from scorer.observation.observe import finalised_block
from scorer.operator.collector import Collector
from scorer.operator.operator import Operator
from scorer.oracle.actions import ActionResult
from scorer.oracle.context import CycleContext
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node
from scorer.transactions.request import TransactionSender
from scorer.transactions.signers import KeySigner
from tests.world import HOUR, IDS, World


class Harness:
    """An operator with a journal, and the alarms it raised."""

    sender: TransactionSender | None

    def __init__(
        self, world: World, tmp_path: Path, budget: int | None = None, peers: Sequence[Path] = ()
    ) -> None:
        self.world, self.path, self.budget = world, tmp_path / "journal.sqlite", budget
        self.peers = peers
        self.plans = tmp_path / "plans"
        self.alarms: list[tuple[str, str]] = []
        self.start()

    def start(self) -> None:
        suite, operator = self.world.suite, self.world.operator
        self.journal = Journal.open(self.path)
        signer = KeySigner(self.world.operator_sender.account)
        chain_id = suite.addresses.chain_id
        # A node that mines at once still answers before it has mined.
        self.sender = TransactionManager(
            self.journal, Web3Node(suite.w3), signer, chain_id, LOCAL_FEES, longest=5, poll=0.02
        )
        self.operator = Operator(
            operator.inbox,
            operator.published,
            self.plans,
            slots_per_chunk=2,
            peers=self.peers,
            raise_alarm=lambda reason, detail: self.alarms.append((reason.name, detail)),
        )

    @property
    def context(self) -> CycleContext:
        """The chain as it is now."""
        suite, budget = self.world.suite, self.budget
        return CycleContext(
            suite,
            finalised_block(suite),
            sender=self.sender,
            gas_budget=None if budget is None else lambda: budget,
        )

    @property
    def collector(self) -> Collector:
        return self.operator.collector(self.context)

    def restart(self) -> None:
        self.journal.close()
        self.start()

    def plan(self, name: str, start: int) -> None:
        times = (start, start + HOUR, start + 2 * HOUR, start + 30 * HOUR)
        write_plan(self.plans / name, self.world.rules, IDS, times)

    def work(self) -> list[str]:
        subjects = [result.subject for result in self.cycle()]
        self.world.anvil.finalise()
        return subjects

    def cycle(self) -> list[ActionResult]:
        """One cycle, after which nothing is final that was not before."""
        return self.operator.cycle(self.context)

    @property
    def rounds(self) -> int:
        return self.world.suite.round_count(self.world.suite.w3.eth.block_number)
