"""The commands by name. A command's module is imported when it runs: importing all of them takes seconds."""

import gc
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any, Final

import typer
from typer import core
from typer.core import TyperGroup
from typer.main import get_command, get_group

from scorer.redaction import censored

COMMANDS: Final = {
    "demo": (
        "lab.cli.demo:demo",
        "Settle a year of weekly rounds on real market data, on a local chain, and verify every one.",
    ),
    "verify": (
        "cli.verify:verify",
        "Recompute a round from its bundle, and name the first thing that differs.",
    ),
    "prove": (
        "cli.prove:prove",
        "Say whether the accepted report of a round is wrong, and with --send prove it to the court.",
    ),
    "watch": (
        "cli.prove:watch",
        "Check every accepted report that is not final yet, and with --send prove those that are wrong.",
    ),
    "demand": (
        "cli.demand:demand",
        "Say which models of a round are drawn to show their predictions, and with --send draw and demand "
        "them.",
    ),
    "answer": (
        "cli.demand:answer",
        "Say whether a model's predictions are demanded, and with --send show them, so that it is paid.",
    ),
    "explain": ("cli.explain:explain", "Take apart what a model earned in a round, to the last nano-NMR."),
    "statement": (
        "cli.explain:statement",
        "Write what models earned, round by round, as CSV: amounts and reasons, dates and transactions.",
    ),
    "leaderboard": (
        "cli.leaderboard:leaderboard",
        "Rank models, or the accounts that own them, over many rounds.",
    ),
    "simulate": (
        "lab.cli.simulate:simulate",
        "Take many data scientists through hundreds of rounds under a rules document, without a chain.",
    ),
    "rounds": (
        "cli.rounds:rounds",
        "List rounds with their times (UTC), the stake at risk and the payout factor, newest first.",
    ),
    "submit": (
        "cli.submit:submit",
        "Check a submission as the operator will, encrypt and sign it, and write it into the inbox.",
    ),
    "join": (
        "cli.join:join",
        "Write a profile of a tournament, so that other commands need no environment variables.",
    ),
    "use": (
        "cli.use:use",
        "Say once which tournament, files and key all commands use; without arguments, say what is in force.",
    ),
    "doctor": (
        "cli.doctor:doctor",
        "Check all that commands depend on, with a line for each and what to do.",
    ),
    "wallet": ("cli.wallet:app", "Keep the key of a data scientist."),
    "model": ("cli.model:app", "Register models, and say who owns and signs."),
    "stake": ("cli.stake:app", "Deposit, withdraw, and put stake at risk."),
    "oracle": ("cli.oracle:app", "Work as a member of the oracle committee."),
    "operator": ("cli.operator:app", "Work as the operator of a tournament."),
    "rules": ("cli.rules:app", "Check rules documents."),
    "data": ("cli.data:app", "Build data sets from raw prices, and rebuild targets."),
    "submission": ("cli.submission:app", "Prepare submissions."),
    "diagnose": (
        "cli.diagnose:diagnose",
        "Score validation predictions era by era, and say what they rest on and what they were without it.",
    ),
    "consensus": ("cli.consensus:app", "Show, check and prove consensus documents of rounds."),
    "record": ("cli.record:record", "Write a model's record as one file, or check one with the chain alone."),
    "agent": ("cli.agent:app", "Run an agent that follows consensus documents within limits."),
    "bridge": ("cli.bridge:app", "Carry the token, burns and results between two chains."),
    "deployment": ("cli.deployment:app", "Deploy a suite, and check that it is as it should be."),
    "server": ("cli.server:app", "Run the server of a tournament, for numerapi and other clients."),
    "gateway": (
        "cli.gateway:gateway",
        "Speak a server's API on this machine, and encrypt and sign what is submitted.",
    ),
    "compute": (
        "cli.compute:app",
        "Run models in a sandbox when rounds open, and submit what they predict.",
    ),
    "mcp": (
        "cli.mcp:mcp",
        "Offer a tournament's tools to an agent on this machine: the Model Context Protocol over stdio.",
    ),
    "devnet": ("lab.cli.devnet:app", "Run a whole tournament on a local chain."),
}
"""The module and attribute of each command or group in ``scorer``, and a line that says what it does."""
ADDED: Final = {
    "oracle": {
        "latency": "cli.latency:latency",
        "challenge": "cli.committee:challenge",
        "remove-absent": "cli.committee:remove_absent",
        "bond": "cli.bond:app",
        "encryption-key": "cli.encryption_key:app",
        "drill": "lab.cli.drill:drill",
    }
}
"""Further commands of a group, by group and name: what no daemon needs to import, and what is of the lab."""
OTHER_NAMES: Final = {
    "--rpc": "--endpoint",
    "--rpc-url": "--endpoint",
    "--url": "--endpoint",
    "--node": "--endpoint",
    "--wallet": "--keystore",
    "--key-file": "--keystore",
    "--password": "--password-file",
    "--address": "--owner",
}
"""Names under which other tools have our options."""
_NEGATIVE: Final = re.compile(r"-[0-9.]")
_WRONG_USE: Final[Any] = typer.BadParameter.__mro__[2]
"""The base of typer's errors about a command line; it has no public name of its own."""
_COMPLETION: Final[Any] = vars(core)["CompletionItem"]
"""A word that completes what was typed; typer keeps it to itself too."""


