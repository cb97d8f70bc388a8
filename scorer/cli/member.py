"""What the commands of a daemon's account share: its configuration, its key and its journal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer

from scorer.chain.contracts import Suite
from scorer.chain.endpoints import Pinned
from scorer.chain.fees import FeePolicy
from scorer.cli.sending import Asking
from scorer.client.desk import StakingClient
from scorer.client.quotes import NodeWithHeadroom
from scorer.daemon.configuration import NodeConfig, load_config
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node


@dataclass(frozen=True, kw_only=True)
class MemberOptions:
    """The member's configuration names the chain and the key; how to answer."""

    config: Annotated[Path, typer.Option(help="Your daemon's TOML configuration.", exists=True)]
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False

    @cached_property
    def node(self) -> NodeConfig:
        """What the file says."""
        return load_config(self.config)

    @cached_property
    def pinned(self) -> Pinned:
        """What is read from and sent through: the daemon's journal must not believe less than the daemon."""
        return self.node.endpoints().pin()

    @property
    def endpoint(self) -> str:
        """The host that is pinned."""
        return self.pinned.host

    @cached_property
    def suite(self) -> Suite:
        """The contracts."""
        return self.node.suite(self.pinned.w3)

    @cached_property
    def address(self) -> str:
        """Whose key it is."""
        return self.node.key.signer().address


@dataclass(frozen=True, kw_only=True)
class MemberSendingOptions(MemberOptions):
    """And that something is sent: with the daemon's key and the daemon's journal: never both at a time."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done; do nothing.")] = False
    yes: Annotated[bool, typer.Option("--yes", help="Send without asking.")] = False

    def fees(self, _suite: Suite) -> FeePolicy:
        """What the configuration bids."""
        return self.node.chain.fees

    @contextmanager
    def desk(self, counter: Asking, alarm: Callable[[str, str], None]) -> Iterator[StakingClient]:
        """Where they are sent."""
        chain, pinned = self.node.chain, Web3Node.at(self.pinned)
        node = NodeWithHeadroom(
            pinned.w3, pinned.others, pinned.finalised, pinned.witnesses, pinned.agreement
        )
        with Journal.open(self.node.journal.location) as journal:
            yield StakingClient(
                counter.suite,
                TransactionManager(
                    journal,
                    node,
                    self.node.key.signer(),
                    chain.chain_id,
                    chain.fees,
                    most_gas=chain.most_gas,
                    alarm=alarm,
                ),
            )
