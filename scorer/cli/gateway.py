"""``cupel gateway``: sign what unchanged clients submit."""

from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from scorer.cli.common import user_errors
from scorer.cli.numbers import whole
from scorer.cli.options import password_of
from scorer.client.keystore import Wallet
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.deployment_file import read_deployment
from scorer.server.gateway import Gateway, gateway_application
from scorer.server.upstream import Upstream


def gateway(
    server: Annotated[str, typer.Argument(envvar="CUPEL_URL", help="The URL of the tournament's server.")],
    keystore: Annotated[
        Path, typer.Option(envvar="CUPEL_KEYSTORE", help="The submitter's encrypted key; see cupel wallet.")
    ],
    password_file: Annotated[
        Path | None, typer.Option(envvar="CUPEL_PASSWORD_FILE", help="A file with its password.")
    ] = None,
    port: Annotated[int, typer.Option(parser=whole(1, 65_535), help="Where clients reach it.")] = 8777,
    receipts: Annotated[Path, typer.Option(help="Where receipts are kept.")] = Path("receipts"),
    deployment: Annotated[
        Path | None,
        typer.Option(envvar="CUPEL_DEPLOYMENT", help="Sign for this deployment alone.", exists=True),
    ] = None,
) -> None:
    """Speak a server's API on this machine, and sign what is submitted with the key of a keystore.

    Clients use http://127.0.0.1:8777, or what --port makes of it, as their base URL.
    """
    url = f"http://127.0.0.1:{port}"
    with user_errors():
        wallet = Wallet(keystore, lambda: password_of(password_file, str(keystore)))
        made = Gateway(Upstream(server.rstrip("/")), wallet, url, receipts)
        found = made.tournament["tournament"]
        if deployment is not None and read_deployment(deployment).tournament != found:
            raise ConfigError(f"{server}: expected the tournament of {deployment}, found {found}")
        typer.echo(f"gateway: {url} signs as {wallet.account.address} for {found}")
    uvicorn.run(gateway_application(made), host="127.0.0.1", port=port, log_level="warning")
