"""``cupel rounds``: list rounds with their phases, times and stakes."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.box import HEAVY_HEAD
from rich.table import Table

from scorer.chain.records import RoundRecord
from scorer.cli.common import console, print_json
from scorer.cli.numbers import whole
from scorer.cli.options import ChainOptions, chain_command
from scorer.client.phases import Phase, phase_of
from scorer.client.stakes import latest_block
from scorer.client.times import relative_text
from scorer.units import nmr_text, ppm_text, span_text

WIDE: Final = 100
"""Characters that a line of all columns takes."""


@chain_command(ChainOptions)
def rounds(
    options: ChainOptions,
    last: Annotated[
        int, typer.Option(parser=whole(0), help="How many of the newest rounds; 0 for all.")
    ] = 20,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that take submissions now.")] = False,
) -> None:
    """List rounds with their times (UTC), the stake at risk and the payout factor, newest first."""
    suite = options.suite
    block = latest_block(suite)
    count = suite.round_count(block.number)
    first = 1 if last == 0 else max(1, count - last + 1)
    records = [suite.round(number, block.number) for number in range(count, first - 1, -1)]
    listed = [(record, phase_of(record, block.timestamp)) for record in records]
    if open_only:
        listed = [(record, phase) for record, phase in listed if phase == Phase.OPEN]
    if options.as_json:
        documents = [_document(record, phase) for record, phase in listed]
        print_json({"block": block.number, "now": _utc(block.timestamp), "rounds": documents})
        return
    if not listed:
        typer.echo(_none(open_only=open_only, count=count))
        return
    console().print(_table(listed, block.timestamp, is_narrow=console().width < WIDE))
    for line in closing_lines(records, block.timestamp):
        typer.echo(line)


def closing_lines(records: Sequence[RoundRecord], now: int) -> Iterator[str]:
    """Say which round opens next, which are open and how long, and which closed last; `now` in seconds."""
    phases = [(phase_of(record, now), record) for record in records]
    announced = [record for phase, record in phases if phase == Phase.ANNOUNCED]
    closed = [record for record in records if record.close_at <= now]
    if announced:
        record = min(announced, key=lambda record: record.open_at)
        opens = relative_text(record.open_at, now)
        yield f"round {record.round_id}: opens {opens}, at {_short(record.open_at)} UTC"
    for phase, record in phases:
        if phase == Phase.OPEN:
            left = span_text(record.close_at - now)
            yield f"round {record.round_id}: open for {left} more, until {_short(record.close_at)} UTC"
    if closed:
        record = max(closed, key=lambda record: record.close_at)
        yield f"round {record.round_id}: closed {relative_text(record.close_at, now)}"


def _none(*, open_only: bool, count: int) -> str:
    if count == 0:
        return "no rounds yet: the operator opens the first"
    if open_only:
        return "no round takes submissions now; cupel rounds says what the newest wait for"
    return "no rounds are listed"


def _document(record: RoundRecord, phase: Phase) -> dict[str, Any]:
    return {
        "round": record.round_id,
        "phase": phase.value,
        "open_at": _utc(record.open_at),
        "close_at": _utc(record.close_at),
        "resolve_at": _utc(record.resolve_at),
        "deadline": _utc(record.deadline),
        "at_risk": nmr_text(record.at_risk),
        "threshold": nmr_text(record.threshold),
        "minimum_position": nmr_text(record.minimum_position),
        "payout_factor": _factor(record),
        "cap": ppm_text(record.cap),
        "paid": nmr_text(record.paid),
        "burned": nmr_text(record.burned),
        "rules_hash": f"0x{record.rules_hash.hex()}",
    }


def _table(listed: list[tuple[RoundRecord, Phase]], now: int, *, is_narrow: bool) -> Table:
    """Return the table of rounds; on a narrow terminal without the columns that matter least."""
    table = Table(
        title=f"amounts in NMR, times in UTC; it is {_utc(now)} on the chain",
        box=None if is_narrow else HEAVY_HEAD,
    )
    left, right = ("phase", "closes", "resolves", "deadline"), ("at risk", "factor", "paid", "burned")
    table.add_column("round", no_wrap=True)
    for header in left[:2] if is_narrow else left:
        table.add_column(header, no_wrap=True)
    for header in right[:2] if is_narrow else right:
        table.add_column(header, justify="right", no_wrap=True)
    for record, phase in listed:
        is_over = phase == Phase.SETTLED
        times = [_short(time) for time in (record.close_at, record.resolve_at, record.deadline)]
        ends = [nmr_text(amount) if is_over else "" for amount in (record.paid, record.burned)]
        begin = [nmr_text(record.at_risk), _factor(record) or ""]
        row = [times[0], *begin] if is_narrow else [*times, *begin, *ends]
        table.add_row(str(record.round_id), phase.value, *row)
    return table


def _factor(record: RoundRecord) -> str | None:
    """Return the payout factor as text; None until the seal fixes it."""
    return ppm_text(record.payout_factor) if record.payout_factor else None


def _utc(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _short(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%m-%d %H:%M:%S")
