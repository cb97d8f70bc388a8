"""The report of a list of checks."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import NoReturn

import typer

from scorer.cli.common import print_json
from scorer.daemon.checks import Check


def report_checks(checks: Iterable[Check], *, as_json: bool = False) -> NoReturn:
    """Print a line for each check and one that counts the failed ones; exit with 1 when there are any.

    As a document, all of it is printed at the end.
    """
    if as_json:
        found = list(checks)
        print_json({"ok": all(check.ok for check in found), "checks": [asdict(check) for check in found]})
        raise typer.Exit(0 if all(check.ok for check in found) else 1)
    failed = 0
    for check in checks:
        typer.echo(str(check))
        failed += not check.ok
    typer.echo(f"check: {failed} failed" if failed else "check: everything is in order")
    raise typer.Exit(1 if failed else 0)
