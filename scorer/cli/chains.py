"""The chain that a command compares bundles with: a live one, or the one that a demo saved."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import connect, host
from scorer.client.phases import not_settled_yet
from scorer.client.stakes import latest_block
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.deployment_file import read_deployment

EndpointOption = Annotated[
    str | None, typer.Option(envvar="CUPEL_RPC_URL", help="An RPC endpoint of the chain.")
]
EndpointsOption = Annotated[
    list[str] | None,
    typer.Option("--endpoint", envvar="CUPEL_RPC_URL", help="An RPC endpoint of the chain; may be repeated."),
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
    """Yield the contracts of the chain that a command's options name; None when they name none."""
    with suites_of([] if endpoint is None else [endpoint], deployment, replay) as suites:
        yield suites[0] if suites else None


@contextmanager
def suites_of(
    endpoints: Sequence[str], deployment: Path | None, replay: Path | None
) -> Iterator[tuple[Suite, ...]]:
    """Yield the contracts of a chain once for each endpoint; none, when a command's options name no chain."""
    if replay is not None:
        # Imported by name, because the lab need not be installed where members and operators work.
        with import_module("scorer.lab.replay").replayed(replay) as suite:
            yield (suite,)
        return
    if bool(endpoints) != (deployment is not None):
        raise ConfigError("expected --endpoint and --deployment together, found one of them")
    if len({host(endpoint) for endpoint in endpoints}) != len(endpoints):
        raise ConfigError("expected each --endpoint of another host, found one twice")
    yield tuple(open_suite(endpoint, deployment) for endpoint in endpoints if deployment is not None)


def open_suite(endpoint: str, deployment: Path) -> Suite:
    """Return the contracts of a deployment, after checking that the endpoint's chain has them.

    Raises
    ------
    scorer.chain.endpoint.EndpointError
        When the endpoint does not answer, or serves another chain.
    ConfigError
        When the file describes no deployment, or the chain has no code at its address.
    """
    addresses = read_deployment(deployment)
    suite = Suite.at(connect(endpoint, addresses.chain_id), addresses)
    if not suite.w3.eth.get_code(suite.tournament.address):
        raise ConfigError(
            f"{deployment}: expected a contract at {addresses.tournament}, found no code there on chain "
            f"{addresses.chain_id}"
        )
    return suite


def how_far(suite: Suite, round_id: int) -> str:
    """Say how far a round is that is not settled at the newest final block, and what to do."""
    block = latest_block(suite)
    return not_settled_yet(suite.round(round_id, block.number), block.timestamp)
