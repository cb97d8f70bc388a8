"""The chain as one cycle reads it, and the accounts that send in that cycle."""

from collections.abc import Callable
from dataclasses import dataclass, field

from scorer.chain.contracts import Suite
from scorer.observation.observe import Block
from scorer.oracle.quorum_check import QuorumCheck
from scorer.transactions.request import TransactionSender


@dataclass(frozen=True)
class CycleContext:
    """One tournament of a chain, pinned to one endpoint and one finalised block for the length of a cycle.

    Attributes
    ----------
    suite
        The contracts at the pinned endpoint.
    block
        The finalised block at which everything is read.
    quorum_check
        The other endpoints, which must confirm what a vote or a lock rests on.
    sender
        Sends as the member or the operator. None: a dry run, which computes everything and sends nothing.
    relay
        Sends what anybody may send; None: `sender` does.
    gas_budget
        Returns the gas that one transaction may take, as of now; None: any amount.
    """

    suite: Suite
    block: Block
    quorum_check: QuorumCheck = field(default_factory=QuorumCheck)
    sender: TransactionSender | None = None
    relay: TransactionSender | None = None
    gas_budget: Callable[[], int] | None = None
