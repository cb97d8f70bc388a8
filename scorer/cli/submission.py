"""``cupel submission``: what a data scientist types before submitting."""

import json
from pathlib import Path
from typing import Annotated

import typer

from scorer.cli.common import JsonOption, told
from scorer.rounds.validity import read_for
from scorer.store.bundle import RULES, Bundle

app = typer.Typer(no_args_is_help=True)


@app.command("check")
def check(
    file: Annotated[
        Path, typer.Argument(help="CSV or Parquet with a column of ids and one of predictions.", exists=True)
    ],
    universe: Annotated[
        Path,
        typer.Option(
            help="universe.parquet of the round, in the folder the operator published.", exists=True
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Say whether a submission would be taken, and if not, why.

    The rules beside the universe decide which columns and ids a file may have; without rules it must hold
    exactly the universe's ids in the columns id and prediction.
    """
    with told():
        bundle = Bundle(universe.parent)
        kind = bundle.rules().submissions if bundle.has(RULES) else None
        predictions = read_for(kind, file.read_bytes(), bundle.named_universe(), str(file))
    if as_json:
        typer.echo(json.dumps({"file": str(file), "valid": True, "predictions": len(predictions)}, indent=1))
        return
    typer.echo(f"{file}: valid, {len(predictions)} predictions")
