"""The leaderboards of models and accounts: one page of rows, sorted and filtered by the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from scorer.server.accounts import model_name
from scorer.server.services import Services
from scorer.server.tables import (
    ACCOUNT,
    LANE,
    MODEL,
    MODEL_PROFILE,
    RESULT,
    ROUND,
    STANDING,
    STANDING_SCORE,
)

PAGE: Final = 100
"""Rows of a page."""
LONGEST_FILTER: Final = 60
MOST_FACTORS: Final = 6
"""Scores that have a column; rules with more have the others on the model's page."""


@dataclass(frozen=True)
class BoardRequest:
    """A request for a page of a leaderboard; `sort` is a column, with a minus for falling order."""

    is_account: bool
    sort: str = "rank"
    text: str = ""
    page: int = 1


@dataclass(frozen=True)
class BoardRow:
    """One model or account; amounts in nano-NMR, returns as shares of one, None where nothing was at risk."""

    rank: int
    key: str
    name: str
    is_baseline: bool
    stake: int
    reward: float
    rounds: int
    scores: Mapping[str, float]
    returns: Mapping[int, float | None]
    net: int
    changes: Mapping[int, int | None]


@dataclass(frozen=True)
class Board:
    """A page of a leaderboard.

    Attributes
    ----------
    factors
        Scores with a column, in the order of the alphabet.
    count
        Rows of all pages.
    """

    request: BoardRequest
    factors: tuple[str, ...]
    rows: tuple[BoardRow, ...]
    count: int

    @property
    def pages(self) -> int:
        """The number of pages, at least one."""
        return max(1, -(-self.count // PAGE))


def read_board(services: Services, request: BoardRequest, baselines: Sequence[int] = ()) -> Board:
    """Return a page of a leaderboard."""
    with services.database.reading() as connection:
        factors = _factors(connection)
        query, count = _selected(request, factors)
        total: int = connection.scalar(count) or 0
        rows = connection.execute(query).all()
    holders = [row.holder for row in rows]
    means = services.queries.standing_scores(holders)
    names, stakes = _names_and_stakes(services, holders, is_account=request.is_account)
    marked = frozenset() if request.is_account else frozenset(map(str, baselines))
    found = tuple(
        _row(row, names[row.holder], stakes[row.holder], means[row.holder], baseline=row.holder in marked)
        for row in rows
    )
    return Board(request, factors, found, total)


def _factors(connection: sa.Connection) -> tuple[str, ...]:
    """Return the scores of rounds, without reading all rows: each is looked up after the one before."""
    found: list[str] = []
    while len(found) < MOST_FACTORS:
        after = STANDING_SCORE.c.factor > found[-1] if found else sa.true()
        factor = connection.scalar(sa.select(sa.func.min(STANDING_SCORE.c.factor)).where(after))
        if factor is None:
            break
        found.append(factor)
    return tuple(found)


def _return(days: str) -> sa.ColumnElement[Any]:
    at_risk = sa.cast(STANDING.c[f"at_risk_{days}"], sa.Float)
    return STANDING.c[f"net_{days}"] / sa.func.nullif(at_risk, 0.0)


def _selected(request: BoardRequest, factors: Sequence[str]) -> tuple[sa.Select[Any], Any]:
    """Return the query of a page, and that of the number of rows in all."""
    name = request.sort.removeprefix("-")
    source: sa.FromClause = STANDING
    condition: sa.ColumnElement[bool] = STANDING.c.is_account == request.is_account
    order: sa.ColumnElement[Any] = STANDING.c.rank
    simple = {"reward": STANDING.c.reward, "rounds": STANDING.c.rounds, "net": STANDING.c.net_all}
    returns = {"day": "1", "quarter": "91", "year": "364"}
    if name in simple:
        order = simple[name]
    elif name in returns:
        order = _return(returns[name])
    elif name in factors:
        means = STANDING_SCORE.alias()
        same = sa.and_(means.c.holder == STANDING.c.holder, means.c.factor == name)
        source, order = source.outerjoin(means, same), means.c.mean
    elif name == "stake":
        stakes = _all_stakes(is_account=request.is_account).subquery()
        source = source.outerjoin(stakes, stakes.c.holder == STANDING.c.holder)
        order = sa.func.coalesce(stakes.c.amount, 0)
    if request.text or name == "name":
        source, label = _with_names(source, is_account=request.is_account)
        order = label if name == "name" else order
        if request.text:
            condition = sa.and_(condition, _matches(label, request.text))
    ordered = (order.desc() if request.sort.startswith("-") else order.asc()).nulls_last()
    query = sa.select(STANDING).select_from(source).where(condition).order_by(ordered, STANDING.c.rank)
    count = sa.select(sa.func.count()).select_from(source).where(condition)
    return query.limit(PAGE).offset((request.page - 1) * PAGE), count


def _with_names(source: sa.FromClause, *, is_account: bool) -> tuple[sa.FromClause, sa.ColumnElement[str]]:
    """Return the standings with names in small letters beside them."""
    if is_account:
        joined = source.outerjoin(ACCOUNT, ACCOUNT.c.wallet == STANDING.c.holder)
        return joined, sa.func.coalesce(ACCOUNT.c.username_key, sa.func.lower(STANDING.c.holder))
    # A number a row, by which the profile's key is looked up: of texts, every pair would be compared. The
    # CASE keeps PostgreSQL from taking an address for a number.
    number = sa.case((~STANDING.c.is_account, sa.cast(STANDING.c.holder, sa.Integer)))
    same = MODEL_PROFILE.c.model == number
    unnamed = sa.literal("model_").concat(STANDING.c.holder)
    label = sa.func.coalesce(sa.func.lower(MODEL_PROFILE.c.name), unnamed)
    return source.outerjoin(MODEL_PROFILE, same), label


def _matches(label: sa.ColumnElement[str], text: str) -> sa.ColumnElement[bool]:
    plain = text[:LONGEST_FILTER].lower()
    return sa.or_(label.contains(plain, autoescape=True), STANDING.c.holder == plain)


def _all_stakes(*, is_account: bool) -> Any:
    """Return the query of everybody's stake: idle, and at risk in rounds that are not over."""
    open_rounds = sa.select(ROUND.c.id).where(~ROUND.c.is_over)
    at_risk = sa.select(RESULT.c.model.label("model"), RESULT.c.position.label("amount"))
    parts = sa.union_all(
        sa.select(LANE.c.model.label("model"), LANE.c.idle.label("amount")),
        at_risk.where(RESULT.c.round.in_(open_rounds)),
    ).subquery()
    amount = sa.func.sum(parts.c.amount).label("amount")
    if not is_account:
        holder = sa.cast(parts.c.model, sa.String).label("holder")
        return sa.select(holder, amount).group_by(parts.c.model)
    owned = parts.join(MODEL, MODEL.c.id == parts.c.model)
    return sa.select(MODEL.c.owner.label("holder"), amount).select_from(owned).group_by(MODEL.c.owner)


def _names_and_stakes(
    services: Services, holders: Sequence[str], *, is_account: bool
) -> tuple[dict[str, str], dict[str, int]]:
    if is_account:
        known = services.accounts.by_wallets(holders)
        names = {holder: known.get(holder, holder) for holder in holders}
        return names, services.queries.stakes_of_owners(holders)
    models = [int(holder) for holder in holders]
    named, stakes = services.accounts.models(models), services.queries.stakes(models)
    names = {str(model): named[model].name if model in named else model_name(model, None) for model in models}
    return names, {str(model): stakes[model] for model in models}


def _row(row: sa.Row[Any], name: str, stake: int, scores: Mapping[str, float], *, baseline: bool) -> BoardRow:
    shares = {1: (row.net_1, row.at_risk_1), 91: (row.net_91, row.at_risk_91)}
    shares[364] = (row.net_364, row.at_risk_364)
    return BoardRow(
        rank=row.rank,
        key=row.holder,
        name=name,
        is_baseline=baseline,
        stake=stake,
        reward=row.reward,
        rounds=row.rounds,
        scores=scores,
        returns={days: net / risk if risk else None for days, (net, risk) in shares.items()},
        net=row.net_all,
        changes={days: _change(row, days) for days in (1, 91, 364)},
    )


def _change(row: sa.Row[Any], days: int) -> int | None:
    """Return the places gained since so many days before; None for whoever had no rank then."""
    before = getattr(row, f"rank_{days}")
    return None if before is None else before - row.rank
