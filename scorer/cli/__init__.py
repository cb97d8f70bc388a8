"""The ``cupel`` command: one module for each command or group of commands."""

import typer

from scorer.cli.commands import Commands
from scorer.process import clean_tracebacks, forbid_core_dumps

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def protect() -> None:
    """Score, stake, attest, and check."""
    forbid_core_dumps()
    clean_tracebacks()
