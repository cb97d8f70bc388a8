"""``cupel verify``."""

from pathlib import Path
from typing import Annotated

import typer

from scorer.chain.anvil import run_anvil
from scorer.chain.contracts import Suite
from scorer.chain.endpoint import connect
from scorer.cli.common import told
from scorer.config import ConfigError, read_deployment
from scorer.oracle.observe import finalised_block, read_on_chain
from scorer.rounds.verify import OnChain, differences
from scorer.store.bundle import Bundle


def verify(
    bundle: Annotated[Path, typer.Argument(help="A round's folder.", exists=True, file_okay=False)],
    endpoint: Annotated[
        str | None, typer.Option(help="Hold the bundle against the chain served here.")
    ] = None,
    deployment: Annotated[
        Path | None, typer.Option(help="deployment.json of the chain.", exists=True)
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(help="Hold it against the chain a demo saved here.", exists=True)
    ] = None,
) -> None:
    """Recompute a round from its bundle, and name the first thing that differs."""
    with told():
        found = Bundle(bundle).published()
        chain = _chain_side(found.inputs.terms.round_id, endpoint, deployment, replay)
        problems = list(differences(found, chain))
    if problems:
        typer.echo(f"verify: round {found.inputs.terms.round_id} DIFFERS: {problems[0]}")
        typer.echo(f"verify: {len(problems)} differences in all")
        raise typer.Exit(1)
    against = "with itself only (give --endpoint and --deployment to hold it against a chain)"
    typer.echo(
        f"verify: round {found.inputs.terms.round_id} agrees: {len(found.scores['model_id'])} models, report "
        f"{found.report['report_hash']}, {'with the chain' if chain else against}"
    )


def _chain_side(
    round_id: int, endpoint: str | None, deployment: Path | None, replay: Path | None
) -> OnChain | None:
    """What the chain says of a round; None when no chain was named."""
    if replay is not None:
        with run_anvil(state=replay / "chain.json") as anvil:
            anvil.finalise()
            suite = Suite.at(anvil.w3, read_deployment(replay / "deployment.json"))
            return read_on_chain(suite, round_id, finalised_block(suite))
    if endpoint is None or deployment is None:
        if endpoint is not None or deployment is not None:
            raise ConfigError("expected --endpoint and --deployment together, found one of them")
        return None
    addresses = read_deployment(deployment)
    suite = Suite.at(connect(endpoint, addresses.chain_id), addresses)
    return read_on_chain(suite, round_id, finalised_block(suite))
