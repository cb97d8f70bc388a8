"""``cupel bridge latency``: how long messages took to the other side, and transactions to finality."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from scorer.cli.common import JsonOption, console, print_json, user_errors
from scorer.cli.latency import cells_of, document_of, table_of
from scorer.cli.numbers import NUMBER
from scorer.daemon.bridge_configuration import load_bridge_config
from scorer.daemon.bridge_latency import BridgeLatency, bridge_latency
from scorer.transactions.latency import Spread

BridgeConfig = Annotated[Path, typer.Option("--config", help="The relayer's bridge.toml.", exists=True)]
GOALS: Final = {"up": "to Ethereum", "down": "to Polygon"}


def latency(
    config: BridgeConfig,
    days: Annotated[int | None, typer.Option(parser=NUMBER, help="Of the last so many days alone.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Sum up how long messages took to the other side, and own transactions (stop the relayer first)."""
    with user_errors():
        found = bridge_latency(load_bridge_config(config), days)
    if as_json:
        print_json(_document(found))
        return
    console().print(_messages(found))
    own = [(f"{chain} {each.action}", each) for chain, all_ in found.transactions.items() for each in all_]
    if own:
        console().print(table_of(own))
    sent = sum(each.sent for each in found.messages)
    typer.echo(f"latency: {sent} messages, {sum(each.under_way for each in found.messages)} under way")


def _messages(found: BridgeLatency) -> Table:
    columns = ("direction", "sent", "under way", "oldest", "to a checkpoint: median", "95 %", "longest")
    table = Table(*columns, "to the other side: median", "95 %", "longest")
    for each in found.messages:
        oldest = f"{each.oldest} s" if each.under_way else "-"
        counts = (str(each.sent), str(each.under_way), oldest)
        table.add_row(GOALS[each.direction], *counts, *cells_of(each.checkpoint), *cells_of(each.arrival))
    return table


def _document(found: BridgeLatency) -> dict[str, Any]:
    messages = [
        vars(each) | {"checkpoint": _plain(each.checkpoint), "arrival": _plain(each.arrival)}
        for each in found.messages
    ]
    own = [{"chain": name, **document_of(each)} for name, all_ in found.transactions.items() for each in all_]
    return {"messages": messages, "transactions": own}


def _plain(spread: Spread | None) -> dict[str, int] | None:
    return None if spread is None else dict(vars(spread))
