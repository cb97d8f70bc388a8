"""Ranks models and accounts by the scored rounds of the last year.

All sums are of whole numbers, so that no order of adding shows: a database made anew is the same to the bit.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from scorer.server.read_model import insert
from scorer.server.tables import COUNTED_REWARD, CURSOR, MODEL, RESULT, ROUND, SCORE, STANDING, STANDING_SCORE
from scorer.units import ONE

DAY: Final = 86_400
YEAR: Final = 365 * DAY
WINDOWS: Final = (1, 91, 364)
"""Days of the windows over which returns are shown: a day, 13 weeks, 52 weeks."""
SCALE: Final = 10**9
"""Scores are added as whole multiples of this fraction."""
Sums = list[int]
Ranks = Mapping[int, Mapping[str, int]]
"""Ranks by holder, so many days before the newest round that was scored."""


def refresh_standings(connection: sa.Connection) -> None:
    """Rank everybody anew, as of the newest round that was scored."""
    for table in (STANDING, STANDING_SCORE):
        connection.execute(sa.delete(table))
    newest = connection.scalar(sa.select(sa.func.max(ROUND.c.resolve_at)).where(ROUND.c.is_scored))
    if newest is not None:
        owners = {str(row.id): row.owner for row in connection.execute(sa.select(MODEL.c.id, MODEL.c.owner))}
        earned = list(_earned(connection, newest))
        scores = list(_scores(connection, newest))
        before = {days: list(_rewards(connection, newest - days * DAY)) for days in WINDOWS}
        for is_account in (False, True):
            named: Callable[[str], str] = (lambda model: owners.get(model, model)) if is_account else str
            ranks = {days: _ranks(rewards, named) for days, rewards in before.items()}
            _write(connection, _Ranking.of(earned, scores, named), ranks, is_account=is_account)
    connection.execute(sa.update(CURSOR).values(standings_stale=False))


@dataclass(frozen=True)
class _Ranking:
    """Sums by holder.

    Attributes
    ----------
    earned
        Count of results, sum of reward scores, then net and at risk for each window and in all.
    scores
        Count and sum by factor.
    """

    earned: Mapping[str, Sums]
    scores: Mapping[str, Mapping[str, Sums]]

    @classmethod
    def of(
        cls,
        earned: Iterable[tuple[str, Sums]],
        scores: Iterable[tuple[str, str, Sums]],
        named: Callable[[str], str],
    ) -> "_Ranking":
        sums: dict[str, Sums] = {}
        for model, values in earned:
            _add(sums, named(model), values)
        by_factor: defaultdict[str, dict[str, Sums]] = defaultdict(dict)
        for model, factor, values in scores:
            _add(by_factor[factor], named(model), values)
        return cls(sums, by_factor)

    def rows(self, before: Ranks, *, is_account: bool) -> Iterator[dict[str, Any]]:
        rewards = {holder: reward / count for holder, (count, reward, *_) in self.earned.items() if count}
        names = [f"{part}_{days}" for days in WINDOWS for part in ("net", "at_risk")]
        for rank, (holder, reward) in enumerate(_ranked(rewards), start=1):
            count, _, *amounts = self.earned[holder]
            yield {
                "holder": holder,
                "is_account": is_account,
                "rank": rank,
                "rounds": count,
                "reward": reward / ONE,
                **dict(zip([*names, "net_all", "at_risk_all"], amounts, strict=True)),
                **{f"rank_{days}": ranks.get(holder) for days, ranks in before.items()},
            }

    def score_rows(self) -> Iterator[dict[str, Any]]:
        for factor, sums in self.scores.items():
            means = {holder: total / count for holder, (count, total) in sums.items()}
            for rank, (holder, mean) in enumerate(_ranked(means), start=1):
                yield {"holder": holder, "factor": factor, "mean": mean / SCALE, "rank": rank}


def _ranked(values: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the highest first; of equals, the one with the lower number."""
    return sorted(values.items(), key=lambda item: (-item[1], len(item[0]), item[0]))


def _add(sums: dict[str, Sums], holder: str, values: Sums) -> None:
    known = sums.get(holder)
    sums[holder] = (
        values if known is None else [one + other for one, other in zip(known, values, strict=True)]
    )


def _write(connection: sa.Connection, ranking: _Ranking, before: Ranks, *, is_account: bool) -> None:
    insert(connection, STANDING, ranking.rows(before, is_account=is_account))
    insert(connection, STANDING_SCORE, ranking.score_rows())


def _earned(connection: sa.Connection, newest: int) -> Iterator[tuple[str, Sums]]:
    """Yield sums of every model: of the year's rounds, of each window, and of all rounds."""
    net = RESULT.c.payout - RESULT.c.burn
    year = ROUND.c.resolve_at > newest - YEAR
    columns = [_sum_where(year, sa.literal(1)), _sum_where(year, COUNTED_REWARD)]
    for days in WINDOWS:
        within = ROUND.c.resolve_at > newest - days * DAY
        columns += [_sum_where(within, net), _sum_where(within, RESULT.c.position)]
    columns += [sa.func.sum(net), sa.func.sum(RESULT.c.position)]
    joined = RESULT.join(ROUND, ROUND.c.id == RESULT.c.round)
    query = sa.select(RESULT.c.model, *columns).select_from(joined).where(ROUND.c.is_scored)
    for model, *values in connection.execute(query.group_by(RESULT.c.model)):
        yield str(model), [int(value) for value in values]


def _rewards(connection: sa.Connection, end: int) -> Iterator[tuple[str, Sums]]:
    """Yield the count and the sum of every model's reward scores, in the year up to `end`."""
    joined = RESULT.join(ROUND, ROUND.c.id == RESULT.c.round)
    within = (ROUND.c.is_scored, ROUND.c.resolve_at > end - YEAR, ROUND.c.resolve_at <= end)
    query = sa.select(RESULT.c.model, sa.func.count(), sa.func.sum(COUNTED_REWARD))
    for model, count, total in connection.execute(
        query.select_from(joined).where(*within).group_by(RESULT.c.model)
    ):
        yield str(model), [int(count), int(total)]


def _ranks(rewards: Iterable[tuple[str, Sums]], named: Callable[[str], str]) -> dict[str, int]:
    """Return ranks by mean reward score, as `_Ranking.rows` gives them."""
    sums: dict[str, Sums] = {}
    for model, values in rewards:
        _add(sums, named(model), values)
    means = {holder: total / count for holder, (count, total) in sums.items()}
    return {holder: rank for rank, (holder, _) in enumerate(_ranked(means), start=1)}


def _sum_where(condition: sa.ColumnElement[bool], value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.func.sum(sa.case((condition, value), else_=0))


def _scores(connection: sa.Connection, newest: int) -> Iterator[tuple[str, str, Sums]]:
    """Yield the count and the sum of every model's scores by factor, in the year."""
    whole = sa.cast(sa.func.round(SCORE.c.value * SCALE), sa.BigInteger)
    joined = SCORE.join(ROUND, ROUND.c.id == SCORE.c.round)
    query = sa.select(SCORE.c.model, SCORE.c.factor, sa.func.count(), sa.func.sum(whole))
    query = query.select_from(joined).where(ROUND.c.resolve_at > newest - YEAR)
    for model, factor, count, total in connection.execute(query.group_by(SCORE.c.model, SCORE.c.factor)):
        yield str(model), factor, [int(count), int(total)]
