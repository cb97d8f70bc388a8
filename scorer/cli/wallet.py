"""``cupel wallet``: make, import and show keys of data scientists."""

from pathlib import Path
from typing import Annotated, Any

import typer

from scorer.cli.chains import DeploymentOption, EndpointOption, chain_of
from scorer.cli.common import JsonOption, answer, user_errors
from scorer.cli.options import endpoint_errors, password_of
from scorer.client.keystore import Wallet, new_key, read_key, refuse_existing, write_keystore
from scorer.client.quotes import coin_of
from scorer.client.stakes import holdings, latest_block
from scorer.units import coins_text

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

KeystoreOption = Annotated[Path, typer.Option(envvar="CUPEL_KEYSTORE", help="The encrypted key's file.")]
PasswordFileOption = Annotated[
    Path | None,
    typer.Option(envvar="CUPEL_PASSWORD_FILE", help="A file with its password; without it you are asked."),
]


@app.command("new")
def new(
    keystore: KeystoreOption, password_file: PasswordFileOption = None, as_json: JsonOption = False
) -> None:
    """Make a new key, encrypted in a new file that only you may read. Keep a copy of it, and its password."""
    with user_errors():
        refuse_existing(keystore)
        _write(keystore, new_key(), password_file, as_json=as_json)


@app.command("import")
def import_key(
    file: Annotated[Path, typer.Argument(help="A file with a private key in hex.", exists=True)],
    keystore: KeystoreOption,
    password_file: PasswordFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Encrypt a key that you have into a new file. The file it came from stays: remove it."""
    with user_errors():
        refuse_existing(keystore)
        _write(keystore, read_key(file), password_file, as_json=as_json)


@app.command("show")
def show(
    keystore: KeystoreOption,
    as_json: JsonOption = False,
    endpoint: EndpointOption = None,
    deployment: DeploymentOption = None,
) -> None:
    """Print a key's address, and with a chain what it has there. Asks for no password."""
    with user_errors(), endpoint_errors(endpoint or ""), chain_of(endpoint, deployment, None) as suite:
        address = Wallet(keystore, lambda: password_of(None, str(keystore))).address
        document: dict[str, Any] = {"address": address, "keystore": str(keystore)}
        lines = [address]
        if suite is not None:
            held = holdings(suite, address, latest_block(suite).number)
            coins, tokens = coins_text(held.coins), coins_text(held.tokens)
            document |= {"chain_id": suite.addresses.chain_id, "coins": coins, "nmr": tokens}
            lines += [f"{coins} {coin_of(suite.addresses.chain_id)}", f"{tokens} NMR"]
    answer(document, *lines, as_json=as_json)


def _write(keystore: Path, key: bytes, password_file: Path | None, *, as_json: bool) -> None:
    password = password_of(password_file, str(keystore), twice=True)
    address = write_keystore(keystore, key, password)
    document = {"address": address, "keystore": str(keystore)}
    answer(document, address, f"key in {keystore}", as_json=as_json)
