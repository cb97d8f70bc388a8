"""``cupel demo``."""

from pathlib import Path
from typing import Annotated

import typer

from scorer.cli.common import JsonOption, console, print_json
from scorer.data.faults import DataError
from scorer.owned_files import FolderInUse


def demo(
    out: Annotated[
        Path,
        typer.Option(
            help="Where everything is written: a new folder, or an earlier demo's, which is emptied."
        ),
    ] = Path("build/demo"),
    as_json: JsonOption = False,
) -> None:
    """Settle a year of weekly rounds on real market data, on a local chain, and verify every one."""
    try:
        from scorer.lab.demo.run import run_demo
    except ModuleNotFoundError as missing:
        typer.echo(
            f"cupel: expected the demo's packages, found no {missing.name}; install cupel[demo]", err=True
        )
        raise typer.Exit(1) from None
    try:
        summary = run_demo(out, console(err=as_json))
    except (DataError, FolderInUse) as refused:
        typer.echo(f"cupel: {refused}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        print_json(summary)
    whole = summary["rounds_verified"] == summary["rounds_settled"] and all(summary["invariants"].values())
    raise typer.Exit(0 if whole and summary["stakes_add_up"] else 1)
