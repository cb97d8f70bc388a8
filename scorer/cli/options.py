"""Options that commands at a chain share, passwords, addresses, and errors of endpoints."""

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from functools import cached_property, partial, wraps
from pathlib import Path
from traceback import walk_tb
from typing import Annotated, Any, Concatenate, Final, ParamSpec, Protocol, TypeVar, get_type_hints

import typer
from web3 import Web3
from web3.exceptions import Web3Exception

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import EndpointError, host
from scorer.cli.chains import open_suite
from scorer.cli.common import user_errors
from scorer.cli.sending import SendContext
from scorer.client.actions import ActionRefused, ClientAccount
from scorer.client.keystore import KeystoreError, Wallet
from scorer.client.quotes import fees_of
from scorer.client.staking_client import staking_client
from scorer.errors import CupelError, cause_text
from scorer.files import SecretExposed, one_line, read_secret
from scorer.redaction import remember, shown, shown_path

P = ParamSpec("P")


class Options(Protocol):
    """The options of a command at a chain: a dataclass whose fields are options of the command line."""

    @property
    def endpoint(self) -> str:
        """The endpoint of the chain."""
        ...


@dataclass(frozen=True, kw_only=True)
class ChainOptions:
    """Options that name the chain and the deployment, and the form of the answer."""

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

    @cached_property
    def suite(self) -> Suite:
        """The contracts of the deployment."""
        return open_suite(self.endpoint, self.deployment)


@dataclass(frozen=True, kw_only=True)
class WalletOptions(ChainOptions):
    """Adds the options that name the keystore."""

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

    @cached_property
    def wallet(self) -> Wallet:
        """The keystore; the password is asked for when it is needed."""
        return wallet_of(self.keystore, self.password_file)


@dataclass(frozen=True, kw_only=True)
class SendingOptions(WalletOptions):
    """Adds the option of a command that sends transactions."""

    yes: Annotated[bool, typer.Option("--yes", help="Send without asking.")] = False

    def sending(self) -> SendContext:
        """Return the context in which the keystore's account sends, with the journal beside the keystore.

        With a file of the password, the keystore is opened at once: a wrong one is said before anything else.
        """
        if self.password_file is not None and not self.dry_run:
            self.wallet.account  # noqa: B018 - it raises
        account = ClientAccount(self.suite, self.wallet.address, self.wallet)
        return SendContext(
            account,
            fees_of(self.suite.addresses.chain_id),
            partial(staking_client, self.suite, self.wallet),
            as_json=self.as_json,
            dry_run=self.dry_run,
            yes=self.yes,
        )


O = TypeVar("O", bound=Options)  # noqa: E741 - as P, the name of a parameter of types


def chain_command(kind: type[O]) -> Callable[[Callable[Concatenate[O, P], None]], Callable[..., None]]:
    """Give a command the options of `kind`, passed as its first argument, and report errors in one line."""

    def decorate(command: Callable[Concatenate[O, P], None]) -> Callable[..., None]:
        common = _parameters(kind)
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

        @wraps(command)
        def typed(*args: P.args, **given: P.kwargs) -> None:
            chosen: dict[str, Any] = {option.name: given.pop(option.name) for option in common}
            options = kind(**chosen)
            with user_errors(), endpoint_errors(options.endpoint):
                command(options, *args, **given)

        # typer reads the command line from a signature: this one has the fields of `kind` in place of it.
        parameters = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in (*own, *common)]
        typed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        typed.__annotations__ = {option.name: option.annotation for option in parameters}
        return typed

    return decorate


def _parameters(kind: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(kind)
    ]


TRIES: Final = 3
"""Times that a password is asked for at a terminal."""
WRONG: Final = "That is not the password."
AGAIN: Final = "run the command again: it goes on, and sends nothing twice"


@contextmanager
def endpoint_errors(endpoint: str) -> Iterator[None]:
    """Raise `EndpointError` when an endpoint stops answering in the middle, or answers nonsense."""
    try:
        yield
    except EndpointError as error:
        raise EndpointError(f"{error}; {AGAIN}") from None
    except CupelError:
        raise  # some are ValueErrors too, and not of the endpoint
    except (Web3Exception, ValueError, TypeError) as error:
        if not _is_of_endpoint(error):
            raise
        raise EndpointError(
            f"endpoint {host(endpoint)}: expected an answer, found {cause_text(error)}; {AGAIN}"
        ) from None


def _is_of_endpoint(error: Exception) -> bool:
    """Return True for web3's own errors, and for plain ones that an unexpected answer raises inside web3."""
    if isinstance(error, Web3Exception):
        return True
    frames = (frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__))
    return any(str(name).partition(".")[0] == "web3" for name in frames)


def wallet_of(keystore: Path, password_file: Path | None) -> Wallet:
    """Return a keystore whose password is in a file, or asked for when it is needed, up to three times."""
    if password_file is not None:
        return Wallet(keystore, lambda: password_of(password_file, str(keystore)))
    asked = iter(("Password of", *[f"{WRONG} Password of"] * (TRIES - 1)))
    return Wallet(keystore, lambda: password_of(None, str(keystore), words=next(asked)), TRIES)


def password_of(file: Path | None, subject: str, *, twice: bool = False, words: str = "Password of") -> str:
    """Read a password from a file of one line, or from the terminal, never from the command line.

    Parameters
    ----------
    subject
        The keystore that it opens, named in the prompt and in errors.

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
        raise KeystoreError(f"{subject}: expected --password-file or a terminal to ask at, found neither")
    typed: str = typer.prompt(f"{words} {subject}", hide_input=True, confirmation_prompt=twice, err=True)
    return _remembered(typed)


def _remembered(password: str) -> str:
    remember(password)
    return password


def address_of(text: str, option: str) -> str:
    """Read an address; one without a right checksum is refused, as a wrong digit loses what is sent.

    Raises
    ------
    scorer.client.actions.ActionRefused
        When it is no address, or its checksum is wrong or missing.
    """
    if Web3.is_checksum_address(text):
        return text
    hint = "; its checksum is wrong or missing" if Web3.is_address(text.lower()) else ""
    raise ActionRefused(
        f"{option}: expected an address with its checksum (EIP-55), found {shown(text)}{hint}"
    )
