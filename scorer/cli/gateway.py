"""``cupel gateway``: encrypt and sign what unchanged clients submit."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from scorer.cli.chains import DeploymentOption, EndpointOption, open_suite
from scorer.cli.common import user_errors
from scorer.cli.numbers import whole
from scorer.cli.options import wallet_of
from scorer.cli.profile import SERVER, known_keys
from scorer.daemon.deployment_file import read_deployment
from scorer.server.gateway import Gateway
from scorer.server.gateway_proof import HOST
from scorer.server.gateway_routes import gateway_application
from scorer.server.signing_rounds import OwnConfiguration
from scorer.server.upstream import Upstream, server_url
from scorer.server.web_process import serve_until_ended


def gateway(
    server: Annotated[str, typer.Argument(envvar=SERVER, help="The URL of the tournament's server.")],
    keystore: Annotated[
        Path, typer.Option(envvar="CUPEL_KEYSTORE", help="The submitter's encrypted key; see cupel wallet.")
    ],
    password_file: Annotated[
        Path | None, typer.Option(envvar="CUPEL_PASSWORD_FILE", help="A file with its password.")
    ] = None,
    port: Annotated[int, typer.Option(parser=whole(1, 65_535), help="Where clients reach it.")] = 8777,
    receipts: Annotated[Path, typer.Option(help="Where receipts are kept.")] = Path("receipts"),
    deployment: DeploymentOption = None,
    endpoint: EndpointOption = None,
    published: Annotated[
        Path | None,
        typer.Option(help="Your own copy of what the operator publishes, for the server's.", exists=True),
    ] = None,
    in_the_clear: Annotated[
        bool,
        typer.Option(
            "--in-the-clear",
            help="Send files unencrypted, where a round's rules say that all are.",
        ),
    ] = False,
) -> None:
    """Speak a server's API on this machine, and encrypt and sign what is submitted.

    Clients use http://127.0.0.1:8777, or what --port makes of it, as their base URL. With --deployment and
    --endpoint, what is signed is checked against the chain, and encrypted to the members' keys that stand
    there; without them the server's word is taken for both.
    """
    url = f"http://{HOST}:{port}"
    with user_errors():
        wallet = wallet_of(keystore, password_file)
        upstream = Upstream(server_url(server))
        own = replace(
            _own_configuration(deployment, endpoint, published),
            in_the_clear=in_the_clear,
            foreign_secrets=_foreign_secrets(upstream.url),
        )
        made = Gateway(upstream, wallet, url, receipts, own)
        found = made.identity
        typer.echo(f"gateway: {url} signs as {wallet.account.address} for {found.tournament}")
        if own.suite is None:
            typer.echo(
                f"gateway: takes the server's word for {found.tournament} of chain {found.chain_id}, its "
                "rounds, and the members' keys that predictions are encrypted to: a server that names keys "
                "of its own reads them; name --deployment and --endpoint to take all that from the chain",
                err=True,
            )
        if in_the_clear:
            typer.echo("gateway: sends predictions unencrypted to rounds in the clear", err=True)
    serve_until_ended(gateway_application(made), host=HOST, port=port)


def _foreign_secrets(server: str) -> tuple[str, ...]:
    """Return the secrets of API keys that are known here for another server."""
    return tuple(key.secret for key in known_keys() if not key.is_for(server))


def _own_configuration(
    deployment: Path | None, endpoint: str | None, published: Path | None
) -> OwnConfiguration:
    if deployment is None:
        return OwnConfiguration(published=published)
    addresses = read_deployment(deployment)
    suite = None if endpoint is None else open_suite(endpoint, deployment)
    return OwnConfiguration(addresses, suite, published)
