"""``cupel submission``: check a file before it is submitted."""

import json
from pathlib import Path
from typing import Annotated

import typer

from scorer.cli.common import JsonOption, user_errors
from scorer.storage.bundle import RULES, Bundle
from scorer.submission.reader import CheckedSubmission, Coverage, check_submission, read_bounded

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


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
    """Say whether a submission would be accepted, and if not, why.

    The rules beside the universe decide which columns and ids a file may have; without rules it must hold
    exactly the universe's ids in the columns id and prediction.
    """
    with user_errors():
        bundle = Bundle(universe.parent)
        kind = bundle.rules().submissions if bundle.has(RULES) else None
        universe_ids = bundle.named_universe()
        content = read_bounded(file, len(universe_ids.ids))
        checked = check_submission(kind, content, universe_ids, str(file))
    typer.echo(_document(file, checked) if as_json else f"{file}: valid, {len(checked.values)} predictions")
    report_coverage(checked.coverage, quiet=as_json)


def _document(file: Path, checked: CheckedSubmission) -> str:
    document = {"file": str(file), "valid": True, "predictions": len(checked.values)}
    return json.dumps(document | {"ids": checked.coverage.document()}, indent=1)


def report_coverage(coverage: Coverage, *, quiet: bool) -> None:
    """Say which ids were filled or ignored, on standard error, and warn where fewer than half were found.

    Parameters
    ----------
    quiet
        Print the warning alone, because a document on standard output has the rest.
    """
    if coverage.is_poor:
        typer.echo(
            "WARNING: fewer than half of the universe's ids have a prediction of yours; others get 1/2",
            err=True,
        )
    for sentence in () if quiet else coverage.sentences():
        typer.echo(f"  {sentence}", err=True)
