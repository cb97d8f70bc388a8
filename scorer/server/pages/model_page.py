"""Reads what the pages of models, payouts and accounts show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from scorer.server.accounts import NamedModel
from scorer.server.custody import held_for
from scorer.server.services import Services
from scorer.server.tables import (
    LANE,
    MOVEMENT,
    RESULT,
    ROUND,
    ROUND_SCORE_SUMMARY,
    SCORE,
    STANDING,
    SUBMISSION,
)

ROUNDS: Final = 50
"""Rounds on a page of a model: it takes as long after ten years as after one."""
TOP: Final = 10
"""Models of the leaderboard whose scores are shown beside a model's."""


@dataclass(frozen=True)
class ScoredDay:
    """A model's score in one round, beside the median of all and the mean of the leaderboard's best ten."""

    round_id: int
    at: int
    value: float
    percentile: float
    median: float | None
    top: float | None


@dataclass(frozen=True)
class StakePoint:
    """A model's stake after one event; nano-NMR."""

    at: int
    amount: int


@dataclass(frozen=True)
class ModelFacts:
    """A model as its page shows it.

    Attributes
    ----------
    results
        Its rounds on this page, newest first.
    pages
        Number of pages of its rounds, at least one.
    scores
        By factor, oldest first.
    diagnosis
        When its newest diagnostics were made, and what they say; None where the owner does not show them.
    held_for
        The account for which the operator holds it; None for a model that its owner claimed or registered.
    """

    model: NamedModel
    owner_name: str | None
    held_for: str | None
    standing: sa.Row[Any] | None
    stake: int
    idle: int
    results: Sequence[sa.Row[Any]]
    page: int
    pages: int
    scores: Mapping[str, tuple[ScoredDay, ...]]
    stakes: tuple[StakePoint, ...]
    last_submission: Any
    diagnosis: tuple[int, Mapping[str, Any]] | None

    @property
    def at_risk(self) -> int:
        """The stake in rounds that are not over."""
        return self.stake - self.idle


