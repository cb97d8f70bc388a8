"""Shared by all commands: the console, common options, JSON output, and errors in one line."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scorer.errors import CupelError
from scorer.redaction import clean

if TYPE_CHECKING:
    from rich.console import Console

ConfigOption = Annotated[Path, typer.Option("--config", help="The node's TOML configuration.", exists=True)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]
SendOption = Annotated[bool, typer.Option("--send", help="Send transactions. Without it, a dry run.")]


@contextmanager
def user_errors() -> Iterator[None]:
    """End the command with one line on standard error and exit code 1 for an error of its user."""
    try:
        yield
    except CupelError as error:
        typer.echo(f"cupel: {clean(str(error))}", err=True)
        raise typer.Exit(1) from None


@cache
def console(*, err: bool = False) -> "Console":
    """Return what prints tables, on standard error with `err`; as wide as the terminal, if it is one."""
    # No daemon prints any.
    from rich.console import Console

    if err:
        return Console(width=console().width, stderr=True)
    return Console(width=None if sys.stdout.isatty() else 110)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show on a terminal what takes its time, until it is done; nowhere else, and never in a document."""
    from rich.console import Console  # as above

    with Console(stderr=True).status(f"{what} ..."):
        yield


def answer(document: Mapping[str, Any], *lines: str, as_json: bool) -> None:
    """Print what a command found or did: a document, or lines for people."""
    if as_json:
        print_json(document)
    else:
        typer.echo("\n".join(lines))


def progress(*, as_json: bool) -> Callable[[str], None]:
    """Return what prints lines while a command works: beside a document, on standard error."""
    return partial(typer.echo, err=as_json)


def print_json(document: Mapping[str, Any] | list[Any]) -> None:
    """Print a document, and nothing else, on standard output."""
    typer.echo(json.dumps(document, indent=1))
