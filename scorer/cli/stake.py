"""``cupel stake``: deposit, withdraw, allocate and show stakes."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from scorer.cli.common import console, print_json
from scorer.cli.model import ModelArgument, send_for_model
from scorer.cli.numbers import MODEL
from scorer.cli.options import ChainOptions, SendingOptions, address_of, chain_command, password_of
from scorer.client.actions import ActionRefused
from scorer.client.amounts import allocation_of, amount_of
from scorer.client.keystore import Wallet
from scorer.client.stake_actions import Allocate, Deposit, Withdraw
from scorer.client.stakes import (
    ModelStake,
    latest_block,
    model_count,
    model_stake,
    models_of,
    positions_at_risk,
)
from scorer.observation.observe import unfinished_rounds
from scorer.units import nmr_text

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
AmountArgument = Annotated[str, typer.Argument(help="NMR, such as 25 or 0.5.")]


@app.command("deposit")
@chain_command(SendingOptions)
def deposit(
    options: SendingOptions,
    model: ModelArgument,
    amount: AmountArgument,
    to_another: Annotated[
        bool, typer.Option("--to-another", help="The model is somebody else's, and shall have it.")
    ] = False,
) -> None:
    """Add NMR to a model's idle stake: one transaction where the token knows permits, else two."""
    send_for_model(options, Deposit(model, amount_of(amount), to_another), model)


@app.command("withdraw")
@chain_command(SendingOptions)
def withdraw(
    options: SendingOptions,
    model: ModelArgument,
    amount: Annotated[str | None, typer.Argument(help="NMR, such as 25 or 0.5.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is idle.")] = False,
    to: Annotated[str | None, typer.Option(help="Who gets it, if not you.")] = None,
) -> None:
    """Take idle stake out. It can be done at any time; what is at risk comes back as its rounds settle."""
    if everything == (amount is not None):
        raise ActionRefused("withdraw: expected an amount or --all, found both or neither")
    nano = None if amount is None else amount_of(amount)
    receiver = options.wallet.address if to is None else address_of(to, "--to")
    send_for_model(options, Withdraw(model, nano, receiver), model)


@app.command("allocate")
@chain_command(SendingOptions)
def allocate(
    options: SendingOptions,
    model: ModelArgument,
    allocation: Annotated[
        str, typer.Argument(help="NMR such as 25, a share of what is idle such as 40%, or 0 to leave.")
    ],
) -> None:
    """Say what a model puts at risk in each round from now on."""
    send_for_model(options, Allocate(model, allocation_of(allocation)), model)


@app.command("show")
@chain_command(ChainOptions)
def show(
    options: ChainOptions,
    models: Annotated[
        list[int] | None,
        typer.Argument(parser=MODEL, help="Models' numbers; without any, those of the account."),
    ] = None,
    keystore: Annotated[
        Path | None, typer.Option(envvar="CUPEL_KEYSTORE", help="Whose models: a keystore's.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Whose models: an address.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Do not read what is at risk from the rounds' events.")
    ] = False,
) -> None:
    """Print models' stakes: idle, at risk by round, and what the next round would lock. Asks no password."""
    suite = options.suite
    block = latest_block(suite)
    wanted = models or models_of(suite, _owner(keystore, owner), block.number)
    count = model_count(suite, block.number)
    for model in wanted:
        if not 1 <= model <= count:
            raise ActionRefused(f"model: expected a model from 1 to {count}, found {model}")
    rounds = [] if quick else unfinished_rounds(suite, block)
    at_risk = positions_at_risk(suite, rounds, wanted, block)
    stakes = [model_stake(suite, model, block.number, at_risk[model]) for model in wanted]
    if options.as_json:
        print_json({"block": block.number, "models": [_document(stake, quick=quick) for stake in stakes]})
        return
    console().print(_table(stakes, quick=quick))


def _owner(keystore: Path | None, owner: str | None) -> str:
    if owner is not None:
        return address_of(owner, "--owner")
    if keystore is None:
        raise ActionRefused("show: expected models' numbers, --owner or --keystore, found none")
    return Wallet(keystore, lambda: password_of(None, str(keystore))).address


def _document(stake: ModelStake, *, quick: bool) -> dict[str, Any]:
    at_risk = {str(number): nmr_text(amount) for number, amount in sorted(stake.at_risk.items())}
    return stake.to_json() | ({} if quick else {"at_risk": at_risk, "total": nmr_text(stake.total)})


def _table(stakes: list[ModelStake], *, quick: bool) -> Table:
    table = Table(show_footer=not quick)
    table.add_column("model", "all", justify="right")
    table.add_column("idle NMR", nmr_text(sum(stake.idle for stake in stakes)), justify="right")
    risk = sum(sum(stake.at_risk.values()) for stake in stakes)
    table.add_column("at risk NMR", "not read" if quick else nmr_text(risk), justify="right")
    table.add_column("in rounds")
    table.add_column("each round")
    table.add_column("next locks NMR", justify="right")
    table.add_column("submitter", overflow="fold")
    for stake in stakes:
        table.add_row(
            str(stake.model_id),
            nmr_text(stake.idle),
            "" if quick else nmr_text(sum(stake.at_risk.values())),
            ", ".join(map(str, sorted(stake.at_risk))),
            str(stake.allocation),
            nmr_text(stake.next_position),
            "owner" if stake.submitter == stake.owner else stake.submitter,
        )
    return table
