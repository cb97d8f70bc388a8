"""``cupel rules``: check a rules document, and list when its rounds would open and resolve."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from scorer.cli.common import JsonOption, console, print_json, user_errors
from scorer.cli.numbers import day, whole
from scorer.daemon.config_errors import ConfigError
from scorer.proofs.terms import unprovable_parts
from scorer.protocol.rules import Rules, load_rules, preset
from scorer.protocol.schedule import CalendarError, RoundTimes, Schedule, check_windows, round_times
from scorer.protocol.tables import table_file
from scorer.redaction import shown_path
from scorer.units import nmr_text, ppm_text

CHECKED_DAYS = 3653
"""Ten years, in days."""
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
RulesArgument = Annotated[str, typer.Argument(help="A preset's name, or the path of a rules document.")]
DayOption = Annotated[date | None, typer.Option("--from", parser=day, help="Today by default.")]


def read(name: str) -> Rules:
    """Read a rules document by its path, or a preset by its name."""
    return load_rules(Path(name)) if Path(name).is_file() else preset(name)


@app.command("check")
def check(rules: RulesArgument, as_json: JsonOption = False) -> None:
    """Say whether a document is valid, what it pays for, what it needs, and its hash."""
    with user_errors():
        document = read(rules)
        if document.schedule is not None:
            _check_windows(rules, document.schedule)
    if as_json:
        print_json(_checked(document))
        return
    for factor in document.factors:
        typer.echo(f"{ppm_text(factor.multiplier)} x {factor.score} on {factor.target}")
    for name, path in document.needs.items():
        typer.echo(f"needs {table_file(name)} ({path})")
    typer.echo(_provable(document))
    for line in _demandable(document):
        typer.echo(line)
    typer.echo(f"{document.name}: valid, rules hash 0x{document.hash().hex()}")


def _checked(document: Rules) -> dict[str, Any]:
    return {
        "name": document.name,
        "rules_hash": f"0x{document.hash().hex()}",
        "factors": [
            {"score": factor.score, "target": factor.target, "multiplier": ppm_text(factor.multiplier)}
            for factor in document.factors
        ],
        "needs": {table_file(name): path for name, path in document.needs.items()},
        "proofs": _provable(document),
        "demands": document.demands,
        "deposit": nmr_text(document.demand_deposit),
    }


@app.command("schedule")
def schedule(
    rules: RulesArgument,
    first: DayOption = None,
    days: Annotated[int, typer.Option(parser=whole(1, 400), help="How many days.")] = 14,
    as_json: JsonOption = False,
) -> None:
    """List the rounds that open in the days to come: when they close, and when they resolve. Times in UTC."""
    start = first or datetime.now(UTC).date()
    with user_errors():
        document = read(rules)
        if document.schedule is None:
            raise ConfigError(f"{shown_path(rules)}: expected a section schedule, found none")
        try:
            times = round_times(document.schedule, document.horizon, start, start + timedelta(days=days - 1))
        except CalendarError as error:
            raise ConfigError(f"{shown_path(rules)}: {error}") from None
    if as_json:
        print_json([_moments(time) for time in times])
        return
    table = Table("session", "opens", "closes", "last session", "resolves", "report until")
    for time in times:
        moments = (time.open_at, time.close_at, time.resolve_at, time.deadline)
        opens, closes, resolves, deadline = map(_utc, moments)
        table.add_row(_day(time.session), opens, closes, _day(time.last_session), resolves, deadline)
    console().print(table)


def _moments(time: RoundTimes) -> dict[str, str]:
    moments = {name: getattr(time, name) for name in ("open_at", "close_at", "resolve_at", "deadline")}
    days = {"session": time.session.isoformat(), "last_session": time.last_session.isoformat()}
    return days | {
        name: datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for name, at in moments.items()
    }


def _check_windows(rules: str, schedule: Schedule) -> None:
    """Refuse a schedule that loses a window of the next ten years to a change of clocks."""
    today = datetime.now(UTC).date()
    try:
        check_windows(schedule, today, today + timedelta(days=CHECKED_DAYS))
    except CalendarError as error:
        raise ConfigError(f"{shown_path(rules)}: {error}") from None


def _provable(document: Rules) -> str:
    """Say whether a court can compute every reward score under the rules, or what stands in the way."""
    parts = unprovable_parts(document)
    if parts:
        return f"reward scores cannot be proven to a contract: {', '.join(parts)}"
    return "reward scores can be proven to a contract (docs/proofs.md)"


def _demandable(document: Rules) -> Iterator[str]:
    """Say what rules that name demands may make public, or why nothing can be demanded under them."""
    if not document.demands:
        return
    models = f"{document.demands} model{'s' if document.demands > 1 else ''}"
    yield (
        f"may make the predictions of {models} public: drawn by payout once a report is, each shown where "
        f"somebody deposits {nmr_text(document.demand_deposit)} NMR, or the model earns nothing"
    )
    if unprovable_parts(document):
        yield "nothing can be demanded under these rules: their scores cannot be proven to a contract"


def _day(day: date) -> str:
    return day.strftime("%a %m-%d")


def _utc(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%m-%d %H:%M")
