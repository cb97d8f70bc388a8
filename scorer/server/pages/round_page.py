"""Reads what the pages of rounds show."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from scorer.chain.records import RoundState
from scorer.protocol.rules import Rules
from scorer.server.round_roots import rules_of
from scorer.server.services import Services
from scorer.server.tables import RESULT, ROUND, SCORE
from scorer.units import ONE

PAGE: Final = 50
RESULTS: Final = 100
"""Results of a page of a round."""
OVER: Final = (RoundState.SETTLED, RoundState.VOIDED)


@dataclass(frozen=True)
class ResultRow:
    """A model's part in a round; amounts in nano-NMR, None before the outcome."""

    model: int
    name: str
    position: int
    reward_score: int | None
    rate: int | None
    payout: int | None
    burn: int | None
    settled_at: int | None
    scores: Mapping[str, float]
    is_silent: bool = False

    @property
    def net(self) -> int | None:
        """The change of the position."""
        return None if self.payout is None or self.burn is None else self.payout - self.burn


@dataclass(frozen=True)
class RoundFacts:
    """A round as its page shows it.

    Attributes
    ----------
    rewards
        The reward scores of all models as plain numbers.
    positions
        Models with a position.
    """

    row: sa.Row[Any]
    rules: Rules | None
    results: tuple[ResultRow, ...]
    rewards: tuple[float, ...]
    count: int
    positions: int
    page: int

    @property
    def pages(self) -> int:
        """The number of pages of results, at least one."""
        return max(1, -(-self.count // RESULTS))

    @property
    def rules_json(self) -> str | None:
        """The rules as people read them."""
        return None if self.rules is None else readable(self.rules)


def readable(rules: Rules) -> str:
    """Return rules as indented JSON, whose canonical form has the rules hash."""
    return json.dumps(json.loads(rules.canonical_json()), indent=2, ensure_ascii=False)


def read_round(services: Services, round_id: int, page: int = 1) -> RoundFacts | None:
    """Return a round; None for one that was not opened."""
    row = services.queries.round(round_id)
    if row is None:
        return None
    of_round = RESULT.c.round == round_id
    net = RESULT.c.payout - RESULT.c.burn
    order = (net.desc().nulls_last(), RESULT.c.position.desc(), RESULT.c.model)
    ranked = sa.select(RESULT.c.model).where(of_round).order_by(*order)  # in the index, which rows are not
    shown = ranked.limit(RESULTS).offset((page - 1) * RESULTS)
    with services.database.reading() as connection:
        models = connection.scalars(shown).all()
        rows = sa.select(RESULT).where(of_round, RESULT.c.model.in_(models)).order_by(*order)
        found = connection.execute(rows).all()
        count = connection.scalar(sa.select(sa.func.count()).select_from(RESULT).where(of_round)) or 0
        held = sa.select(sa.func.count()).select_from(RESULT).where(of_round, RESULT.c.position > 0)
        positions = connection.scalar(held) or 0
        rewards = connection.scalars(sa.select(RESULT.c.reward_score).where(of_round)).all()
    return RoundFacts(
        row=row,
        rules=rules_of(services, row),
        results=_results(services, round_id, found),
        rewards=tuple(reward / ONE for reward in rewards if reward is not None),
        count=count,
        positions=positions,
        page=page,
    )


def _results(services: Services, round_id: int, rows: Sequence[sa.Row[Any]]) -> tuple[ResultRow, ...]:
    models = [row.model for row in rows]
    names, scores = services.accounts.models(models), dict[int, dict[str, float]]()
    query = sa.select(SCORE.c.model, SCORE.c.factor, SCORE.c.value)
    with services.database.reading() as connection:
        for model, factor, value in connection.execute(
            query.where(SCORE.c.round == round_id, SCORE.c.model.in_(models))
        ):
            scores.setdefault(model, {})[factor] = value
    return tuple(
        ResultRow(
            row.model,
            names[row.model].name if row.model in names else f"model_{row.model}",
            *(row.position, row.reward_score, row.rate, row.payout, row.burn, row.settled_at),
            scores.get(row.model, {}),
            row.is_silent,
        )
        for row in rows
    )


def read_rounds(services: Services, page: int) -> tuple[list[sa.Row[Any]], int]:
    """Return a page of rounds, newest first, and the number of pages."""
    query = sa.select(ROUND).order_by(ROUND.c.id.desc()).limit(PAGE).offset((page - 1) * PAGE)
    with services.database.reading() as connection:
        count = connection.scalar(sa.select(sa.func.count()).select_from(ROUND)) or 0
        return list(connection.execute(query).all()), max(1, -(-count // PAGE))


def phase(row: sa.Row[Any], now: int) -> str:
    """Return what a round waits for, in a few words."""
    if row.state == RoundState.OPEN:
        return "takes submissions" if now < row.close_at else "is to be locked"
    return {
        RoundState.LOCKING: "stakes are being locked",
        RoundState.LOCKED: "waits for the committee's seal",
        RoundState.SEALED: "waits for its outcome" if now < row.resolve_at else "is being scored",
        RoundState.SETTLING: "pays and burns",
        RoundState.SETTLED: "paid and burned",
        RoundState.VOIDED: "void: positions came back whole",
    }.get(RoundState(row.state), "unknown")


def settled_rounds(services: Services, count: int) -> list[int]:
    """Return the last settled rounds, newest first."""
    query = sa.select(ROUND.c.id).where(ROUND.c.state == RoundState.SETTLED)
    with services.database.reading() as connection:
        return list(connection.scalars(query.order_by(ROUND.c.id.desc()).limit(count)))
