"""``cupel oracle bond``: show, post and release a committee member's bond, and leave the committee."""

from typing import Annotated

import typer

from scorer.cli.common import print_json
from scorer.cli.member import MemberOptions, MemberSendingOptions
from scorer.cli.options import address_of, chain_command
from scorer.cli.sending import CommandResult, send
from scorer.client.actions import ActionRefused, ClientAction
from scorer.client.amounts import amount_of
from scorer.client.bond_actions import CollectCredit, LeaveCommittee, PostBond, ReleaseBond
from scorer.client.bonds import bond_of

app = typer.Typer(
    help="Post what you have at stake, and take it back.", no_args_is_help=True, rich_markup_mode=None
)
AmountArgument = Annotated[str, typer.Argument(help="NMR, such as 100 or 0.5.")]
WhoOption = Annotated[str | None, typer.Option("--member", help="Whose, if not yours: an address.")]


@app.command("show")
@chain_command(MemberOptions)
def show(options: MemberOptions, member: WhoOption = None) -> None:
    """Print a bond, what a vote takes, until when it is held, and what the committee owes its owner."""
    bond = bond_of(options.suite, _owner(options, member))
    if options.as_json:
        print_json(bond.to_json())
    else:
        typer.echo(str(bond))


@app.command("post")
@chain_command(MemberSendingOptions)
def post(options: MemberSendingOptions, amount: AmountArgument, member: WhoOption = None) -> None:
    """Add NMR to your bond, or to another's: without an allowance, in two transactions."""
    owner = _owner(options, member)
    _send(options, PostBond(owner, amount_of(amount)), owner)


@app.command("release")
@chain_command(MemberSendingOptions)
def release(
    options: MemberSendingOptions,
    amount: Annotated[str | None, typer.Argument(help="NMR, such as 100 or 0.5.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of it.")] = False,
    to: Annotated[str | None, typer.Option(help="Who gets it, if not you.")] = None,
) -> None:
    """Take back your bond once no round can cost it any more; as a member, what is above the least."""
    if everything == (amount is not None):
        raise ActionRefused("release: expected an amount or --all, found both or neither")
    nano = None if amount is None else amount_of(amount)
    receiver = options.address if to is None else address_of(to, "--to")
    _send(options, ReleaseBond(nano, receiver), options.address)


@app.command("leave")
@chain_command(MemberSendingOptions)
def leave(options: MemberSendingOptions) -> None:
    """Leave the committee for good: no further round is yours, and your bond is free in time."""
    _send(options, LeaveCommittee(), options.address)


@app.command("collect")
@chain_command(MemberSendingOptions)
def collect(options: MemberSendingOptions, member: WhoOption = None) -> None:
    """Have sent what the committee owes you, or another: a challenge's bond that came back, a reward."""
    owner = _owner(options, member)
    _send(options, CollectCredit(owner), owner)


def _owner(options: MemberOptions, member: str | None) -> str:
    return options.address if member is None else address_of(member, "--member")


def _send(options: MemberSendingOptions, action: ClientAction, owner: str) -> None:
    def read_bond(_done: object) -> CommandResult:
        bond = bond_of(options.suite, owner)
        return CommandResult({"bond": bond.to_json()}, (str(bond),))

    send(options.sending(), action, read_bond)
