"""``cupel verify``."""

from pathlib import Path
from typing import Annotated

import typer

from scorer.cli.chains import DeploymentOption, EndpointOption, ReplayOption, chain_of
from scorer.cli.common import told
from scorer.oracle.observe import finalised_block, read_on_chain
from scorer.rounds.verify import differences
from scorer.store.bundle import Bundle


def verify(
    bundle: Annotated[Path, typer.Argument(help="A round's folder.", exists=True, file_okay=False)],
    endpoint: EndpointOption = None,
    deployment: DeploymentOption = None,
    replay: ReplayOption = None,
) -> None:
    """Recompute a round from its bundle, and name the first thing that differs."""
    with told(), chain_of(endpoint, deployment, replay) as suite:
        found = Bundle(bundle).published()
        chain = None
        if suite is not None:
            chain = read_on_chain(suite, found.inputs.terms.round_id, finalised_block(suite))
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
