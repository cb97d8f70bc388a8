"""``cupel mcp``: tools for an agent on this machine, over stdio."""

from pathlib import Path
from typing import Annotated, Any

import typer

from scorer.cli.chains import DeploymentOption
from scorer.cli.common import user_errors
from scorer.cli.profile import GATEWAY, SERVER, known_keys
from scorer.client.keystore import KeystoreError, Wallet
from scorer.daemon.deployment_file import read_deployment
from scorer.redaction import host
from scorer.server.agent_api import RemoteApi
from scorer.server.agent_local import LocalFiles
from scorer.server.errors import ApiError
from scorer.server.gateway_proof import GatewayIdentity, LocalGateway
from scorer.server.known_servers import KnownServers
from scorer.server.signing_rounds import OwnConfiguration, RoundReader
from scorer.server.upstream import Upstream, server_url


def mcp(
    server: Annotated[str, typer.Argument(envvar=SERVER, help="The URL of the tournament's server.")],
    deployment: DeploymentOption = None,
    gateway: Annotated[
        str | None,
        typer.Option(
            envvar=GATEWAY,
            help="The URL of your gateway; with it the agent may submit files that you show it.",
        ),
    ] = None,
    keystore: Annotated[
        Path | None,
        typer.Option(
            envvar="CUPEL_KEYSTORE",
            help="The keystore of your gateway, of which the address is read and nothing else.",
        ),
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="Where rounds' files, and what is known of servers, are kept.")
    ] = Path("receipts"),
) -> None:
    """Offer a tournament's tools to an agent on this machine: the Model Context Protocol over stdio.

    Public tools need no key. With NUMERAI_PUBLIC_ID and NUMERAI_SECRET_KEY in the environment, or the key of
    the profile at the profile's own server, it also reads your account. Transactions and typed data for your
    wallet name the contracts of --deployment, never those that a server names alone. It never has a key of a
    wallet: with --gateway it can submit, after a preview and a confirmation, what your gateway then encrypts
    and signs.
    """
    with user_errors():
        upstream = Upstream(server_url(server))
        api = RemoteApi(
            upstream,
            _authorization(upstream.url),
            None if deployment is None else read_deployment(deployment),
        )
        signer = None if gateway is None else _address(keystore)
        made = _server(api, folder, gateway, signer)
    made.run("stdio")


def _address(keystore: Path | None) -> str:
    """Return the address that a keystore states."""
    if keystore is None:
        raise ApiError(
            "--gateway: expected --keystore beside it, by whose address your gateway is known, found none"
        )
    return Wallet(keystore, _no_password).address


def _no_password() -> str:
    raise KeystoreError("--keystore: expected one that states its address, as cupel wallet writes it")


def _server(api: RemoteApi, folder: Path, gateway: str | None, signer: str | None) -> Any:
    try:
        from scorer.server.agent_server import agent_server
    except ModuleNotFoundError:
        raise ApiError(
            "mcp: expected the package mcp, found none; install it with pip install 'cupel[mcp]'"
        ) from None
    upstream = api.upstream
    number, identity = int(api.tournament()["number"]), upstream.identity()
    KnownServers(folder / "servers.json").require(upstream.url, identity, api.own)
    rounds = RoundReader(upstream, identity, OwnConfiguration(api.own), folder / "rounds")
    own = None
    if gateway is not None and signer is not None:
        own = LocalGateway.of(GatewayIdentity(*identity.place, upstream.url, gateway.rstrip("/"), signer))
    files = LocalFiles(rounds, number, own, api.authorization)
    return agent_server(lambda _: api, files.tools())


def _authorization(server: str) -> str | None:
    """Return the header with the API key that may be sent to a server; None without one."""
    keys = known_keys()
    if not keys:
        return None
    key = keys[0]
    if key.is_for(server):
        return key.authorization
    typer.echo(
        f"mcp: your API key is for {host(key.server or '')}, and is not sent to another server; for a key of "
        "this one, set NUMERAI_PUBLIC_ID and NUMERAI_SECRET_KEY, or CUPEL_PROFILE",
        err=True,
    )
    return None
