"""Ranks the accounts of the read model by their scores of a season."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import sqlalchemy as sa

from scorer.rewards.reputation import account_round_scores, season_of
from scorer.rewards.season_rules import SeasonRules
from scorer.server.seasons import REWARD
from scorer.server.tables import COUNTED_REWARD, MODEL, RESULT, SCORE
from scorer.units import ONE


def standing_of(
    connection: sa.Connection, score: str, rounds: Sequence[int], rules: SeasonRules
) -> pd.DataFrame:
    """Return the standing of a season that has these rounds, see `scorer.rewards.reputation.season`.

    Parameters
    ----------
    score
        A factor, or `REWARD`.
    """
    accounts, parts = set[str](), []
    # Round by round: a year of a large tournament has millions of rows.
    for round_id in rounds:
        table = _table(connection, round_id, score)
        accounts.update(table["account"])
        parts.append(account_round_scores(table, score)[["account", "at_risk", score]])
    ordered = sorted(accounts)
    for part in parts:
        part["account"] = pd.Categorical(part["account"], ordered)
    return season_of(pd.concat(parts, ignore_index=True), score, ordered, len(rounds), rules)


def _table(connection: sa.Connection, round_id: int, score: str) -> pd.DataFrame:
    """Return a round's models with their accounts, stakes and scores, by model."""
    value: sa.ColumnElement[Any] = COUNTED_REWARD / float(ONE)
    joined = RESULT.join(MODEL, MODEL.c.id == RESULT.c.model)
    if score != REWARD:
        same = (SCORE.c.model == RESULT.c.model, SCORE.c.round == RESULT.c.round, SCORE.c.factor == score)
        joined, value = joined.outerjoin(SCORE, sa.and_(*same)), SCORE.c.value
    query = sa.select(RESULT.c.model, MODEL.c.owner, RESULT.c.position, value).select_from(joined)
    rows = connection.execute(query.where(RESULT.c.round == round_id).order_by(RESULT.c.model)).all()
    table = pd.DataFrame(rows, columns=["model", "account", "at_risk", score])
    table[score] = table[score].astype("float64")
    return table.assign(round=round_id, resolved=pd.Timestamp(0))
