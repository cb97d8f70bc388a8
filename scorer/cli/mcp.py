"""``cupel mcp``: tools for an agent on this machine, over stdio."""

import os
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from scorer.cli.common import user_errors
from scorer.redaction import remember
from scorer.server.agent_api import RemoteApi
from scorer.server.agent_local import LocalFiles
from scorer.server.errors import ApiError
from scorer.server.known_servers import KnownServers
from scorer.server.signing_rounds import OwnConfiguration, RoundReader
from scorer.server.upstream import Upstream

KEYS: Final = ("NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY")


def mcp(
    server: Annotated[str, typer.Argument(envvar="CUPEL_URL", help="The URL of the tournament's server.")],
    gateway: Annotated[
        str | None,
        typer.Option(
            envvar="CUPEL_GATEWAY",
            help="The URL of your gateway; with it the agent may submit files that you show it.",
        ),
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="Where rounds' files, and what is known of servers, are kept.")
    ] = Path("receipts"),
) -> None:
    """Offer a tournament's tools to an agent on this machine: the Model Context Protocol over stdio.

    Public tools need no key. With NUMERAI_PUBLIC_ID and NUMERAI_SECRET_KEY in the environment it also reads
    your account. It never has a key of a wallet: with --gateway it can submit, after a preview and a
    confirmation, what your gateway then encrypts and signs.
    """
    with user_errors():
        made = _server(Upstream(server.rstrip("/")), gateway, folder)
    made.run("stdio")


def _server(upstream: Upstream, gateway: str | None, folder: Path) -> Any:
    try:
        from scorer.server.agent_server import agent_server
    except ModuleNotFoundError:
        raise ApiError(
            "mcp: expected the package mcp, found none; install it with pip install 'cupel[mcp]'"
        ) from None
    api = RemoteApi(upstream, _authorization())
    identity, number = upstream.identity(), int(api.tournament()["number"])
    KnownServers(folder / "servers.json").require(upstream.url, identity, None)
    rounds = RoundReader(upstream, identity, OwnConfiguration(), folder / "rounds")
    own = None if gateway is None else Upstream(gateway.rstrip("/"))
    files = LocalFiles(rounds, number, own, api.authorization)
    return agent_server(lambda _: api, submits=False, more=files.tools())


def _authorization() -> str | None:
    """Return the header with the key that the environment has; None without one."""
    public_id, secret = (os.environ.get(name) for name in KEYS)
    if not public_id or not secret:
        return None
    remember(secret)
    return f"Token {public_id}${secret}"
