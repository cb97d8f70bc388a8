"""What every command shares: the console, common options, and how an error is told."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from typer.core import TyperGroup

from scorer.chain.endpoint import EndpointError
from scorer.chain.journal import JournalError
from scorer.chain.logs import IncompleteLogs
from scorer.chain.sender import Reverted
from scorer.chain.signers import SignerError
from scorer.config import ConfigError
from scorer.files import FolderInUse
from scorer.isolation import IsolationUnavailable
from scorer.oracle.daemon import UnknownTournament
from scorer.oracle.loop import UnknownVersion
from scorer.redaction import censored, clean
from scorer.rounds.evaluation import InputsMismatch
from scorer.rounds.explain import NotInRound
from scorer.rounds.rules import RulesError
from scorer.rounds.submission_table import SubmissionRefused
from scorer.staking.amounts import AmountError
from scorer.staking.desk import NotMined
from scorer.staking.keystore import KeystoreError
from scorer.staking.orders import StakingRefused
from scorer.staking.quotes import CannotPay
from scorer.store.bundle import BundleError

console = Console(width=None if sys.stdout.isatty() else 110)

EXPECTED = (
    AmountError,
    BundleError,
    CannotPay,
    ConfigError,
    EndpointError,
    FolderInUse,
    InputsMismatch,
    IncompleteLogs,
    IsolationUnavailable,
    JournalError,
    KeystoreError,
    NotInRound,
    NotMined,
    Reverted,
    RulesError,
    SignerError,
    StakingRefused,
    SubmissionRefused,
    UnknownTournament,
    UnknownVersion,
)
"""Errors that tell a user what to do; any other is a defect and shows its traceback."""
ConfigOption = Annotated[Path, typer.Option("--config", help="The node's TOML configuration.", exists=True)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]
SendOption = Annotated[bool, typer.Option("--send", help="Send transactions. Without it, a dry run.")]


@contextmanager
def told() -> Iterator[None]:
    """End with one line on standard error where an error is the user's to mend."""
    try:
        yield
    except EXPECTED as error:
        typer.echo(f"cupel: {clean(str(error))}", err=True)
        raise typer.Exit(1) from None


_WRONG_USE: Final[Any] = typer.BadParameter.__mro__[2]
"""What typer raises for whatever is wrong with a command line; it has no public name of its own."""


@contextmanager
def _censoring() -> Iterator[None]:
    """Repeat nothing of a command line that may be a secret: people type a key where its file belongs."""
    try:
        yield
    except _WRONG_USE as error:
        error.message = censored(error.message)
        raise


class CensoredGroup(TyperGroup):
    """The outermost group of commands: what is wrong with any command line is told without secrets."""

    def make_context(self, *args: Any, **given: Any) -> Any:
        """Read the group's own options."""
        with _censoring():
            return super().make_context(*args, **given)

    def invoke(self, ctx: Any) -> Any:
        """Read the rest of the command line, and run the command."""
        with _censoring():
            return super().invoke(ctx)
