"""The demo's leaderboard in the terminal."""

import math
from collections.abc import Iterable

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

LEADERBOARD_COLUMNS = (
    "model",
    "corr",
    "mmc",
    "paid_nmr",
    "burned_nmr",
    "return_on_deposit_percent",
    "stake_nmr",
)

WIDTHS = {"CORR": 7, "MMC": 7, "paid": 6, "burned": 6, "return on deposit %": 7, "stake": 6}
"""Characters of the widest number of each column, which is shown whole on a terminal of 80."""


def require_columns(table: pd.DataFrame, expected: Iterable[str]) -> None:
    """Refuse a table that lacks a column.

    Raises
    ------
    ValueError
        Naming the columns that are missing.
    """
    missing = [name for name in expected if name not in table.columns]
    if missing:
        raise ValueError(f"expected the columns {list(expected)}, found no {missing}: add them to the table")


def signed(value: float, form: str) -> Text:
    """Return a number in green above zero, red below, and a dash when there is none."""
    if math.isnan(value):
        return Text("–", style="dim")
    return Text(format(value, form), style="green" if value > 0 else "red" if value < 0 else "")


def leaderboard_table(leaderboard: pd.DataFrame) -> Table:
    """Return the leaderboard, best return first.

    Parameters
    ----------
    leaderboard : pd.DataFrame
        One row a model, with the columns `LEADERBOARD_COLUMNS`: mean CORR and MMC (NaN where there is no
        score), NMR paid and burned in total, return on the deposit in percent, NMR staked at the end.

    Returns
    -------
    rich.table.Table
    """
    require_columns(leaderboard, LEADERBOARD_COLUMNS)
    table = Table(
        title="Leaderboard",
        caption="CORR and MMC: means over settled rounds. Amounts in NMR.",
        box=SIMPLE_HEAD,  # whole numbers fit into 80 columns
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("#", justify="right", style="dim")
    table.add_column("model", no_wrap=True)
    if "number" in leaderboard.columns:
        table.add_column("no.", justify="right")
    for heading, width in WIDTHS.items():
        table.add_column(heading, justify="right", min_width=width)
    ranked = leaderboard.sort_values(
        ["return_on_deposit_percent", "model"], ascending=[False, True], na_position="last"
    )
    for place, row in enumerate(ranked.to_dict("records"), start=1):
        table.add_row(
            str(place),
            str(row["model"]),
            *([str(row["number"])] if "number" in row else []),
            signed(row["corr"], "+.4f"),
            signed(row["mmc"], "+.4f"),
            f"{row['paid_nmr']:,.2f}",
            f"{row['burned_nmr']:,.2f}",
            signed(row["return_on_deposit_percent"], "+.2f"),
            f"{row['stake_nmr']:,.2f}",
        )
    return table
