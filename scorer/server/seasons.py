"""Seasons: accounts ranked over the rounds of a calendar year, as `cupel leaderboard --season` ranks them."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from scorer.redaction import shown
from scorer.rewards.season_rules import CLASSIC_SEASON, CRYPTO_SEASON, SIGNALS_SEASON, SeasonRules
from scorer.server.database import Database
from scorer.server.errors import ApiError
from scorer.server.tables import ROUND, SCORE

if TYPE_CHECKING:
    import pandas as pd

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
    _kept: "dict[_Key, pd.DataFrame]" = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def standing(self, year: int | None, score: str | None) -> tuple[int, "pd.DataFrame"]:
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

    def _standing(self, connection: sa.Connection, key: _Key, rounds: Sequence[int]) -> "pd.DataFrame":
        found = self._kept.get(key)
        if found is None:
            # Nothing else here needs pandas, which takes a sixth of a server's start.
            from scorer.server.season_tables import standing_of

            found = self._kept[key] = standing_of(connection, key[1], rounds, self.rules)
            while len(self._kept) > KEPT:
                self._kept.pop(next(iter(self._kept)))
        return found


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
