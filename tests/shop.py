"""An operator's daemon without its loop, with a journal, in the small tournament of the tests."""

import json
from collections.abc import Sequence
from pathlib import Path

from scorer.chain.fees import GWEI, FeePolicy
from scorer.observation.observe import finalised_block
from scorer.operator.operator import Operator
from scorer.storage.bundle import Bundle
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node
from scorer.transactions.signers import KeySigner
from tests.world import HOUR, IDS, World


class Shop:
    """An operator with a journal, and what it was alarmed by."""

    def __init__(
        self, world: World, tmp_path: Path, budget: int | None = None, peers: Sequence[Path] = ()
    ) -> None:
        self.world, self.path, self.budget = world, tmp_path / "journal.sqlite", budget
        self.peers = peers
        self.plans = tmp_path / "plans"
        self.alarms: list[tuple[str, str]] = []
        self.start()

    def start(self) -> None:
        suite, operator = self.world.suite, self.world.stage.operator
        self.journal = Journal.open(self.path)
        signer = KeySigner(operator.sender.account)
        fees = FeePolicy(tip=GWEI)
        chain_id = suite.addresses.chain_id
        # A node that mines at once still answers before it has mined.
        manager = TransactionManager(
            self.journal, Web3Node(suite.w3), signer, chain_id, fees, longest=5, poll=0.02
        )
        self.operating = Operator(
            suite,
            operator.inbox,
            operator.published,
            manager,
            self.plans,
            slots_per_chunk=2,
            gas_budget=None if self.budget is None else lambda: int(self.budget or 0),
            peers=self.peers,
            alarm=lambda kind, detail: self.alarms.append((kind, detail)),
        )

    def restart(self) -> None:
        self.journal.close()
        self.start()

    def plan(self, name: str, start: int) -> None:
        bundle = Bundle(self.plans / name)
        bundle.write_rules(self.world.rules)
        bundle.write_universe(IDS)
        times = (start, start + HOUR, start + 2 * HOUR, start + 30 * HOUR)
        names = ("open_at", "close_at", "resolve_at", "deadline")
        (bundle.folder / "schedule.json").write_text(json.dumps(dict(zip(names, times, strict=True))))

    def work(self) -> list[str]:
        deeds = self.operating.work(finalised_block(self.world.suite))
        self.world.stage.anvil.finalise()
        return [deed.what for deed in deeds]

    @property
    def rounds(self) -> int:
        return self.world.suite.round_count(self.world.suite.w3.eth.block_number)
