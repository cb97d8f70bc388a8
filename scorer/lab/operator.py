"""An operator on a local chain: a cycle reads the newest finalised block, from one endpoint alone."""

from dataclasses import dataclass
from pathlib import Path

from scorer.chain.contracts import Suite
from scorer.observation.observe import finalised_block
from scorer.operator.collector import Collector
from scorer.operator.operator import Operator
from scorer.oracle.actions import ActionResult
from scorer.oracle.context import CycleContext
from scorer.storage.bundle import Bundle
from scorer.transactions.request import TransactionSender


@dataclass
class LocalOperator:
    """An operator with the chain that it reads and the account that it sends from.

    Attributes
    ----------
    sender
        None: a dry run.
    """

    suite: Suite
    operator: Operator
    sender: TransactionSender | None

    @property
    def context(self) -> CycleContext:
        """The chain as it is now."""
        return CycleContext(self.suite, finalised_block(self.suite), sender=self.sender)

    @property
    def collector(self) -> Collector:
        """The collector of submissions, as the chain is now."""
        return self.operator.collector(self.context)

    @property
    def inbox(self) -> Path:
        """The folder in which submissions arrive."""
        return self.operator.inbox

    @property
    def published(self) -> Path:
        """The folder from which members take over."""
        return self.operator.published

    def cycle(self) -> list[ActionResult]:
        """Run one cycle; return the results of its actions."""
        return self.operator.cycle(self.context)

    def published_bundle(self, round_id: int) -> Bundle:
        """Return the published bundle of a round."""
        return self.collector.published_bundle(round_id)
