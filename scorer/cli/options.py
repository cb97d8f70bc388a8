"""What the commands of data scientists share: options, passwords, and how errors are told."""

import inspect
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from pathlib import Path
from traceback import walk_tb
from typing import Annotated, Any, Concatenate, Final, ParamSpec, Protocol, TypeVar, get_type_hints

import typer
from web3.exceptions import Web3Exception

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import EndpointError, host
from scorer.chain.fees import FeePolicy
from scorer.cli.chains import open_suite
from scorer.cli.common import told
from scorer.client.desk import StakingClient, staking_client
from scorer.client.keystore import KeystoreError, Wallet
from scorer.client.orders import StakingPlanner, address_of
from scorer.client.quotes import POLYGON, fees_of
from scorer.errors import CupelError
from scorer.files import SecretExposed, one_line, read_secret
from scorer.redaction import remember, shown_path

P = ParamSpec("P")


class Options(Protocol):
    """What a command at a chain is given: a dataclass whose fields are options of the command line."""

    @property
    def endpoint(self) -> str:
        """Of the chain."""
        ...


@dataclass(frozen=True, kw_only=True)
class ChainOptions:
    """Which chain and which deployment; how to answer."""

    endpoint: Annotated[str, typer.Option(envvar="CUPEL_RPC_URL", help="An RPC endpoint of the chain.")]
    deployment: Annotated[
        Path,
        typer.Option(
            "--deployment",
            "--manifest",
            envvar="CUPEL_DEPLOYMENT",
            help="deployment.json or manifest.json of the deployment.",
            exists=True,
            dir_okay=False,
        ),
    ]
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False

    def suite(self) -> Suite:
        """The contracts."""
        return open_suite(self.endpoint, self.deployment)


@dataclass(frozen=True, kw_only=True)
class WalletOptions(ChainOptions):
    """And whose key."""

    keystore: Annotated[
        Path, typer.Option(envvar="CUPEL_KEYSTORE", help="Your encrypted key; see cupel wallet.")
    ]
    password_file: Annotated[
        Path | None,
        typer.Option(
            envvar="CUPEL_PASSWORD_FILE", help="A file with its password; without it you are asked."
        ),
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done; do nothing.")] = False

    def wallet(self) -> Wallet:
        """The keystore; the password is asked when it is needed."""
        return Wallet(self.keystore, lambda: password_of(self.password_file, str(self.keystore)))


@dataclass(frozen=True, kw_only=True)
class SendingOptions(WalletOptions):
    """And that something is sent."""

    yes: Annotated[bool, typer.Option("--yes", help="Send without asking.")] = False

    def counter(self) -> StakingPlanner:
        """Where orders of this wallet are made out."""
        return StakingPlanner(self.suite(), self.wallet())

    def fees(self, suite: Suite) -> FeePolicy:
        """What to bid."""
        return fees_of(suite.addresses.chain_id)

    def desk(
        self, counter: StakingPlanner, alarm: Callable[[str, str], None]
    ) -> AbstractContextManager[StakingClient]:
        """Where they are sent, with the journal beside the keystore."""
        return staking_client(counter.suite, counter.wallet, alarm)


O = TypeVar("O", bound=Options)  # noqa: E741 - as P, the name of a parameter of types


def chain_command(kind: type[O]) -> Callable[[Callable[Concatenate[O, P], None]], Callable[..., None]]:
    """Give a command the options of `kind`, gathered in its first parameter, and tell errors in one line."""

    def decorate(command: Callable[Concatenate[O, P], None]) -> Callable[..., None]:
        common = _parameters(kind)
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

        @wraps(command)
        def typed(*args: P.args, **given: P.kwargs) -> None:
            chosen: dict[str, Any] = {each.name: given.pop(each.name) for each in common}
            options = kind(**chosen)
            with told(), answering(options.endpoint):
                command(options, *args, **given)

        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *common)]
        typed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        typed.__annotations__ = {each.name: each.annotation for each in parameters}
        return typed

    return decorate


def _parameters(kind: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if each.default is MISSING else each.default,
            annotation=hints[each.name],
        )
        for each in fields(kind)
    ]


AGAIN: Final = "run the command again: it goes on, and sends nothing twice"


class answering:  # noqa: N801 - used as a context
    """Tell in words when the endpoint stops answering in the middle, or answers nonsense."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, EndpointError):
            raise EndpointError(f"{error}; {AGAIN}") from None
        if error is not None and not isinstance(error, CupelError) and _is_of_endpoint(error):
            found = type(error).__name__
            raise EndpointError(
                f"endpoint {host(self.endpoint)}: expected an answer, found {found}; {AGAIN}"
            ) from None


def _is_of_endpoint(error: BaseException) -> bool:
    """Whether an endpoint is to blame; web3 raises plain errors where an answer is not what it expects."""
    if isinstance(error, Web3Exception):
        return True
    if not isinstance(error, ValueError | TypeError):
        return False
    frames = (frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__))
    return any(str(name).partition(".")[0] == "web3" for name in frames)


def password_of(file: Path | None, what: str, *, twice: bool = False) -> str:
    """A password from a file of one line, or from the terminal, never from the command line.

    Raises
    ------
    scorer.client.keystore.KeystoreError
        When there is neither file nor terminal, or the file cannot be read or has more lines.
    """
    if file is not None:
        try:
            return _remembered(read_secret(file, one_line))
        except SecretExposed as error:
            raise KeystoreError(str(error)) from None
        except OSError as error:
            # A path without a file is not shown, as it may be the password.
            name = shown_path(file) if os.path.lexists(file) else "--password-file"
            raise KeystoreError(f"{name}: expected a password, found {error.strerror or 'no file'}") from None
        except ValueError as error:
            raise KeystoreError(f"{shown_path(file)}: {error}") from None
    if not sys.stdin.isatty():
        raise KeystoreError(f"{what}: expected --password-file or a terminal to ask at, found neither")
    typed: str = typer.prompt(f"Password of {what}", hide_input=True, confirmation_prompt=twice, err=True)
    return _remembered(typed)


def _remembered(password: str) -> str:
    remember(password)
    return password


def coin_of(suite: Suite) -> str:
    """What gas is paid with."""
    return "POL" if suite.addresses.chain_id in POLYGON else "ETH"


def print_json(document: Mapping[str, Any] | list[Any]) -> None:
    """Print a document, and nothing else, on standard output."""
    typer.echo(json.dumps(document, indent=1))


def own_address(wallet: Wallet, text: str | None, what: str) -> str:
    """The address that was typed, or the wallet's own where none was."""
    return wallet.address if text is None else address_of(text, what)
