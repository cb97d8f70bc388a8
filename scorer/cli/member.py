"""Options of the commands that use a daemon's account: its configuration, its key and its journal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer

from scorer.chain.contracts import Suite
from scorer.chain.endpoints import Pinned
from scorer.cli.sending import SendContext
from scorer.client.actions import ClientAccount
from scorer.client.quotes import NodeWithHeadroom
from scorer.client.staking_client import StakingClient
from scorer.daemon.configuration import NodeConfig, load_config
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node


@dataclass(frozen=True, kw_only=True)
class MemberOptions:
    """Options that name the daemon's configuration, which names chain and key, and the form of the answer."""

    config: Annotated[Path, typer.Option(help="Your daemon's TOML configuration.", exists=True)]
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False

    @cached_property
    def node(self) -> NodeConfig:
        """The configuration."""
        return load_config(self.config)

    @cached_property
    def pinned(self) -> Pinned:
        """The endpoint that is read from and sent through.

        It is chosen by the agreement that the daemon requires: both write the same journal.
        """
        return self.node.endpoints().pin()

    @property
    def endpoint(self) -> str:
        """The host of the pinned endpoint."""
        return self.pinned.host

    @cached_property
    def suite(self) -> Suite:
        """The contracts of the tournament that the configuration names."""
        return self.node.suite(self.pinned.w3)

    @cached_property
    def address(self) -> str:
        """The address of the daemon's key."""
        return self.node.key.signer().address


@dataclass(frozen=True, kw_only=True)
class MemberSendingOptions(MemberOptions):
    """Adds the options of a command that sends with the daemon's key and journal, while no daemon runs."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done; do nothing.")] = False
    yes: Annotated[bool, typer.Option("--yes", help="Send without asking.")] = False

    def sending(self) -> SendContext:
        """Return the context in which the daemon's account sends."""
        return SendContext(
            ClientAccount(self.suite, self.address, rounds=self.node.files.rounds),
            self.node.chain.fees,
            self._client,
            as_json=self.as_json,
            dry_run=self.dry_run,
            yes=self.yes,
        )

    @contextmanager
    def _client(self, alarm: Callable[[str, str], None]) -> Iterator[StakingClient]:
        chain, pinned = self.node.chain, Web3Node.at(self.pinned)
        node = NodeWithHeadroom(
            pinned.w3, pinned.others, pinned.finalised, pinned.witnesses, pinned.agreement
        )
        with Journal.open(self.node.journal.location) as journal:
            yield StakingClient(
                self.suite,
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
