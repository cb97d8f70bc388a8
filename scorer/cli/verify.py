"""``cupel verify``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from scorer.chain.contracts import RoundRecord, RoundState, Suite
from scorer.cli.chains import DeploymentOption, EndpointOption, ReplayOption, chain_of
from scorer.cli.common import told
from scorer.oracle.observe import finalised_block, read_on_chain
from scorer.oracle.void import read_void
from scorer.rounds.verify import Difference, differences
from scorer.rounds.void import void_differences
from scorer.store.bundle import COLLECTED, MANIFEST, Bundle


def verify(
    bundle: Annotated[Path, typer.Argument(help="A round's folder.", exists=True, file_okay=False)],
    endpoint: EndpointOption = None,
    deployment: DeploymentOption = None,
    replay: ReplayOption = None,
) -> None:
    """Recompute a round from its bundle, and name the first thing that differs.

    Of a void round, which nobody scored, what the operator published is enough: that it is what the chain
    committed to, and that every position returned whole.
    """
    with told(), chain_of(endpoint, deployment, replay) as suite:
        source = Bundle(bundle)
        void = None if suite is None else _void_record(source, suite)
        if suite is not None and void is not None:
            round_id, agreement, problems = void.round_id, *_void(source, suite, void)
        else:
            round_id, agreement, problems = _scored(source, suite)
    if problems:
        typer.echo(f"verify: round {round_id} DIFFERS: {problems[0]}")
        typer.echo(f"verify: {len(problems)} differences in all")
        raise typer.Exit(1)
    typer.echo(f"verify: round {round_id} agrees: {agreement}")


def _void_record(source: Bundle, suite: Suite) -> RoundRecord | None:
    """The round as the chain has it, if it is void there; without a manifest, by its folder's number."""
    name = source.folder.resolve().name
    number = source.manifest()["round"]["round_id"] if source.has(MANIFEST) else name
    if not str(number).isdecimal():
        return None
    record = suite.round(int(number), finalised_block(suite).number)
    return record if record.state == RoundState.VOIDED else None


def _void(source: Bundle, suite: Suite, record: RoundRecord) -> tuple[str, Sequence[Difference]]:
    submissions = source.submissions() if source.has(*COLLECTED) else None
    chain = read_void(suite, record, finalised_block(suite))
    problems = list(void_differences(source.rules(), submissions, chain))
    count = 0 if submissions is None else len(submissions.entries)
    kept = f", {chain.settled} settled before" if chain.settled else ""
    words = f"void, {count} submissions, {chain.returned} of {chain.locked} chunks returned whole{kept}"
    return f"{words}, with the chain", problems


def _scored(source: Bundle, suite: Suite | None) -> tuple[int, str, Sequence[Difference]]:
    found = source.published()
    round_id = found.inputs.terms.round_id
    chain = None if suite is None else read_on_chain(suite, round_id, finalised_block(suite))
    against = "with itself only (give --endpoint and --deployment to hold it against a chain)"
    words = f"{len(found.scores['model_id'])} models, report {found.report['report_hash']}"
    return round_id, f"{words}, {'with the chain' if chain else against}", list(differences(found, chain))
