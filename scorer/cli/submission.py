"""``cupel submission``: what a data scientist types before submitting."""

from pathlib import Path
from typing import Annotated

import typer

from scorer.cli.common import told
from scorer.rounds.submissions import read_submission
from scorer.store.bundle import Bundle

app = typer.Typer(no_args_is_help=True)


@app.command("check")
def check(
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
    with told():
        ids = Bundle(universe.parent).universe()
        predictions = read_submission(file.read_bytes(), ids, str(file))
    typer.echo(f"{file}: valid, {len(predictions)} predictions")
