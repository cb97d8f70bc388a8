"""A leaderboard of many models, written straight into the read model: for benchmarks."""

import numpy as np
import sqlalchemy as sa

from scorer.server.read_model import insert, summarise
from scorer.server.standings import refresh_standings
from scorer.server.tables import CURSOR, MODEL, RESULT, ROUND, SCORE
from tests.server.site import Site

FACTORS = ("corr_target_20d2l", "mmc_target_20d2l")


def fill_board(site: Site, models: int, rounds: int = 20) -> None:
    """Put so many models with scores in some rounds straight into the read model."""
    chance = np.random.default_rng(2)
    with site.services.database.writing() as connection:
        row = connection.execute(sa.select(ROUND).limit(1)).mappings().one()
        ids = range(1_000_000, 1_000_000 + models)
        owner = {"owner": "0x" + "11" * 20, "submitter": "0x" + "11" * 20, "registered_at": 1}
        insert(connection, MODEL, ({"id": model, **owner} for model in ids))
        for number in range(1_000, 1_000 + rounds):
            settled = {"state": 5, "is_over": True, "is_scored": True, "resolve_at": 1_700_000_000 + number}
            connection.execute(sa.insert(ROUND).values({**row, "id": number, **settled}))
            outcome = {"round": number, "position": 10**9, "rate": 0, "payout": 10**6, "burn": 0}
            rewards = chance.integers(-50_000, 50_000, models).tolist()
            results = zip(ids, rewards, strict=True)
            insert(
                connection, RESULT, ({"model": model, "reward_score": r, **outcome} for model, r in results)
            )
            for factor in FACTORS:
                values = zip(ids, chance.normal(0, 0.02, models).tolist(), strict=True)
                scored = {"round": number, "factor": factor, "percentile": 0.5}
                insert(connection, SCORE, ({"model": model, "value": v, **scored} for model, v in values))
        summarise(connection, range(1_000, 1_000 + rounds))
        connection.execute(sa.update(CURSOR).values(standings_stale=True))
        refresh_standings(connection)
