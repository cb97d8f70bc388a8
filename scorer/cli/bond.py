"""``cupel oracle bond``: what a member of the committee has at stake."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer

from scorer.chain.contracts import Suite
from scorer.chain.endpoints import Pinned
from scorer.chain.fees import FeePolicy
from scorer.chain.journal import Journal
from scorer.chain.outbox import Outbox
from scorer.cli.options import chain_command, print_json
from scorer.cli.sending import Told, order_and_tell
from scorer.config import NodeConfig, load_config
from scorer.staking.amounts import amount_of
from scorer.staking.bonds import BondCounter, bond_of
from scorer.staking.desk import Desk, Done
from scorer.staking.orders import Order, StakingRefused, address_of
from scorer.staking.quotes import GenerousNode

app = typer.Typer(no_args_is_help=True)
AmountArgument = Annotated[str, typer.Argument(help="NMR, such as 100 or 0.5.")]
WhoOption = Annotated[str | None, typer.Option("--member", help="Whose, if not yours: an address.")]


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
    """And that something is sent, with the daemon's key and the daemon's journal: never both at a time."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done; do nothing.")] = False
    yes: Annotated[bool, typer.Option("--yes", help="Send without asking.")] = False

    def counter(self) -> BondCounter:
        """Where orders of this member are made out."""
        return BondCounter(self.suite, self.address)

    def fees(self, _suite: Suite) -> FeePolicy:
        """What the configuration bids."""
        return self.node.chain.fees

    @contextmanager
    def desk(self, counter: BondCounter, alarm: Callable[[str, str], None]) -> Iterator[Desk]:
        """Where they are sent."""
        chain, pinned = self.node.chain, self.pinned.node
        node = GenerousNode(pinned.w3, pinned.others, pinned.finalised, pinned.witnesses, pinned.agreement)
        with Journal.open(self.node.journal.location) as journal:
            yield Desk(
                counter.suite,
                Outbox(
                    journal,
                    node,
                    self.node.key.signer(),
                    chain.chain_id,
                    chain.fees,
                    most_gas=chain.most_gas,
                    alarm=alarm,
                ),
            )


@app.command("show")
@chain_command(MemberOptions)
def show(options: MemberOptions, member: WhoOption = None) -> None:
    """Print a bond, what a vote takes, until when it is held, and what the committee owes its owner."""
    found = bond_of(options.suite, _who(options, member))
    if options.as_json:
        print_json(found.to_json())
    else:
        typer.echo(str(found))


@app.command("post")
@chain_command(MemberSendingOptions)
def post(options: MemberSendingOptions, amount: AmountArgument, member: WhoOption = None) -> None:
    """Add NMR to your bond, or to another's: without an allowance, in two transactions."""
    nano, who = amount_of(amount), _who(options, member)
    _order(
        options,
        lambda counter: counter.posting(who, nano),
        lambda counter: counter.post(who, nano),
        who,
    )


@app.command("release")
@chain_command(MemberSendingOptions)
def release(
    options: MemberSendingOptions,
    amount: Annotated[str | None, typer.Argument(help="NMR, such as 100 or 0.5.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of it.")] = False,
    to: Annotated[str | None, typer.Option(help="Who gets it, if not you.")] = None,
) -> None:
    """Take back your bond, member or not, once none of your votes can be overturned any more."""
    if everything == (amount is not None):
        raise StakingRefused("release: expected an amount or --all, found both or neither")
    nano = None if amount is None else amount_of(amount)
    receiver = options.address if to is None else address_of(to, "--to")
    _order(
        options,
        lambda counter: counter.releasing(nano, receiver),
        lambda counter: counter.release(nano, receiver),
        options.address,
    )


@app.command("collect")
@chain_command(MemberSendingOptions)
def collect(options: MemberSendingOptions, member: WhoOption = None) -> None:
    """Have sent what the committee owes you, or another: a challenge's bond that came back, a reward."""
    who = _who(options, member)
    _order(options, lambda counter: counter.collecting(who), lambda counter: counter.collect(who), who)


def _who(options: MemberOptions, member: str | None) -> str:
    return options.address if member is None else address_of(member, "--member")


def _order(
    options: MemberSendingOptions,
    meaning: Callable[[BondCounter], str],
    make: Callable[[BondCounter], Order],
    who: str,
) -> None:
    def after(counter: BondCounter, _done: Sequence[Done]) -> Told:
        found = bond_of(counter.suite, who)
        return Told({"bond": found.to_json()}, (str(found),))

    order_and_tell(options, meaning, make, after)
