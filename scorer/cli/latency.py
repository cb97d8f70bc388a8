"""``cupel oracle latency``: how long transactions took to be mined and to be final, from the journal."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.table import Table

from scorer.cli.common import ConfigOption, JsonOption, console, print_json, user_errors
from scorer.cli.numbers import NUMBER
from scorer.daemon.configuration import NodeConfig, load_config
from scorer.transactions.journal import Journal
from scorer.transactions.latency import ActionLatency, Spread, blocks_of, latencies, times_of

DAY = 86_400


def latency(
    config: ConfigOption,
    days: Annotated[int | None, typer.Option(parser=NUMBER, help="Of the last so many days alone.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Sum up, by action, how long transactions waited for a block and to be final (stop the daemon first)."""
    with user_errors():
        found = _measured(load_config(config), days)
    if as_json:
        print_json([document_of(each) for each in found])
        return
    console().print(table_of((each.action, each) for each in found))
    typer.echo(f"latency: {sum(each.inclusion.count for each in found)} transactions")


def table_of(found: Iterable[tuple[str, ActionLatency]]) -> Table:
    """Return the table of latencies, each with its name."""
    table = Table(
        "action", "count", "to a block: median", "95 %", "longest", "to final: median", "95 %", "rebid"
    )
    for name, each in found:
        counts = (name, str(each.inclusion.count))
        table.add_row(*counts, *cells_of(each.inclusion), *cells_of(each.final)[:2], str(each.rebid))
    return table


def cells_of(spread: Spread | None) -> tuple[str, str, str]:
    """Return median, 95 % and longest as a table shows them."""
    if spread is None:
        return "-", "-", "-"
    return f"{spread.median} s", f"{spread.p95} s", f"{spread.longest} s"


def _measured(config: NodeConfig, days: int | None) -> list[ActionLatency]:
    pinned = config.endpoints().pin()
    since = 0 if days is None else pinned.latest.timestamp - days * DAY
    with Journal.open(config.journal.location) as journal:
        intents = [(intent, journal.attempts(intent)) for intent in journal.intents()]
    blocks = blocks_of(intent for intent, _ in intents)
    time_of = {number: int(pinned.w3.eth.get_block(number)["timestamp"]) for number in sorted(blocks)}
    return latencies(times_of(intents, time_of, since))


def document_of(latency_: ActionLatency) -> dict[str, Any]:
    """Return a latency as a JSON document."""
    return {
        "action": latency_.action,
        "inclusion": _plain(latency_.inclusion),
        "final": None if latency_.final is None else _plain(latency_.final),
        "rebid": latency_.rebid,
    }


def _plain(spread: Spread) -> dict[str, int]:
    return dict(vars(spread))
