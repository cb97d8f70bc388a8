"""``cupel join``: write down once what every other command has to know of a tournament."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from web3.exceptions import Web3Exception

from scorer.chain.bulk import read_view
from scorer.chain.records import Addresses
from scorer.cli.chains import DeploymentOption, EndpointOption, open_suite
from scorer.cli.common import JsonOption, answer, user_errors
from scorer.cli.profile import (
    GATEWAY,
    KEY,
    SERVER,
    ProfileError,
    profile_path,
    read_profile,
    write_profile,
)
from scorer.daemon.deployment_file import read_deployment
from scorer.files import write_whole
from scorer.redaction import remember
from scorer.server.agent_api import RemoteApi
from scorer.server.known_servers import require_contracts
from scorer.server.unsigned import addresses_of
from scorer.server.upstream import Upstream, server_url

ACCEPT = (
    "mutation ($c: String!, $u: String!) { acceptInvitation(code: $c, username: $u) { publicId secretKey } }"
)

WIRED: Final = {
    "numeraire": "token",
    "registry": "registry",
    "committee": "committee",
    "burn_sink": "burnSink",
}
"""The contracts that a tournament names on the chain, and the function that does."""


def join(
    url: Annotated[str, typer.Argument(help="The URL of the tournament's server.")],
    endpoint: EndpointOption = None,
    deployment: DeploymentOption = None,
    keystore: Annotated[
        Path | None, typer.Option(envvar="CUPEL_KEYSTORE", help="Your encrypted key; see cupel wallet.")
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(envvar="CUPEL_PASSWORD_FILE", help="A file with its password.")
    ] = None,
    invitation: Annotated[
        str | None, typer.Option(help="A code that opens an account without a wallet.")
    ] = None,
    username: Annotated[str | None, typer.Option(help="What the new account is called.")] = None,
    another: Annotated[
        bool, typer.Option("--another", help="Replace the profile of another tournament, server or account.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a profile of a tournament, so that other commands need no environment variables.

    It has the server's URL, the addresses of the contracts, your endpoint and keystore, and with --invitation
    the key of a new account. Environment and options stand above it; CUPEL_PROFILE names another file.
    """
    with user_errors():
        path = profile_path()
        if path is None:
            raise ProfileError("CUPEL_PROFILE: expected the path of a profile, found none, and no home")
        if (invitation is None) != (username is None):
            raise ProfileError("expected --invitation and --username together, found one of them")
        joined = _joined(Upstream(server_url(url)), path, deployment, endpoint)
        own = {"CUPEL_RPC_URL": endpoint, "CUPEL_KEYSTORE": keystore, "CUPEL_PASSWORD_FILE": password_file}
        values = joined.earlier(another=another, opens_account=invitation is not None) | {
            SERVER: joined.url,
            "CUPEL_DEPLOYMENT": str(joined.deployment),
            **{name: _text(value) for name, value in own.items() if value is not None},
        }
        joined.write(values)
        if invitation is not None and username is not None:
            joined.write(values | joined.accept(invitation, username))
    _report(joined, as_json=as_json)
    _advise(endpoint, has_own_deployment=deployment is not None)


def _text(value: str | Path) -> str:
    return str(value.resolve()) if isinstance(value, Path) else value


