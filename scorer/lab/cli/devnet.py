"""``cupel devnet``: a tournament on a local chain, in the background."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from scorer.chain.endpoint import LOCAL_CHAIN_ID
from scorer.cli.common import JsonOption, answer, print_json, user_errors
from scorer.cli.numbers import whole
from scorer.client.phases import Phase
from scorer.deployment.document import DeploymentFileError
from scorer.deployment.steps import DeploymentStuck
from scorer.lab.batch import BatchRefused
from scorer.lab.devnet.layout import KEYS, PEOPLE, DevnetLayout, NoDevnet, Settings, account_of
from scorer.lab.devnet.network import NotReady, Status, down, status, up
from scorer.lab.devnet.serving import serve
from scorer.lab.devnet.setup import FILE, POCKET
from scorer.lab.devnet.simulator import EXAMPLE
from scorer.owned_files import FolderInUse
from scorer.redaction import clean

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

FolderOption = Annotated[Path, typer.Option("--folder", help="Where everything of it is kept.")]
FOLDER = Path("build/devnet")
SHORTEST, LONGEST = 10, 86_400


@contextmanager
def _devnet_errors() -> Iterator[None]:
    try:
        with user_errors():
            yield
    except (FolderInUse, NoDevnet, NotReady, BatchRefused, DeploymentFileError, DeploymentStuck) as error:
        typer.echo(f"cupel: {clean(str(error))}", err=True)
        raise typer.Exit(1) from None


@app.command("up")
def start(
    folder: FolderOption = FOLDER,
    every: Annotated[
        int, typer.Option(parser=whole(SHORTEST, LONGEST), help="Seconds that a round takes submissions.")
    ] = 60,
    models: Annotated[
        int, typer.Option(parser=whole(0, 1000), help="Models that are there from the start.")
    ] = 5,
    port: Annotated[int, typer.Option(parser=whole(1, 65_535), help="Of the chain's endpoint.")] = 8545,
    keep: Annotated[bool, typer.Option("--keep", help="Go on where the last one was stopped.")] = False,
    file: Annotated[Path, typer.Option(help="The deployment file.", exists=True)] = FILE,
    in_the_clear: Annotated[
        bool, typer.Option("--in-the-clear", help="Take submissions that are not encrypted, as a class may.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start a chain with everything on it, an operator, four oracles, and a round after the other."""
    layout, settings = DevnetLayout(folder), Settings(port, every, models, in_the_clear)
    with _devnet_errors():
        up(layout, settings, file=file, keep=keep, say=lambda text: typer.echo(f"devnet: {text}", err=True))
    if as_json:
        print_json(_document(layout, settings))
    else:
        _introduce(layout, settings)


@app.command("serve")
def start_server(
    folder: FolderOption = FOLDER,
    port: Annotated[int, typer.Option(parser=whole(1, 65_535), help="Of the server.")] = 8700,
    gateway_port: Annotated[int, typer.Option(parser=whole(1, 65_535), help="Of the gateway.")] = 8777,
    as_json: JsonOption = False,
) -> None:
    """Start a server and a gateway beside it, for numerapi to take part as alice."""
    with _devnet_errors():
        served = serve(DevnetLayout(folder), port, gateway_port)
    answer(
        {"gateway": served.url, "model": served.model, "environment": str(served.environment)},
        f"gateway     {served.url}, the base URL for numerapi; alice's model is {served.model}",
        f"environment {served.environment}",
        as_json=as_json,
    )


@app.command("down")
def stop(folder: FolderOption = FOLDER, as_json: JsonOption = False) -> None:
    """Stop everything that was started. What it was is kept for `up --keep`."""
    with _devnet_errors():
        ran = down(DevnetLayout(folder))
    line = f"devnet: stopped {', '.join(ran)}" if ran else "devnet: nothing ran"
    answer({"stopped": ran}, line, as_json=as_json)


@app.command("status")
def show(folder: FolderOption = FOLDER, as_json: JsonOption = False) -> None:
    """Say what runs, the last block, and the newest rounds; exit code 1 where anything does not run."""
    with _devnet_errors():
        devnet = status(DevnetLayout(folder))
    if as_json:
        print_json({"up": devnet.is_up, **asdict(devnet)})
    else:
        _print(devnet)
    raise typer.Exit(0 if devnet.is_up else 1)


def _print(devnet: Status) -> None:
    for name, pid in devnet.processes.items():
        typer.echo(f"{name}: {f'process {pid}' if pid else 'does not run'}")
    if devnet.block is None or devnet.now is None:
        typer.echo(f"devnet: no chain answers at {devnet.endpoint}")
        return
    for row in devnet.rounds:
        left = row["close_at"] - devnet.now
        closes = f", closes in {left} s" if row["phase"] == Phase.OPEN and left > 0 else ""
        typer.echo(f"round {row['round']}: {row['phase']}{closes}")
    if not devnet.rounds:
        typer.echo("no rounds yet")
    words = "up" if devnet.is_up else "NOT whole"
    typer.echo(f"devnet: {words} at {devnet.endpoint}, block {devnet.block}, {devnet.models} models")


def _document(layout: DevnetLayout, settings: Settings) -> dict[str, object]:
    accounts = {
        name: {
            "address": account_of(name).address,
            "key": str(layout.key(name)),
            "nmr": str(POCKET * (name in PEOPLE)),
        }
        for name in KEYS
    }
    files = {"manifest": layout.manifest, "inbox": layout.inbox, "rounds": layout.rounds}
    places = {name: str(path) for name, path in (files | {"profile": layout.profile}).items()}
    return {"endpoint": settings.endpoint, "chain_id": LOCAL_CHAIN_ID, **places, "accounts": accounts}


def _introduce(layout: DevnetLayout, settings: Settings) -> None:
    """Show what there is, and what to type."""
    typer.echo(f"endpoint    {settings.endpoint}, chain {LOCAL_CHAIN_ID}, a block a second")
    typer.echo(f"deployment  {layout.manifest}")
    typer.echo(f"inbox       {layout.inbox}")
    typer.echo(f"rounds      {layout.rounds}/NUMBER, one opens every {settings.every} s")
    for name in KEYS:
        tokens = f", {POCKET} NMR" if name in PEOPLE else ""
        typer.echo(f"{name:11} {account_of(name).address}, key in {layout.key(name)}{tokens}")
    typer.echo(f"\nAs {PEOPLE[0]}, register a model, stake on it, and submit:\n")
    for line in commands(layout, settings):
        typer.echo(f"  {line}")


def commands(layout: DevnetLayout, settings: Settings) -> list[str]:
    """Return the commands of a first data scientist, from a key to a submission."""
    who, model = PEOPLE[0], settings.models + 1

    def path(of: Path) -> str:
        return shlex.quote(str(of))

    return [
        f"cupel use {path(layout.root)}",
        f"cupel wallet import {path(layout.key(who))}",
        "cupel model register",
        f"cupel stake deposit {model} 25 && cupel stake allocate {model} 40%",
        f"cupel submit {path(layout.rounds / 'ROUND' / EXAMPLE)} --model {model}    "
        "# ROUND: see cupel rounds --open",
    ]
