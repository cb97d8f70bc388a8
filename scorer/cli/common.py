"""What every command shares: the console, common options, and how an error is told."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from scorer.errors import CupelError
from scorer.redaction import clean

console = Console(width=None if sys.stdout.isatty() else 110)

ConfigOption = Annotated[Path, typer.Option("--config", help="The node's TOML configuration.", exists=True)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]
SendOption = Annotated[bool, typer.Option("--send", help="Send transactions. Without it, a dry run.")]


@contextmanager
def told() -> Iterator[None]:
    """End with one line on standard error where an error is the user's to mend."""
    try:
        yield
    except CupelError as error:
        typer.echo(f"cupel: {clean(str(error))}", err=True)
        raise typer.Exit(1) from None
