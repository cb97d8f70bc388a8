"""Seasons: accounts ranked over the rounds of a calendar year, as `cupel leaderboard --season` ranks them."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import sqlalchemy as sa

from scorer.redaction import shown
from scorer.rewards.reputation import (
    CLASSIC_SEASON,
    CRYPTO_SEASON,
    SIGNALS_SEASON,
    SeasonRules,
    account_round_scores,
    season_of,
)
from scorer.server.database import Database
from scorer.server.errors import ApiError
from scorer.server.tables import COUNTED_REWARD, MODEL, RESULT, ROUND, SCORE
from scorer.units import ONE

SEASONS: Final[dict[str, SeasonRules]] = {
    "classic": CLASSIC_SEASON,
    "signals": SIGNALS_SEASON,
    "crypto": CRYPTO_SEASON,
}
"""The rules of a season by the kind of tournament."""
REWARD: Final = "reward_score"
KEPT: Final = 8
"""Standings that are kept: they change with a round that is scored."""
_Key = tuple[int, str, int, int]


@dataclass(frozen=True)
class Seasons:
    """Ranks accounts of the read model."""

    database: Database
    rules: SeasonRules
    _kept: dict[_Key, pd.DataFrame] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def standing(self, year: int | None, score: str | None) -> tuple[int, pd.DataFrame]:
        """Return a season and its standing, best first, see `scorer.rewards.reputation.season`.

        Parameters
        ----------
        year
            None: that of the newest round that was scored.
        score
            A factor; None: the reward score.

        Raises
        ------
        ApiError
            When no round of the year has such a score.
        """
        name = score or REWARD
        with self.database.reading() as connection:
            chosen = _newest_year(connection) if year is None else year
            rounds = _rounds(connection, chosen)
            if not rounds or (name != REWARD and not _has_score(connection, rounds, name)):
                raise ApiError(
                    f"season: expected a year with scores by {shown(name)}, found none in {chosen}; leave "
                    "out score, or name a factor of the rules"
                )
            with self._lock:  # one computes it, the others wait
                return chosen, self._standing(connection, (chosen, name, rounds[-1], len(rounds)), rounds)

    def _standing(self, connection: sa.Connection, key: _Key, rounds: Sequence[int]) -> pd.DataFrame:
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._computed(connection, key[1], rounds)
            while len(self._kept) > KEPT:
                self._kept.pop(next(iter(self._kept)))
        return found

    def _computed(self, connection: sa.Connection, score: str, rounds: Sequence[int]) -> pd.DataFrame:
        """Rank everybody, round by round: a year of a large tournament has millions of rows."""
        accounts, parts = set[str](), []
        for round_id in rounds:
            table = _table(connection, round_id, score)
            accounts.update(table["account"])
            parts.append(account_round_scores(table, score)[["account", "at_risk", score]])
        ordered = sorted(accounts)
        for part in parts:
            part["account"] = pd.Categorical(part["account"], ordered)
        return season_of(pd.concat(parts, ignore_index=True), score, ordered, len(rounds), self.rules)


def _newest_year(connection: sa.Connection) -> int:
    newest = connection.scalar(sa.select(sa.func.max(ROUND.c.resolve_at)).where(ROUND.c.is_scored))
    return datetime.fromtimestamp(newest or 0, UTC).year


def _rounds(connection: sa.Connection, year: int) -> list[int]:
    """Return the rounds that were scored and resolved in a year, in their order."""
    if not 1970 <= year < 9999:
        return []
    first, end = (int(datetime(each, 1, 1, tzinfo=UTC).timestamp()) for each in (year, year + 1))
    within = (ROUND.c.is_scored, ROUND.c.resolve_at >= first, ROUND.c.resolve_at < end)
    return list(connection.scalars(sa.select(ROUND.c.id).where(*within).order_by(ROUND.c.id)))


def _has_score(connection: sa.Connection, rounds: Sequence[int], score: str) -> bool:
    named = (SCORE.c.factor == score, SCORE.c.round.in_(rounds))
    return connection.execute(sa.select(SCORE.c.model).where(*named).limit(1)).first() is not None


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
