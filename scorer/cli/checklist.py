"""The report of a list of checks."""

from collections.abc import Iterable
from typing import NoReturn

import typer

from scorer.daemon.checks import Check


def report_checks(checks: Iterable[Check]) -> NoReturn:
    """Print a line for each check and one that counts the failed ones; exit with 1 when there are any."""
    failed = 0
    for check in checks:
        typer.echo(str(check))
        failed += not check.ok
    typer.echo(f"check: {failed} failed" if failed else "check: everything is in order")
    raise typer.Exit(1 if failed else 0)
