"""A leaderboard of many models, written straight into the read model: for benchmarks."""

import numpy as np
import sqlalchemy as sa

from scorer.server.database import Database
from scorer.server.read_model import insert
from scorer.server.standings import refresh_standings
from scorer.server.tables import CURSOR, MODEL, RESULT, ROUND, SCORE
from tests.server.site import Site

FACTORS = ("corr_target_20d2l", "mmc_target_20d2l")
FIRST_MODEL = 1_000_000
FIRST_ROUND = 1_000
DAY = 86_400


def fill_board(site: Site, models: int, rounds: int = 20) -> None:
    """Put so many models with scores in some rounds straight into the read model."""
    add_board(site.services.database, models)
    add_rounds(site.services.database, models, 0, rounds)


def add_board(database: Database, models: int) -> None:
    """Add so many models of one owner."""
    owner = {"owner": "0x" + "11" * 20, "submitter": "0x" + "11" * 20, "registered_at": 1}
    ids = range(FIRST_MODEL, FIRST_MODEL + models)
    with database.writing() as connection:
        insert(connection, MODEL, ({"id": model, **owner} for model in ids))


def add_rounds(database: Database, models: int, start: int, count: int) -> None:
    """Add settled rounds of all these models, a day apart; the first of them has the number `start`."""
    for number in range(FIRST_ROUND + start, FIRST_ROUND + start + count):
        with database.writing() as connection:
            _add_round(connection, models, number)
    with database.writing() as connection:
        connection.execute(sa.update(CURSOR).values(standings_stale=True))
        refresh_standings(connection)


def _add_round(connection: sa.Connection, models: int, number: int) -> None:
    chance, ids = np.random.default_rng(number), range(FIRST_MODEL, FIRST_MODEL + models)
    row = connection.execute(sa.select(ROUND).order_by(ROUND.c.id).limit(1)).mappings().one()
    settled = {"state": 5, "is_over": True, "is_scored": True, "resolve_at": 1_700_000_000 + DAY * number}
    connection.execute(sa.insert(ROUND).values({**row, "id": number, **settled}))
    outcome = {"round": number, "position": 10**9, "rate": 0, "payout": 10**6, "burn": 0}
    rewards = zip(ids, chance.integers(-50_000, 50_000, models).tolist(), strict=True)
    insert(connection, RESULT, ({"model": model, "reward_score": r, **outcome} for model, r in rewards))
    for factor in FACTORS:
        values = zip(ids, chance.normal(0, 0.02, models).tolist(), strict=True)
        scored = {"round": number, "factor": factor, "percentile": 0.5}
        insert(connection, SCORE, ({"model": model, "value": v, **scored} for model, v in values))
