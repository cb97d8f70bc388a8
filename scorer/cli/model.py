"""``cupel model``: register a model, hand it over, name who signs for it."""

from typing import Annotated

import typer

from scorer.cli.numbers import NUMBER
from scorer.cli.options import SendingOptions, chain_command, own_address
from scorer.cli.sending import perform
from scorer.client.orders import StakingPlanner, StakingRefused, address_of

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

ModelArgument = Annotated[int, typer.Argument(parser=NUMBER, help="The model's number.")]


@app.command("register")
@chain_command(SendingOptions)
def register(
    options: SendingOptions,
    to: Annotated[str | None, typer.Option(help="Its owner, if not you.")] = None,
) -> None:
    """Register a new model, and print its number."""
    owner = own_address(options.wallet(), to, "--to")
    perform(options, lambda counter: counter.registering(owner), lambda counter: counter.register(owner))


@app.command("transfer")
@chain_command(SendingOptions)
def transfer(
    options: SendingOptions,
    model: ModelArgument,
    to: Annotated[str, typer.Argument(help="The new owner's address.")],
) -> None:
    """Give a model with all its stake to another owner."""
    owner = address_of(to, "TO")
    perform(
        options,
        lambda counter: counter.transferring(model, owner),
        lambda counter: counter.transfer(model, owner),
        model,
    )


@app.command("submitter")
@chain_command(SendingOptions)
def submitter(
    options: SendingOptions,
    model: ModelArgument,
    address: Annotated[str | None, typer.Argument(help="The address of the key that signs.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Sign with your own key again.")] = False,
) -> None:
    """Name the key that may sign a model's submissions, so that the one that owns the stake can stay away."""
    if clear == (address is not None):
        raise StakingRefused("submitter: expected an address or --clear, found both or neither")

    def named(counter: StakingPlanner) -> str:
        return counter.address if address is None else address_of(address, "ADDRESS")

    perform(
        options,
        lambda counter: counter.naming(model, named(counter)),
        lambda counter: counter.set_submitter(model, named(counter)),
        model,
    )
