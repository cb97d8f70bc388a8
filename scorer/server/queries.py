"""Reads the read model: rounds, results, scores and standings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from scorer.chain.records import RoundState
from scorer.server.accounts import Clock
from scorer.server.database import Database
from scorer.server.tables import (
    CURSOR,
    INTERIM_DAY,
    INTERIM_SCORE,
    LANE,
    MODEL,
    MOVEMENT,
    RESULT,
    ROUND,
    SCORE,
    STANDING,
    STANDING_SCORE,
)

MOST_ROUNDS = 2_000
"""Rounds of one answer: 80 of a tournament's years have fewer, were there one a fortnight."""
Rows = Sequence[sa.Row[Any]]

LARGEST_ID: Final = 2**63 - 1
"""The largest whole number that every database holds."""


@dataclass(frozen=True)
class Queries:
    """Answers what people ask of the read model."""

    database: Database
    clock: Clock

    def _all(self, query: sa.Executable, **parameters: Any) -> Rows:
        with self.database.reading() as connection:
            return connection.execute(query, parameters).all()

    def _first(self, query: sa.Select[Any]) -> sa.Row[Any] | None:
        with self.database.reading() as connection:
            return connection.execute(query.limit(1)).one_or_none()

    def cursor(self) -> sa.Row[Any] | None:
        """Return the block up to which the chain is mirrored."""
        return self._first(sa.select(CURSOR))

    def rounds(self, limit: int | None = None) -> Rows:
        """Return rounds, newest first."""
        return self._all(
            sa.select(ROUND).order_by(ROUND.c.id.desc()).limit(min(limit or MOST_ROUNDS, MOST_ROUNDS))
        )

    def round(self, round_id: int) -> sa.Row[Any] | None:
        """Return a round; None for one that was not opened, and for a number that no round has."""
        if round_id > LARGEST_ID:
            return None
        return self._first(sa.select(ROUND).where(ROUND.c.id == round_id))

    def current_round(self) -> sa.Row[Any] | None:
        """Return the newest round that has opened, whether or not it still takes submissions."""
        found = self._all(_CURRENT, now=self.clock())
        return found[0] if found else None

    def due_round(self) -> sa.Row[Any] | None:
        """Return the newest round whose outcome is due."""
        due = sa.select(ROUND).where(ROUND.c.resolve_at <= self.clock())
        return self._first(due.order_by(ROUND.c.resolve_at.desc(), ROUND.c.id.desc()))

    def round_due_between(self, first: int, end: int) -> sa.Row[Any] | None:
        """Return the newest round whose outcome is due from `first` on and before `end`, Unix seconds."""
        due = sa.select(ROUND).where(ROUND.c.resolve_at >= first, ROUND.c.resolve_at < end)
        return self._first(due.order_by(ROUND.c.id.desc()))

    def results_of(self, models: Sequence[int], rounds: Sequence[int] | None = None) -> Rows:
        """Return results of models with the state and the times of their rounds, newest first.

        Parameters
        ----------
        rounds
            The rounds that are meant; None: the newest.
        """
        times = (ROUND.c.open_at, ROUND.c.close_at, ROUND.c.resolve_at)
        columns = (ROUND.c.id, *times, ROUND.c.is_over, ROUND.c.is_scored)
        terms = (ROUND.c.payout_factor, ROUND.c.rules, ROUND.c.rules_hash, ROUND.c.state.label("round_state"))
        query = sa.select(RESULT, *columns, *terms).join(ROUND, ROUND.c.id == RESULT.c.round)
        query = query.where(RESULT.c.model.in_(models))
        if rounds is not None:
            query = query.where(RESULT.c.round.in_(rounds))
        return self._all(query.order_by(RESULT.c.round.desc(), RESULT.c.model).limit(MOST_ROUNDS))

    def rounds_of(self, model: int, page: int, size: int) -> tuple[list[int], int]:
        """Return a page of the rounds in which a model has a result or a score, newest first; and how many.

        Parameters
        ----------
        page
            From 1 on.
        """
        both = (sa.select(table.c.round).where(table.c.model == model) for table in (RESULT, SCORE))
        rounds = sa.union(*both).subquery()
        newest = (
            sa.select(rounds.c.round).order_by(rounds.c.round.desc()).limit(size).offset((page - 1) * size)
        )
        with self.database.reading() as connection:
            count = connection.scalar(sa.select(sa.func.count()).select_from(rounds)) or 0
            return [int(number) for number in connection.scalars(newest)], int(count)

    def result(self, model: int, round_id: int) -> sa.Row[Any] | None:
        """Return a model's result in a round; None where it has none."""
        return self._first(sa.select(RESULT).where(RESULT.c.model == model, RESULT.c.round == round_id))

    def earned(self, models: Sequence[int], limit: int, times: tuple[int, int] | None = None) -> Rows:
        """Return the positions of models that were paid or burned, oldest round first, at most `limit`.

        Parameters
        ----------
        times
            Unix seconds from which on and before which they were settled; None: at any time.
        """
        columns = (RESULT.c.round, RESULT.c.model, RESULT.c.transaction_hash, RESULT.c.settled_at)
        query = sa.select(*columns).where(RESULT.c.model.in_(models))
        query = query.where(RESULT.c.payout.is_not(None), RESULT.c.position > 0)
        if times is not None:
            query = query.where(RESULT.c.settled_at >= times[0], RESULT.c.settled_at < times[1])
        return self._all(query.order_by(RESULT.c.round, RESULT.c.model).limit(limit))

    def payouts(self, round_id: int) -> Rows:
        """Return every model's part in a round whose outcome is here."""
        names = ("model", "position", "reward_score", "payout", "burn")
        query = sa.select(*(RESULT.c[name] for name in names))
        return self._all(
            query.where(RESULT.c.round == round_id, RESULT.c.payout.is_not(None)).order_by(RESULT.c.model)
        )

    def scores_of(self, model: int, rounds: Sequence[int] | None = None) -> Rows:
        """Return the scores of a model in some rounds, or in all, with the rounds' times, newest first."""
        query = sa.select(SCORE, ROUND.c.resolve_at, ROUND.c.close_at, ROUND.c.rules).join(
            ROUND, ROUND.c.id == SCORE.c.round
        )
        query = query.where(SCORE.c.model == model)
        if rounds is not None:
            query = query.where(SCORE.c.round.in_(rounds))
        return self._all(query.order_by(SCORE.c.round.desc(), SCORE.c.factor).limit(20_000))

    def daily_scores_of(self, model: int) -> Rows:
        """Return round, factor, value and resolution of a model's scores, oldest round first."""
        return self._all(_DAILY, model=model)

    def interim_scores_of(self, model: int) -> Rows:
        """Return the scores so far of a model in rounds that run, newest round and day first."""
        same_day = sa.and_(
            INTERIM_DAY.c.round == INTERIM_SCORE.c.round, INTERIM_DAY.c.day == INTERIM_SCORE.c.day
        )
        times = (ROUND.c.resolve_at, ROUND.c.close_at, ROUND.c.payout_factor, ROUND.c.cap)
        query = sa.select(INTERIM_SCORE, INTERIM_DAY.c.days, INTERIM_DAY.c.session, *times)
        query = query.join(INTERIM_DAY, same_day).join(ROUND, ROUND.c.id == INTERIM_SCORE.c.round)
        query = query.where(INTERIM_SCORE.c.model == model)
        return self._all(
            query.order_by(INTERIM_SCORE.c.round.desc(), INTERIM_SCORE.c.day.desc()).limit(20_000)
        )

    def standings(self, limit: int, offset: int, *, is_account: bool) -> Rows:
        """Return a page of the leaderboard; ranks are the numbers from 1 on."""
        return self._all(_STANDINGS, is_account=is_account, limit=limit, offset=offset)

    def standing(self, model: int) -> sa.Row[Any] | None:
        """Return a model's place on the leaderboard; None before its first round."""
        return self._first(sa.select(STANDING).where(STANDING.c.holder == str(model)))

    def standing_scores(self, holders: Sequence[str]) -> dict[str, dict[str, float]]:
        """Return mean scores by holder and factor."""
        means: dict[str, dict[str, float]] = {holder: {} for holder in holders}
        for row in self._all(_MEANS, holders=list(holders)):
            means[row.holder][row.factor] = row.mean
        return means

    def stakes(self, models: Sequence[int]) -> dict[int, int]:
        """Return the stake of models in nano-NMR: idle, and at risk in rounds that are not over."""
        sums = dict.fromkeys(models, 0)
        found: list[Any] = list(self._all(_STAKES, models=list(models)))
        for model, amount in found:
            sums[model] += int(amount)
        return sums

    def stakes_of_owners(self, owners: Sequence[str]) -> dict[str, int]:
        """Return the stake of all models of owners in nano-NMR, as `stakes` does of models."""
        theirs, owner = MODEL.c.owner.in_(owners), MODEL.c.owner
        idle = sa.select(owner, sa.func.sum(LANE.c.idle)).join(LANE, LANE.c.model == MODEL.c.id)
        open_rounds = sa.select(ROUND.c.id).where(~ROUND.c.is_over).scalar_subquery()
        at_risk = sa.select(owner, sa.func.sum(RESULT.c.position)).join(RESULT, RESULT.c.model == MODEL.c.id)
        at_risk = at_risk.where(RESULT.c.round.in_(open_rounds))
        sums = dict.fromkeys(owners, 0)
        found: list[Any] = []
        for query in (idle, at_risk):
            found += self._all(query.where(theirs).group_by(owner))
        for address, amount in found:
            sums[address] += int(amount)
        return sums

    def movements_of(self, wallet: str, limit: int = MOST_ROUNDS) -> Rows:
        """Return deposits and withdrawals of a wallet, newest first."""
        query = sa.select(MOVEMENT).where(MOVEMENT.c.account == wallet)
        return self._all(query.order_by(MOVEMENT.c.block.desc(), MOVEMENT.c.log_index.desc()).limit(limit))


