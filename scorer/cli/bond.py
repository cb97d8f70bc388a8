"""``cupel oracle bond``: what a member of the committee has at stake."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from scorer.cli.member import MemberOptions, MemberSendingOptions
from scorer.cli.options import chain_command, print_json
from scorer.cli.sending import Told, order_and_tell
from scorer.client.amounts import amount_of
from scorer.client.bonds import BondPlanner, bond_of
from scorer.client.desk import ExecutedTransaction
from scorer.client.orders import StakingRefused, TransactionPlan, address_of

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
AmountArgument = Annotated[str, typer.Argument(help="NMR, such as 100 or 0.5.")]
WhoOption = Annotated[str | None, typer.Option("--member", help="Whose, if not yours: an address.")]


@dataclass(frozen=True, kw_only=True)
class BondOptions(MemberSendingOptions):
    """And that it is about a bond."""

    def counter(self) -> BondPlanner:
        """Where orders of this member are made out."""
        return BondPlanner(self.suite, self.address)


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
@chain_command(BondOptions)
def post(options: BondOptions, amount: AmountArgument, member: WhoOption = None) -> None:
    """Add NMR to your bond, or to another's: without an allowance, in two transactions."""
    nano, who = amount_of(amount), _who(options, member)
    _order(
        options,
        lambda counter: counter.posting(who, nano),
        lambda counter: counter.post(who, nano),
        who,
    )


@app.command("release")
@chain_command(BondOptions)
def release(
    options: BondOptions,
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
@chain_command(BondOptions)
def collect(options: BondOptions, member: WhoOption = None) -> None:
    """Have sent what the committee owes you, or another: a challenge's bond that came back, a reward."""
    who = _who(options, member)
    _order(options, lambda counter: counter.collecting(who), lambda counter: counter.collect(who), who)


def _who(options: MemberOptions, member: str | None) -> str:
    return options.address if member is None else address_of(member, "--member")


def _order(
    options: BondOptions,
    meaning: Callable[[BondPlanner], str],
    make: Callable[[BondPlanner], TransactionPlan],
    who: str,
) -> None:
    def after(counter: BondPlanner, _done: Sequence[ExecutedTransaction]) -> Told:
        found = bond_of(counter.suite, who)
        return Told({"bond": found.to_json()}, (str(found),))

    order_and_tell(options, meaning, make, after)
