"""``cupel compute``: run models in a sandbox when rounds open, and submit what they predict."""

from pathlib import Path
from typing import Annotated

import typer

from scorer.cli.checklist import report_checks
from scorer.cli.common import JsonOption, answer, print_json, user_errors
from scorer.cli.numbers import NUMBER, whole
from scorer.compute import assembly, deployment
from scorer.compute.checks import check_compute
from scorer.compute.configuration import load_compute_config
from scorer.compute.dry_run import ModelTrial, dry_runs
from scorer.compute.job import RunOutcome
from scorer.compute.setup import TEMPLATES, NodeOptions, set_up
from scorer.compute.status import log_of, status_of
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.logging import configure_logging

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

ConfigOption = Annotated[
    Path, typer.Option("--config", envvar="CUPEL_COMPUTE", help="compute.toml of the node.", exists=True)
]
RoundOption = Annotated[int | None, typer.Option("--round", parser=NUMBER, help="The round's number.")]
ModelArgument = Annotated[int, typer.Argument(parser=NUMBER, help="The model's number.")]


@app.command("init")
def initialise(
    folder: Annotated[Path, typer.Argument(help="A new folder for the node and its models.")],
    model: Annotated[int, typer.Option(parser=NUMBER, help="The model's number.")],
    endpoint: Annotated[str, typer.Option(envvar="CUPEL_RPC_URL", help="An RPC endpoint of the chain.")],
    deployment_file: Annotated[
        Path,
        typer.Option(
            "--deployment", envvar="CUPEL_DEPLOYMENT", help="deployment.json or manifest.json.", exists=True
        ),
    ],
    keystore: Annotated[
        Path, typer.Option(envvar="CUPEL_KEYSTORE", help="The submitter's encrypted key; see cupel wallet.")
    ],
    password_file: Annotated[
        Path, typer.Option(envvar="CUPEL_PASSWORD_FILE", help="A file with its password.")
    ],
    template: Annotated[str, typer.Option(help=f"The first model: {', '.join(TEMPLATES)}.")] = "ridge",
    rounds: Annotated[
        Path | None, typer.Option(envvar="CUPEL_ROUNDS", help="The folder where the operator publishes.")
    ] = None,
    inbox: Annotated[Path | None, typer.Option(envvar="CUPEL_INBOX", help="The operator's inbox.")] = None,
    server: Annotated[str | None, typer.Option(help="Or the URL of the tournament's server.")] = None,
    api_key_file: Annotated[
        Path | None, typer.Option(help="A file with id$secret of a key of that server.")
    ] = None,
    python: Annotated[
        Path | None, typer.Option(help="The interpreter of the models' environment; by default this one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a folder with a configuration and a first model from a template."""
    given = NodeOptions(
        *(model, endpoint, deployment_file, keystore, password_file),
        template=template,
        rounds=rounds,
        inbox=inbox,
        server=server,
        api_key_file=api_key_file,
        python=python,
    )
    with user_errors():
        config = set_up(folder, given)
    answer(
        {"configuration": str(config), "model": model},
        f"compute: {config}",
        f"try it: cupel compute test {model} --config {config}",
        f"run it: cupel compute run --config {config}",
        as_json=as_json,
    )


@app.command("test")
def try_out(
    model: ModelArgument, config: ConfigOption, round_id: RoundOption = None, as_json: JsonOption = False
) -> None:
    """Run a model on a round's inputs twice, in its sandbox, and check it; nothing is signed or sent.

    Without --round it is the newest round whose files are here. Exit code 1 where it would not be submitted.
    """
    with user_errors():
        done = list(dry_runs(load_compute_config(config), model, round_id))
    good = [run for run in done if run.outcome is RunOutcome.GOOD]
    same = len({run.predictions for run in good}) <= 1
    if as_json:
        print_json({"runs": [_document(run) for run in done], "same": same})
    else:
        for run in done:
            _print(run)
        if good and not same:
            typer.echo("WARNING: the same input gave other predictions; set a seed", err=True)
    raise typer.Exit(0 if len(good) == len(done) else 1)


def _document(run: ModelTrial) -> dict[str, object]:
    named = {"model": run.model, "round": run.round_id, "code": run.code, "inputs": run.inputs}
    ended = {"outcome": run.outcome.name, "reason": run.reason, "predictions": run.predictions}
    return {**named, **ended, "seconds": run.seconds, "peak_memory": run.peak_memory}


def _print(run: ModelTrial) -> None:
    typer.echo(run.log.decode("utf-8", "replace"), nl=False, err=True)
    measured = f"{run.seconds:.1f} s, {run.peak_memory / 2**20:.0f} MiB"
    if run.outcome is RunOutcome.GOOD:
        typer.echo(f"round {run.round_id}: valid, content hash 0x{run.predictions}, {measured}")
    else:
        typer.echo(f"round {run.round_id}: {run.outcome.value} {run.reason}; {measured}")


@app.command("run")
def run(
    config: ConfigOption,
    cycles: Annotated[int | None, typer.Option(parser=NUMBER, help="End after so many cycles.")] = None,
) -> None:
    """Run models as rounds open, and submit, cycle after cycle, until stopped."""
    configure_logging()
    with user_errors(), assembly.assembled(load_compute_config(config)) as node:
        node.run(cycles=cycles)


@app.command("once")
def once(
    config: ConfigOption,
    seconds: Annotated[
        int, typer.Option(parser=whole(1, 86_400), help="Wait so long for runs to end.")
    ] = 3_600,
    as_json: JsonOption = False,
) -> None:
    """Do what is left to do for the rounds that are open now, and end: for cron and hosted runners.

    Exit code 1 where a model has no submission in an open round.
    """
    configure_logging()
    with user_errors(), assembly.assembled(load_compute_config(config)) as node:
        missing = node.once(seconds)
    line = f"compute: {missing} submissions missing" if missing else "compute: nothing is missing"
    answer({"missing": missing}, line, as_json=as_json)
    raise typer.Exit(1 if missing else 0)


@app.command("status")
def status(config: ConfigOption, round_id: RoundOption = None, as_json: JsonOption = False) -> None:
    """Say how far each model is in the newest rounds that the node worked at."""
    with user_errors():
        rows = status_of(load_compute_config(config), round_id)
    if as_json:
        print_json([row.document() for row in rows])
        return
    for row in rows:
        typer.echo(str(row))
    if not rows:
        typer.echo("compute: no round yet")


@app.command("logs")
def logs(model: ModelArgument, config: ConfigOption, round_id: RoundOption = None) -> None:
    """Print what a model printed in its last run that has ended."""
    with user_errors():
        content = log_of(load_compute_config(config), model, round_id)
    typer.echo(content.decode("utf-8", "replace"), nl=False)


@app.command("check")
def check(config: ConfigOption, as_json: JsonOption = False) -> None:
    """Check everything that the node depends on, a line each; exit code 1 when anything fails."""
    with user_errors():
        loaded = load_compute_config(config)
    report_checks(check_compute(loaded), as_json=as_json)


@app.command("deploy")
def deploy(
    target: Annotated[str, typer.Argument(help=f"{', '.join(deployment.TARGETS)}.")],
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="A folder for what is written.")] = Path("deploy"),
    as_json: JsonOption = False,
) -> None:
    """Write what runs the node elsewhere, and say what it costs and what to type; nothing is started."""
    with user_errors():
        if target not in deployment.TARGETS:
            known = ", ".join(deployment.TARGETS)
            raise ConfigError(f"deploy: expected one of {known}, found another target")
        written = deployment.write(target, load_compute_config(config), config, out)
    files = [str(path) for path in written.files]
    lines = [*(f"compute: {path}" for path in files), *written.words]
    answer({"files": files, "words": list(written.words)}, *lines, as_json=as_json)


@app.command("destroy")
def destroy(
    out: Annotated[Path, typer.Option(help="The folder that deploy wrote.", exists=True)] = Path("deploy"),
    as_json: JsonOption = False,
) -> None:
    """Remove what deploy wrote, and say what to type to end what runs by it."""
    with user_errors():
        words = list(deployment.remove(out))
    answer({"removed": str(out), "words": words}, *words, as_json=as_json)