# Statements of pages that are asked for often: to put one together takes longer than to run it.
_STANDINGS: Final = (
    sa.select(STANDING)
    .where(STANDING.c.is_account == sa.bindparam("is_account"), STANDING.c.rank > sa.bindparam("offset"))
    .order_by(STANDING.c.rank)
    .limit(sa.bindparam("limit"))
)
_MEANS: Final = sa.select(STANDING_SCORE.c.holder, STANDING_SCORE.c.factor, STANDING_SCORE.c.mean).where(
    STANDING_SCORE.c.holder.in_(sa.bindparam("holders", expanding=True))
)
_DAILY: Final = (
    sa.select(SCORE.c.round, SCORE.c.factor, SCORE.c.value, ROUND.c.resolve_at)
    .join(ROUND, ROUND.c.id == SCORE.c.round)
    .where(SCORE.c.model == sa.bindparam("model"))
    .order_by(SCORE.c.round, SCORE.c.factor)
    .limit(20_000)
)
_CURRENT: Final = (
    sa.select(ROUND)
    .where(ROUND.c.open_at <= sa.bindparam("now"), ROUND.c.state != RoundState.VOIDED)
    .order_by(ROUND.c.open_at.desc(), ROUND.c.id.desc())
    .limit(1)
)
_OPEN: Final = sa.select(ROUND.c.id).where(~ROUND.c.is_over).scalar_subquery()
_STAKES: Final = sa.union_all(
    sa.select(LANE.c.model, LANE.c.idle).where(LANE.c.model.in_(sa.bindparam("models", expanding=True))),
    sa.select(RESULT.c.model, sa.func.sum(RESULT.c.position))
    .where(RESULT.c.model.in_(sa.bindparam("models", expanding=True)), RESULT.c.round.in_(_OPEN))
    .group_by(RESULT.c.model),
)
"""The idle stake and the stake at risk, by model."""
