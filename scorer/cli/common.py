"""What every command shares: the console, common options, and how an error is told."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from scorer.chain.endpoint import EndpointError
from scorer.chain.journal import JournalError
from scorer.chain.logs import IncompleteLogs
from scorer.chain.sender import Reverted
from scorer.chain.signers import SignerError
from scorer.config import ConfigError
from scorer.files import FolderInUse
from scorer.oracle.daemon import UnknownTournament
from scorer.oracle.loop import UnknownVersion
from scorer.redaction import clean
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
