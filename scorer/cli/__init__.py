"""The ``cupel`` command: one module for each command or group of commands."""

from typing import Annotated, Final

import typer

from scorer import __version__
from scorer.cli.commands import Commands
from scorer.process import clean_tracebacks, forbid_core_dumps

WRITERS: Final = ("join", "use")
"""The commands that write the profile which others read."""
app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cupel {__version__}")
        raise typer.Exit


@app.callback()
def protect(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback prints it
        bool, typer.Option("--version", help="Print the version.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Score, stake, attest, and check."""
    forbid_core_dumps()
    clean_tracebacks()
    if context.invoked_subcommand not in WRITERS:
        _load_profile()


def _load_profile() -> None:
    """Read the profile; imported here, since help needs none of it."""
    from scorer.cli.common import user_errors
    from scorer.cli.profile import load_profile

    with user_errors():
        load_profile()
