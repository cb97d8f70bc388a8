"""The ``cupel`` command: one module for each command or group of commands."""

from typing import Final

import typer

from scorer.cli.commands import Commands
from scorer.process import clean_tracebacks, forbid_core_dumps

JOIN: Final = "join"
"""The command that writes the profile which others read."""
app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def protect(context: typer.Context) -> None:
    """Score, stake, attest, and check."""
    forbid_core_dumps()
    clean_tracebacks()
    if context.invoked_subcommand != JOIN:
        _load_profile()


def _load_profile() -> None:
    """Read the profile; imported here, since help needs none of it."""
    from scorer.cli.common import user_errors
    from scorer.cli.profile import load_profile

    with user_errors():
        load_profile()