@dataclass(frozen=True)
class _Joined:
    """A tournament that was found at a URL, and where its profile goes.

    Attributes
    ----------
    deployment
        The file of its contracts, beside the profile.
    """

    api: RemoteApi
    addresses: Addresses
    path: Path

    @property
    def deployment(self) -> Path:
        name = f"{self.addresses.chain_id}-{self.addresses.tournament.lower()}.json"
        return (self.path.parent / name).resolve()

    @property
    def url(self) -> str:
        """The server's."""
        return self.api.upstream.url

    def earlier(self, *, another: bool, opens_account: bool) -> dict[str, str]:
        """Return what the profile has so far that holds at this server too.

        An API key is for its own server, and so is a gateway: neither is kept for another one.

        Parameters
        ----------
        another
            Whether the profile may be replaced.
        opens_account
            Whether a key is to be written that takes the place of one.

        Raises
        ------
        ProfileError
            When it is of another tournament, or has a key that would be lost, and may not be replaced.
        """
        found = read_profile(self.path) if self.path.exists() else {}
        is_same = not found or found.get("CUPEL_DEPLOYMENT") == str(self.deployment)
        is_here = is_same and found.get(SERVER) == self.url
        loses_key = KEY[1] in found and (opens_account or not is_here)
        if not another and (loses_key or not is_same):
            what = "the API key of an account, which is shown once" if is_same else "another tournament"
            raise ProfileError(
                f"{self.path}: expected the profile of {self.addresses.tournament} at this server, with no "
                f"API key that would be lost, found {what}; name another file by CUPEL_PROFILE, or replace "
                "this one with --another"
            )
        elsewhere = () if is_here else (*KEY, GATEWAY, SERVER)
        return {name: value for name, value in found.items() if is_same and name not in elsewhere}

    def write(self, values: dict[str, str]) -> None:
        self.deployment.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.deployment, json.dumps(self.addresses.to_json(), indent=1).encode())
        write_profile(self.path, values)

    def accept(self, invitation: str, username: str) -> dict[str, str]:
        """Open an account; its key.

        Raises
        ------
        ProfileError
            When the server gives none.
        """
        made = self.api.ask(ACCEPT, c=invitation, u=username)
        try:
            public_id, secret = str(made["publicId"]), str(made["secretKey"])
        except (KeyError, TypeError):
            raise ProfileError(f"{self.url}: expected the key of an account, found none") from None
        remember(secret)
        return dict(zip(KEY, (public_id, secret), strict=True))


def _joined(upstream: Upstream, path: Path, deployment: Path | None, endpoint: str | None) -> _Joined:
    """Ask a server which tournament it is of, and compare it with what the user has.

    Raises
    ------
    scorer.server.known_servers.ServerChanged
        When the server names other contracts than the user's deployment file, or than at the first time.
    """
    own = None if deployment is None else read_deployment(deployment)
    api = RemoteApi(upstream, None, own)
    joined = _Joined(api, addresses_of(api.tournament()), path)
    if own is None and joined.deployment.exists():
        # The server's word is taken once: what was written down then, or is the user's own, stands above it.
        require_contracts(upstream.url, read_deployment(joined.deployment), joined.addresses)
    if endpoint is not None:
        _require_chain(endpoint, joined.addresses)
    return joined


def _require_chain(endpoint: str, addresses: Addresses) -> None:
    """Refuse addresses at which the user's chain has no tournament, or one of other contracts.

    Raises
    ------
    scorer.chain.endpoint.EndpointError, scorer.daemon.config_errors.ConfigError
        When the endpoint does not answer, is of another chain, or has no contract there.
    ProfileError
        When the tournament names other contracts than the server.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "deployment.json"
        file.write_text(json.dumps(addresses.to_json()))
        functions = open_suite(endpoint, file).tournament.functions
    for name, function in WIRED.items():
        expected = getattr(addresses, name)
        try:
            found = str(read_view(functions[function]()))
        except Web3Exception as error:
            found = type(error).__name__
        if found != expected:
            raise ProfileError(
                f"tournament {addresses.tournament}: expected {name} {expected}, found that the chain names "
                f"{found}; ask the operator elsewhere which is right"
            )


def _report(joined: _Joined, *, as_json: bool) -> None:
    tournament, chain_id = joined.addresses.tournament, joined.addresses.chain_id
    document = {
        "profile": str(joined.path),
        "deployment": str(joined.deployment),
        "server": joined.url,
        "tournament": tournament,
        "chain_id": chain_id,
    }
    line = f"join: {joined.path} is the profile of {tournament} on chain {chain_id}"
    answer(document, line, as_json=as_json)


def _advise(endpoint: str | None, *, has_own_deployment: bool) -> None:
    if not has_own_deployment:
        typer.echo(
            "join: the addresses are the server's word; compare the tournament's with what the operator "
            "announced elsewhere",
            err=True,
        )
    if endpoint is None:
        typer.echo(
            "join: name an endpoint of the chain with --endpoint, to check the server against it", err=True
        )
