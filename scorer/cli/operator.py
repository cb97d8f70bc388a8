"""``cupel operator``: run, step and check the operator of a tournament."""

from typing import Annotated

import typer

from scorer.cli.checklist import report_checks
from scorer.cli.common import ConfigOption, SendOption, user_errors
from scorer.cli.numbers import NUMBER
from scorer.daemon import assembly
from scorer.daemon.checks import check_operator
from scorer.daemon.configuration import load_config
from scorer.daemon.daemon import OperatorDaemon
from scorer.daemon.logging import configure_logging

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("run")
def run(
    config: ConfigOption,
    send: SendOption = False,
    cycles: Annotated[int | None, typer.Option(parser=NUMBER, help="End after so many cycles.")] = None,
) -> None:
    """Open planned rounds, lock and seal, cycle after cycle, until stopped."""
    configure_logging()
    with user_errors(), assembly.operator(load_config(config), send=send) as assembled:
        assembly.run(assembled, cycles=cycles)


@app.command("once")
def once(config: ConfigOption, send: SendOption = False) -> None:
    """Open planned rounds that are due, and lock and seal every round whose submissions have closed."""
    configure_logging()
    with user_errors(), assembly.operator(load_config(config), send=send) as assembled:
        daemon = assembled.daemon
        results = daemon.once() if isinstance(daemon, OperatorDaemon) else []
    for result in results:
        typer.echo(str(result))
    if not results:
        typer.echo("nothing to do: no round is due")


@app.command("check")
def check(config: ConfigOption) -> None:
    """Check everything that the operator depends on, a line each; exit code 1 when anything fails."""
    with user_errors():
        node = load_config(config)
    report_checks(check_operator(node))
