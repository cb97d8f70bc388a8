"""``cupel leaderboard``: rank models, accounts, and accounts over a season."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.table import Table
from rich.text import Text

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.chain.records import RoundState
from scorer.cli.chains import DeploymentOption, EndpointOption, ReplayOption, chain_of
from scorer.cli.common import JsonOption, console, user_errors, working
from scorer.cli.explain import refuse_other_deployment, scored_rounds
from scorer.cli.numbers import NUMBER, day
from scorer.daemon.config_errors import ConfigError
from scorer.evaluation.standings import REWARD, UNKNOWN, model_leaderboard, score_table
from scorer.observation.observe import finalised_block
from scorer.observation.silence import silent_models
from scorer.owned_files import refuse_foreign_table
from scorer.redaction import shown
from scorer.rewards.reputation import account_reputation, in_the_year_before, season
from scorer.rewards.season_rules import CLASSIC_SEASON, CRYPTO_SEASON, SIGNALS_SEASON

HEADER = (
    "rank,model,account,rounds,.*,net_nmr,(return_on_positions_percent|return_percent)|rank,account,[^,]+"
    "|account,season_score,qualified_rounds,rank,tier"
)
"""The header lines of the tables that this command writes: of models, of accounts, of a season."""
SEASONS = {"classic": CLASSIC_SEASON, "signals": SIGNALS_SEASON, "crypto": CRYPTO_SEASON}


def leaderboard(
    rounds: Annotated[
        Path, typer.Argument(help="A folder of rounds' folders.", exists=True, file_okay=False)
    ],
    by: Annotated[str, typer.Option(help="The score to rank by: a factor's name, or reward_score.")] = REWARD,
    on: Annotated[
        date | None,
        typer.Option(parser=day, help="Count the year that ends with this day; needs a chain."),
    ] = None,
    accounts: Annotated[
        bool, typer.Option("--accounts", help="Rank accounts by stake; needs a chain.")
    ] = False,
    season_year: Annotated[
        int | None,
        typer.Option("--season", parser=NUMBER, help="Rank accounts over this calendar year; needs a chain."),
    ] = None,
    tiers: Annotated[str, typer.Option(help="Whose tiers: classic, signals or crypto.")] = "classic",
    out: Annotated[Path | None, typer.Option(help="Write CSV here instead of printing a table.")] = None,
    as_json: JsonOption = False,
    endpoint: EndpointOption = None,
    deployment: DeploymentOption = None,
    replay: ReplayOption = None,
) -> None:
    """Rank models, or the accounts that own them, over many rounds.

    Without a chain, all rounds of the folder count; only the chain knows dates and owners.
    """
    with user_errors(), chain_of(endpoint, deployment, replay) as suite:
        if suite is None and (on is not None or accounts or season_year is not None):
            raise ConfigError(
                "expected --endpoint and --deployment, or --replay, with --on, --accounts or --season, "
                "because only the chain knows dates and owners; found none"
            )
        with working("reading rounds"):
            table = _scores(rounds, suite)
        if table.empty:
            raise ConfigError(f"{rounds}: expected rounds that the chain has settled, found none")
        if by not in table.columns or by in ("round", "resolved", "model", "account"):
            raise ConfigError(f"expected the name of a score with --by, found {shown(by)}")
        if tiers not in SEASONS:
            raise ConfigError(f"expected classic, signals or crypto with --tiers, found {shown(tiers)}")
        board = _board(table, by, on, accounts, season_year, tiers)
    if out is not None:
        with user_errors():
            refuse_foreign_table(out, HEADER)
        board.to_csv(out, index=False)
        typer.echo(f"{out}: {len(board)} rows")
        return
    if as_json:
        typer.echo(board.to_json(orient="records", indent=1, double_precision=15))
        return
    console().print(_printed(board))


def _scores(rounds: Path, suite: Suite | None) -> pd.DataFrame:
    scored = scored_rounds(rounds)
    if suite is None:
        return score_table(((entry, None) for entry in scored), {})
    for entry in scored:
        refuse_other_deployment(entry, suite)
    block = finalised_block(suite).number
    records = [suite.round(entry.terms.round_id, block) for entry in scored]
    settled = [
        (
            replace(entry, silent=silent_models(suite, record.round_id, block)),
            datetime.fromtimestamp(record.resolve_at, UTC).date(),
        )
        for entry, record in zip(scored, records, strict=True)
        if record.state == RoundState.SETTLED
    ]
    models = {model for entry in scored for model in entry.scores["model_id"].tolist()}
    owners = {model: str(read_view(suite.registry.functions.ownerOf(model), block)) for model in models}
    return score_table(settled, owners)


def _board(
    table: pd.DataFrame, by: str, on: date | None, accounts: bool, season_year: int | None, tiers: str
) -> pd.DataFrame:
    if season_year is not None:
        return season(table, by, season_year, SEASONS[tiers]).reset_index()
    last = on or (table["resolved"].max().date() if table["resolved"].notna().any() else None)
    if accounts and last is not None:
        accounts_board = account_reputation(table, by, last).reset_index()
        accounts_board.insert(0, "rank", range(1, len(accounts_board) + 1))
        return accounts_board
    return model_leaderboard(table if on is None else in_the_year_before(table, on), by)


def _printed(board: pd.DataFrame) -> Table:
    """Return a board as a table for any width: what does not fit is folded, not cut off."""
    if UNKNOWN in set(board.get("account", ())):
        board = board.drop(columns="account")
    table = Table()
    for name in board.columns:
        table.add_column(Text(name.replace("_", " ")), overflow="fold")
    for row in board.itertuples(index=False):
        table.add_row(*map(_cell, row))
    return table


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.4f}"
    return str(value)
