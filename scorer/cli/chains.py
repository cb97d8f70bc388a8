"""The chain that a command holds bundles against: a live one, or the one that a demo saved."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from scorer.chain.anvil import run_anvil
from scorer.chain.contracts import Suite
from scorer.chain.endpoint import connect
from scorer.config import ConfigError, read_deployment

EndpointOption = Annotated[
    str | None, typer.Option(envvar="CUPEL_RPC_URL", help="An RPC endpoint of the chain.")
]
DeploymentOption = Annotated[
    Path | None,
    typer.Option(
        envvar="CUPEL_DEPLOYMENT", help="deployment.json or manifest.json of the deployment.", exists=True
    ),
]
ReplayOption = Annotated[
    Path | None, typer.Option(help="The folder of a demo, whose chain is replayed.", exists=True)
]


@contextmanager
def chain_of(endpoint: str | None, deployment: Path | None, replay: Path | None) -> Iterator[Suite | None]:
    """The contracts of the chain that a command's options name; None when they name none."""
    if replay is not None:
        with run_anvil(state=replay / "chain.json") as anvil:
            anvil.finalise()
            yield Suite.at(anvil.w3, read_deployment(replay / "deployment.json"))
        return
    if endpoint is None or deployment is None:
        if endpoint is not None or deployment is not None:
            raise ConfigError("expected --endpoint and --deployment together, found one of them")
        yield None
        return
    yield open_suite(endpoint, deployment)


def open_suite(endpoint: str, deployment: Path) -> Suite:
    """The contracts of a deployment, once the endpoint has shown that they are there.

    Raises
    ------
    scorer.chain.endpoint.EndpointError
        When the endpoint does not answer, or serves another chain.
    ConfigError
        When the file is none of a deployment, or the chain has no code where it says.
    """
    addresses = read_deployment(deployment)
    suite = Suite.at(connect(endpoint, addresses.chain_id), addresses)
    if not suite.w3.eth.get_code(suite.tournament.address):
        raise ConfigError(
            f"{deployment}: expected a contract at {addresses.tournament}, found no code there on chain "
            f"{addresses.chain_id}"
        )
    return suite
