"""The ``cupel`` command."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from scorer.chain.anvil import run_anvil
from scorer.chain.contracts import Suite
from scorer.chain.endpoint import EndpointError, connect
from scorer.chain.logs import IncompleteLogs
from scorer.chain.sender import Reverted
from scorer.config import ConfigError, load_config, read_deployment
from scorer.oracle.decide import Alarm
from scorer.oracle.member import Files, Member
from scorer.oracle.observe import finalised_block, read_on_chain
from scorer.oracle.operator import Operator
from scorer.rounds.rules import RulesError
from scorer.rounds.submissions import SubmissionRefused, read_submission
from scorer.rounds.verify import OnChain, differences
from scorer.store.bundle import Bundle, BundleError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
oracle = typer.Typer(no_args_is_help=True, help="Work as a member of the oracle committee.")
operator = typer.Typer(no_args_is_help=True, help="Work as the operator of a tournament.")
submission = typer.Typer(no_args_is_help=True, help="Prepare submissions.")
app.add_typer(oracle, name="oracle")
app.add_typer(operator, name="operator")
app.add_typer(submission, name="submission")
console = Console(width=None if sys.stdout.isatty() else 110)

EXPECTED = (BundleError, ConfigError, EndpointError, IncompleteLogs, Reverted, RulesError, SubmissionRefused)
"""Errors that tell a user what to do; any other is a defect and shows its traceback."""
ConfigOption = Annotated[Path, typer.Option("--config", help="The node's TOML configuration.", exists=True)]
SendOption = Annotated[bool, typer.Option("--send", help="Send transactions. Without it, a dry run.")]


@contextmanager
def _told() -> Iterator[None]:
    """End with one line on standard error where an error is the user's to mend."""
    try:
        yield
    except EXPECTED as error:
        typer.echo(f"cupel: {error}", err=True)
        raise typer.Exit(1) from None


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where everything is written; emptied first.")] = Path(
        "build/demo"
    ),
) -> None:
    """Settle a year of weekly rounds on real market data, on a local chain, and verify every one."""
    try:
        from scorer.demo.run import FolderInUse, run_demo
    except ModuleNotFoundError as missing:
        typer.echo(
            f"cupel: expected the demo's packages, found no {missing.name}; install cupel[demo]", err=True
        )
        raise typer.Exit(1) from None
    try:
        summary = run_demo(out, console)
    except FolderInUse as refused:
        typer.echo(f"cupel: {refused}", err=True)
        raise typer.Exit(1) from None
    whole = summary["rounds_verified"] == summary["rounds_settled"] and all(summary["invariants"].values())
    raise typer.Exit(0 if whole and summary["stakes_add_up"] else 1)


@app.command()
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
    with _told():
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


@oracle.command("once")
def oracle_once(
    config: ConfigOption,
    send: SendOption = False,
    round_id: Annotated[int | None, typer.Option("--round", help="Look at this round alone.")] = None,
) -> None:
    """Observe the finalised chain, decide, and act, once for every unfinished round."""
    with _told():
        node = load_config(config)
        if node.files.rounds is None or node.files.targets is None:
            raise ConfigError(
                f"{config}: expected files.rounds and files.targets for an oracle, found neither or one"
            )
        suite = node.suite()
        files = Files(node.files.rounds, node.files.published, node.files.targets)
        sender = node.sender(suite)
        steps = Member(suite, files, sender.address, sender if send else None).cycle(
            None if round_id is None else [round_id]
        )
    for step in steps:
        typer.echo(f"round {step.round_id}: {type(step.action).__name__}: {step.outcome}")
    if not steps:
        typer.echo("nothing to do: every round is over")
    raise typer.Exit(2 if any(isinstance(step.action, Alarm) for step in steps) else 0)


@operator.command("once")
def operator_once(config: ConfigOption, send: SendOption = False) -> None:
    """Lock and seal every round whose submissions have closed."""
    with _told():
        node = load_config(config)
        if node.files.inbox is None:
            raise ConfigError(f"{config}: expected files.inbox for an operator, found none")
        suite = node.suite()
        acting = Operator(suite, node.files.inbox, node.files.published, node.sender(suite))
        if not send:
            typer.echo(f"dry run: rounds to lock and seal: {[r.round_id for r in acting.due()] or 'none'}")
            return
        typer.echo(f"sealed rounds: {acting.cycle() or 'none'}")


@submission.command("check")
def submission_check(
    file: Annotated[
        Path, typer.Argument(help="CSV or Parquet with the columns id and prediction.", exists=True)
    ],
    universe: Annotated[
        Path,
        typer.Option(
            help="universe.parquet of the round, in the folder the operator published.", exists=True
        ),
    ],
) -> None:
    """Say whether a submission would be taken, and if not, why."""
    with _told():
        ids = Bundle(universe.parent).universe()
        predictions = read_submission(file.read_bytes(), ids, str(file))
    typer.echo(f"{file}: valid, {len(predictions)} predictions")
