"""``cupel verify``: recompute a round from its bundle, and compare it with the chain."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from scorer.chain.contracts import RoundState, Suite
from scorer.cli.chains import DeploymentOption, EndpointsOption, ReplayOption, suites_of
from scorer.cli.common import user_errors
from scorer.evaluation.inputs import OnChain
from scorer.evaluation.void import VoidOnChain
from scorer.isolation import SHARED_READER
from scorer.observation.observe import Block, read_on_chain
from scorer.observation.void import read_void
from scorer.oracle.agreement import agreed, agreed_block
from scorer.storage.bundle import BundleError
from scorer.storage.verification import stated_round, verify_bundle


def verify(
    bundle: Annotated[Path, typer.Argument(help="A round's folder.", exists=True, file_okay=False)],
    endpoint: EndpointsOption = None,
    deployment: DeploymentOption = None,
    replay: ReplayOption = None,
) -> None:
    """Recompute a round from its bundle, and name the first thing that differs.

    The folder may be a stranger's: it is read in a process with limits. Of a void round, which nobody scored,
    what the operator published is enough: that it is what the chain committed to, and that every position
    returned whole. With several --endpoint, all must say the same.
    """
    with user_errors(), suites_of(endpoint or (), deployment, replay) as suites:
        chain = _on_chain(suites, stated_round(bundle, SHARED_READER)) if suites else None
        verdict = verify_bundle(bundle, chain, SHARED_READER)
    number = verdict.round_id
    if verdict.count:
        typer.echo(f"verify: round {number} DIFFERS: {verdict.first[0]}")
        typer.echo(f"verify: {verdict.count} differences in all")
    else:
        endpoints = f" ({len(suites)} endpoints agree)" if len(suites) > 1 else ""
        typer.echo(f"verify: round {number} agrees: {verdict.agreement}{endpoints}")
    if verdict.not_covered:
        typer.echo(f"verify: no digest covers {', '.join(verdict.not_covered)}")
    if verdict.count:
        raise typer.Exit(1)


def _on_chain(suites: Sequence[Suite], number: int) -> OnChain | VoidOnChain:
    """Read a round from all endpoints at the newest block that is final for all; they must agree."""
    block = agreed_block(suites)
    return agreed(suites, f"round {number}", partial(_read, number=number, block=block))


def _read(suite: Suite, number: int, block: Block) -> OnChain | VoidOnChain:
    if not 0 < number <= suite.round_count(block.number):
        raise BundleError(f"expected a round that the chain has opened, found round {number}")
    record = suite.round(number, block.number)
    if record.state == RoundState.VOIDED:
        return read_void(suite, record, block)
    return read_on_chain(suite, number, block)
