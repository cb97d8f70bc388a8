"""``cupel diagnose``: look at validation predictions on one's own machine."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from scorer.cli.common import JsonOption, console, print_json, user_errors
from scorer.files import write_whole
from scorer.server.diagnosis_report import report_page
from scorer.server.validation import ValidationSet
from scorer.submission.reader import check_submission, read_bounded
from scorer.submission.validity import Universe

SHOWN = 5
"""Features that are printed; the page has more."""


def diagnose(
    file: Annotated[
        Path, typer.Argument(help="CSV or Parquet with a column of ids and one of predictions.", exists=True)
    ],
    data: Annotated[
        Path,
        typer.Option(
            help="The folder of a version of the data set, with validation.parquet.",
            exists=True,
            file_okay=False,
        ),
    ],
    html: Annotated[Path | None, typer.Option(help="Write a page with plots to this file too.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Score validation predictions era by era, and say what they rest on and what they were without it.

    Nothing leaves this machine. The numbers are those of the server's diagnostics, by the same code.
    """
    with user_errors():
        known = ValidationSet.read(data)
        content = read_bounded(file, len(known.ids))
        checked = check_submission("classic", content, Universe(known.ids, {}), str(file))
        document = known.diagnose(checked.values)
    if html is not None:
        write_whole(html, report_page(document, f"Diagnostics of {file.name}").encode())
    if as_json:
        print_json(document)
        return
    _print(document)
    if html is not None:
        typer.echo(f"diagnose: {html}")


def _print(document: dict[str, Any]) -> None:
    table = Table(title=f"{document['erasAcceptedCount']} eras")
    for name in ("predictions", "CORR", "MMC", "FNC"):
        table.add_column(name, justify="left" if name == "predictions" else "right")
    rows = document["counterfactuals"]
    if rows:
        before = (_number(rows[0][f"{score}Before"]) for score in ("corr", "mmc", "fnc"))
        table.add_row("as they are", *before, end_section=True)
    for row in rows:
        table.add_row(row["name"], *(_number(row[f"{score}Mean"]) for score in ("corr", "mmc", "fnc")))
    console().print(table)
    exposures = Table(title="the most dangerous features")
    for name in ("feature", "risk", "exposure", "payoff"):
        exposures.add_column(name, justify="left" if name == "feature" else "right")
    for row in document["exposures"][:SHOWN]:
        numbers = (row["risk"], row["exposureMean"], row["payoffMean"])
        exposures.add_row(row["feature"], *map(_number, numbers))
    console().print(exposures)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"
