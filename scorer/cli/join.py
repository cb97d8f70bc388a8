"""``cupel join``: write down once what every other command has to know of a tournament."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from scorer.chain.records import Addresses
from scorer.cli.chains import DeploymentOption, EndpointOption, open_suite
from scorer.cli.common import user_errors
from scorer.cli.profile import ProfileError, profile_path, read_profile, write_profile
from scorer.daemon.deployment_file import read_deployment
from scorer.files import write_whole
from scorer.redaction import remember
from scorer.server.agent_api import RemoteApi
from scorer.server.known_servers import ServerIdentity
from scorer.server.unsigned import addresses_of
from scorer.server.upstream import Upstream

ACCEPT = (
    "mutation ($c: String!, $u: String!) { acceptInvitation(code: $c, username: $u) { publicId secretKey } }"
)


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
        bool, typer.Option("--another", help="Replace the profile of another tournament.")
    ] = False,
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
        joined = _joined(Upstream(url.rstrip("/")), path, deployment, endpoint)
        own = {"CUPEL_RPC_URL": endpoint, "CUPEL_KEYSTORE": keystore, "CUPEL_PASSWORD_FILE": password_file}
        values = joined.earlier(another=another) | {
            "CUPEL_URL": joined.api.upstream.url,
            "CUPEL_DEPLOYMENT": str(joined.deployment),
            **{name: _text(value) for name, value in own.items() if value is not None},
        }
        joined.write(values)
        if invitation is not None and username is not None:
            joined.write(values | joined.accept(invitation, username))
    _report(joined, endpoint, has_own_deployment=deployment is not None)


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
    identity: ServerIdentity
    addresses: Addresses
    path: Path

    @property
    def deployment(self) -> Path:
        name = f"{self.addresses.chain_id}-{self.addresses.tournament.lower()}.json"
        return (self.path.parent / name).resolve()

    def earlier(self, *, another: bool) -> dict[str, str]:
        """Return what the profile has so far, which must be of this tournament.

        Raises
        ------
        ProfileError
            When it is of another one, and that is not to be replaced.
        """
        if not self.path.exists():
            return {}
        found = read_profile(self.path)
        if found.get("CUPEL_DEPLOYMENT") == str(self.deployment):
            return found
        if not another:
            raise ProfileError(
                f"{self.path}: expected the profile of {self.addresses.tournament}, found that of another "
                "tournament; replace it with --another, or name another file by CUPEL_PROFILE"
            )
        return {}

    def write(self, values: dict[str, str]) -> None:
        self.deployment.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.deployment, json.dumps(self.addresses.to_json(), indent=1).encode())
        write_profile(self.path, values)

    def accept(self, invitation: str, username: str) -> dict[str, str]:
        """Open an account; its key."""
        made: dict[str, Any] = self.api.ask(ACCEPT, c=invitation, u=username)
        remember(str(made["secretKey"]))
        return {"NUMERAI_PUBLIC_ID": str(made["publicId"]), "NUMERAI_SECRET_KEY": str(made["secretKey"])}


def _joined(upstream: Upstream, path: Path, deployment: Path | None, endpoint: str | None) -> _Joined:
    """Ask a server which tournament it is of, and compare it with what the user has.

    Raises
    ------
    ProfileError
        When the server says another tournament than the user's deployment file.
    """
    api, identity = RemoteApi(upstream, None), upstream.identity()
    addresses = addresses_of(api.tournament()) if deployment is None else read_deployment(deployment)
    if (addresses.chain_id, addresses.tournament) != identity.place:
        raise ProfileError(
            f"{upstream.url}: expected the server of {addresses.tournament} on chain {addresses.chain_id}, "
            "found "
            f"that of {identity.tournament} on chain {identity.chain_id}"
        )
    joined = _Joined(api, identity, addresses, path)
    if endpoint is not None:
        _require_code(endpoint, addresses)
    return joined


def _require_code(endpoint: str, addresses: Addresses) -> None:
    """Refuse addresses at which the user's chain has no tournament.

    Raises
    ------
    scorer.chain.endpoint.EndpointError, scorer.daemon.config_errors.ConfigError
        When the endpoint does not answer, is of another chain, or has no contract there.
    """
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "deployment.json"
        file.write_text(json.dumps(addresses.to_json()))
        open_suite(endpoint, file)


def _report(joined: _Joined, endpoint: str | None, *, has_own_deployment: bool) -> None:
    place = f"{joined.addresses.tournament} on chain {joined.addresses.chain_id}"
    typer.echo(f"join: {joined.path} is the profile of {place}")
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
