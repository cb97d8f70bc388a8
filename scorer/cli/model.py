"""``cupel model``: register a model, transfer, offer or claim it, name its submitter."""

from collections.abc import Sequence
from typing import Annotated

import typer

from scorer.chain.contracts import Suite
from scorer.cli.numbers import MODEL
from scorer.cli.options import SendingOptions, address_of, chain_command
from scorer.cli.sending import CommandResult, send
from scorer.client.actions import ActionRefused, ClientAction
from scorer.client.model_actions import (
    ClaimModel,
    NameSubmitter,
    OfferModel,
    RegisterModel,
    TransferModel,
)
from scorer.client.stakes import latest_block, model_stake
from scorer.client.staking_client import ExecutedTransaction
from scorer.units import nmr_text

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

ModelArgument = Annotated[int, typer.Argument(parser=MODEL, help="The model's number.")]


@app.command("register")
@chain_command(SendingOptions)
def register(
    options: SendingOptions,
    to: Annotated[str | None, typer.Option(help="Its owner, if not you.")] = None,
) -> None:
    """Register a new model, and print its number."""
    owner = options.wallet.address if to is None else address_of(to, "--to")
    send_for_model(options, RegisterModel(owner))


@app.command("transfer")
@chain_command(SendingOptions)
def transfer(
    options: SendingOptions,
    model: ModelArgument,
    to: Annotated[str, typer.Argument(help="The new owner's address.")],
) -> None:
    """Give a model with all its stake to another owner."""
    send_for_model(options, TransferModel(model, address_of(to, "TO")), model)


@app.command("offer")
@chain_command(SendingOptions)
def offer(
    options: SendingOptions,
    model: ModelArgument,
    to: Annotated[str | None, typer.Argument(help="The address that may take it.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Offer it to nobody any more.")] = False,
) -> None:
    """Let an address take a model with all its stake, by cupel model claim or on the tournament's page."""
    if clear == (to is not None):
        raise ActionRefused("offer: expected an address or --clear, found both or neither")
    send_for_model(options, OfferModel(model, None if to is None else address_of(to, "TO")), model)


@app.command("claim")
@chain_command(SendingOptions)
def claim(options: SendingOptions, model: ModelArgument) -> None:
    """Take a model that its owner offers to you, such as one that an operator held for you."""
    send_for_model(options, ClaimModel(model), model)


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
        raise ActionRefused("submitter: expected an address or --clear, found both or neither")
    named = options.wallet.address if address is None else address_of(address, "ADDRESS")
    send_for_model(options, NameSubmitter(model, named), model)


def send_for_model(options: SendingOptions, action: ClientAction, model: int | None = None) -> None:
    """Carry out an action on a model, and show its stake; without `model`, of the one that it registers."""
    send(options.sending(), action, lambda done: _read_stake(options.suite, done, model))


def _read_stake(suite: Suite, done: Sequence[ExecutedTransaction], model: int | None) -> CommandResult:
    registered = [transaction.model_id for transaction in done if transaction.model_id is not None]
    shown = registered[-1] if model is None and registered else model
    if shown is None:
        return CommandResult({}, ())
    stake = model_stake(suite, shown, latest_block(suite).number)
    line = (
        f"model {stake.model_id} of {stake.owner}: {nmr_text(stake.idle)} NMR idle; at risk in each "
        f"round: {stake.allocation}"
    )
    return CommandResult({"model": stake.to_json()}, (line,))
