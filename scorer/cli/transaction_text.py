"""Plans, costs and executed transactions as people read them, and as documents."""

from typing import Any

import typer
from rich.table import Table
from web3 import Web3

from scorer.chain.calldata import calldata
from scorer.cli.common import console
from scorer.client.actions import ClientAccount, PlannedTransaction, TransactionPlan
from scorer.client.quotes import CostEstimate, coin_of
from scorer.client.staking_client import ExecutedTransaction
from scorer.units import coins_text, short_coins


def show_plan(
    account: ClientAccount, plan: TransactionPlan, cost: CostEstimate, *, err: bool = False
) -> None:
    """Print a plan's transactions with gas, cost and warnings; on standard error beside a document."""
    coin = coin_of(account.suite.addresses.chain_id)
    table = Table(title=f"from {account.address}")
    table.add_column("transaction", overflow="fold")
    for header in ("gas", coin):
        table.add_column(header, justify="right")
    for price in cost.prices:
        gas = f"{'' if price.is_tried else '~'}{price.gas:,}"
        table.add_row(price.step.title, gas, short_coins(price.gas * cost.price))
    console(err=err).print(table)
    for warning in plan.warnings:
        typer.echo(f"note: {warning}", err=err)
    typer.echo(
        f"cost: {short_coins(cost.cost)} {coin} at {cost.price / 1e9:.3f} gwei, "
        f"at most {short_coins(cost.most)}; you have {short_coins(cost.balance)}",
        err=err,
    )


def plan_document(account: ClientAccount, plan: TransactionPlan, cost: CostEstimate) -> dict[str, Any]:
    """Return a dry run as a document; coins as decimal text."""
    return {
        "dry_run": True,
        "from": account.address,
        "transactions": [
            {
                "title": price.step.title,
                "to": price.step.call.address,
                "function": price.step.call.fn_name,
                "data": _data(price.step),
                "gas": price.gas,
                "gas_is_tried": price.is_tried,
            }
            for price in cost.prices
        ],
        "notes": list(plan.warnings),
        "gas": cost.gas,
        "gas_price_wei": cost.price,
        "cost": coins_text(cost.cost),
        "most": coins_text(cost.most),
        "balance": coins_text(cost.balance),
    }


def _data(step: PlannedTransaction) -> str | None:
    """Return the call data in hex; None where it lacks a signature that is given only when it is sent."""
    return None if step.signed else Web3.to_hex(calldata(step.call))


def show_executed(done: ExecutedTransaction, coin: str, *, err: bool) -> None:
    """Print an executed transaction; on standard error beside a document."""
    earlier = " (sent by an earlier command)" if done.was_earlier else ""
    lines = [
        f"{done.title}{earlier}: block {done.block}, {done.gas:,} gas, {short_coins(done.cost)} {coin}",
        f"  transaction {done.transaction}",
    ]
    if done.model_id is not None:
        lines.append(f"model {done.model_id} is registered")
    typer.echo("\n".join(lines), err=err)


def executed_document(done: ExecutedTransaction) -> dict[str, Any]:
    """Return an executed transaction as a document."""
    registered = {} if done.model_id is None else {"model": done.model_id}
    return registered | {
        "title": done.title,
        "transaction": done.transaction,
        "block": done.block,
        "gas": done.gas,
        "cost": coins_text(done.cost),
        "sent_by_an_earlier_command": done.was_earlier,
    }