def read_model(services: Services, number: int, page: int = 1) -> ModelFacts | None:
    """Return a model with a page of its rounds; None for a number that is not registered."""
    model = services.accounts.model(number)
    if model is None:
        return None
    owner = services.accounts.by_wallet(model.owner)
    rounds, count = services.queries.rounds_of(number, page, ROUNDS)
    with services.database.reading() as connection:
        idle = connection.scalar(sa.select(LANE.c.idle).where(LANE.c.model == number)) or 0
        submission = connection.execute(
            sa.select(SUBMISSION.c.round, SUBMISSION.c.state, SUBMISSION.c.received_at)
            .where(SUBMISSION.c.model == number)
            .order_by(SUBMISSION.c.received_at.desc(), SUBMISSION.c.inbox_file.desc())
            .limit(1)
        ).one_or_none()
    return ModelFacts(
        model=model,
        owner_name=None if owner is None else owner.username,
        held_for=held_for(services.accounts, model),
        standing=services.queries.standing(number),
        stake=services.queries.stakes([number])[number],
        idle=int(idle),
        results=services.queries.results_of([number], rounds),
        page=page,
        pages=max(-(-count // ROUNDS), 1),
        scores=_scores(services, number, rounds),
        stakes=_stakes(services, number),
        last_submission=submission,
        diagnosis=services.diagnoses.newest(number) if model.shows_exposures else None,
    )


def _scores(services: Services, model: int, rounds: Sequence[int]) -> dict[str, tuple[ScoredDay, ...]]:
    """Return a model's scores in some rounds by factor, with those of others in the same rounds."""
    rows = list(reversed(services.queries.scores_of(model, rounds)))
    others = _others(services, rounds)
    found: dict[str, list[ScoredDay]] = {}
    for row in rows:
        median, top = others.get((row.round, row.factor), (None, None))
        day = ScoredDay(row.round, row.resolve_at, row.value, row.percentile, median, top)
        found.setdefault(row.factor, []).append(day)
    return {factor: tuple(days) for factor, days in sorted(found.items())}


def _others(
    services: Services, rounds: Sequence[int]
) -> dict[tuple[int, str], tuple[float | None, float | None]]:
    """Return the median of all and the mean of the best ten by round and factor."""
    if not rounds:
        return {}
    best = sa.select(STANDING.c.holder).where(~STANDING.c.is_account).order_by(STANDING.c.rank).limit(TOP)
    summaries = sa.select(ROUND_SCORE_SUMMARY).where(ROUND_SCORE_SUMMARY.c.round.in_(rounds))
    with services.database.reading() as connection:
        models = [int(holder) for holder in connection.scalars(best)]
        means = sa.select(SCORE.c.round, SCORE.c.factor, sa.func.avg(SCORE.c.value).label("mean"))
        means = means.where(SCORE.c.round.in_(rounds), SCORE.c.model.in_(models))
        means = means.group_by(SCORE.c.round, SCORE.c.factor)
        top = {(row.round, row.factor): row.mean for row in connection.execute(means)}
        medians = {(row.round, row.factor): row.median for row in connection.execute(summaries)}
    return {key: (medians.get(key), top.get(key)) for key in {*top, *medians}}


def _stakes(services: Services, model: int) -> tuple[StakePoint, ...]:
    """Return a model's stake after each deposit, withdrawal and settled round, oldest first."""
    moved = sa.select(MOVEMENT.c.at, MOVEMENT.c.kind, MOVEMENT.c.amount).where(MOVEMENT.c.model == model)
    settled = (
        sa.select(RESULT.c.settled_at, ROUND.c.resolve_at, RESULT.c.payout, RESULT.c.burn)
        .join(ROUND, ROUND.c.id == RESULT.c.round)
        .where(RESULT.c.model == model, RESULT.c.payout.is_not(None))
    )
    with services.database.reading() as connection:
        changes = [
            (row.at, row.amount if row.kind == "deposit" else -row.amount)
            for row in connection.execute(moved)
        ]
        changes += [
            (row.settled_at or row.resolve_at, row.payout - row.burn) for row in connection.execute(settled)
        ]
    total, points = 0, dict[int, int]()
    for at, change in sorted(changes):
        total += change
        points[at] = total
    return tuple(StakePoint(at, amount) for at, amount in points.items())


@dataclass(frozen=True)
class AccountFacts:
    """An account, or an owner without one here, as its page shows it.

    Attributes
    ----------
    address
        The wallet; None for an account without one.
    key
        By which the page is found: the name, or the address.
    """

    key: str
    name: str
    address: str | None
    bio: str
    link_url: str
    link_text: str
    models: tuple[NamedModel, ...]
    standings: Mapping[str, sa.Row[Any]]
    standing: sa.Row[Any] | None
    stakes: Mapping[int, int]
    movements: Sequence[sa.Row[Any]]


def read_account(services: Services, key: str) -> AccountFacts | None:
    """Return an account by its name or its wallet's address; None where there is neither."""
    accounts = services.accounts
    known = accounts.by_name(key) or accounts.by_wallet(key)
    models = accounts.models_of(known) if known else list(accounts.models(accounts.owned_by(key)).values())
    if known is None and not models:
        return None
    address = known.wallet if known else key
    holders = [*(str(model.id) for model in models), *([address] if address else [])]
    with services.database.reading() as connection:
        rows = connection.execute(sa.select(STANDING).where(STANDING.c.holder.in_(holders))).all()
    standings = {row.holder: row for row in rows}
    return AccountFacts(
        known.username if known else key,
        known.username if known else key,
        address,
        *((known.bio, known.link_url, known.link_text) if known else ("", "", "")),
        tuple(models),
        standings,
        standings.get(address or ""),
        services.queries.stakes([model.id for model in models]),
        services.queries.movements_of(address, 50) if address else (),
    )