def load(name: str) -> Any:
    """Import a command or a group of them."""
    command = _imported(name, COMMANDS[name][0])
    if name in ADDED:
        there = {own: partial(command.commands.get, own) for own in command.commands}
        added = {other: partial(_imported, other, place) for other, place in ADDED[name].items()}
        command.commands = _Lazy(there | added)
    return command


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile, nor ever in what was made: modules live as long as the process."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def _imported(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    with _uncollected():
        definition = getattr(import_module(f"scorer.{module}"), attribute)
    if isinstance(definition, typer.Typer):
        command: Any = get_group(definition)
    else:
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command()(definition)
        command = get_command(alone)
    command.name = name
    return command


@contextmanager
def _censoring() -> Iterator[None]:
    """Censor possible secrets in errors about a command line: people type a key where its file belongs."""
    try:
        yield
    except _WRONG_USE as error:
        error.message = censored(error.message) + _advice(error)
        raise


def _advice(error: Any) -> str:
    """Say what was meant by words that a shell or a habit turned into something else."""
    option = str(getattr(error, "option_name", ""))
    if option in OTHER_NAMES:
        error.possibilities = [OTHER_NAMES[option]]
    elif _NEGATIVE.match(option):
        return "; a number cannot be negative here: to take stake out, see cupel stake withdraw"
    if error.message.endswith("argument(s) (%)"):
        return "; write a share in one word, such as 40%"
    return ""


class _Lazy(Mapping[str, Any]):
    """Commands by name, each imported when it is asked for."""

    def __init__(self, loaders: Mapping[str, Callable[[], Any]]) -> None:
        self._loaders = loaders

    def __getitem__(self, name: str) -> Any:
        return self._loaders[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)


class Commands(TyperGroup):
    """The outermost group; says what is wrong with any command line without the secrets in it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands: Any = _Lazy({name: partial(load, name) for name in COMMANDS})

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is click's
        """Names in the order in which help shows them."""
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the signature is click's
        """List the commands from the table, so that help imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_, help_) in COMMANDS.items()])

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Complete a command's name from the table, so that none is imported; options as click does."""
        if incomplete.startswith("-"):
            return list(super().shell_complete(ctx, incomplete))
        return [
            _COMPLETION(name, help=help_)
            for name, (_, help_) in COMMANDS.items()
            if name.startswith(incomplete)
        ]

    def make_context(self, *args: Any, **given: Any) -> Any:
        """Read the group's own options."""
        with _censoring():
            return super().make_context(*args, **given)

    def invoke(self, ctx: Any) -> Any:
        """Read the rest of the command line, and run the command."""
        with _censoring():
            return super().invoke(ctx)
