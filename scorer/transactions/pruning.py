"""Drops records of rounds that are over.

First the signed bytes and the calldata go, and hash, nonce and key stay; a long time later the rows go. Kept
is whatever prevents that something is sent twice:

- intents that are not finished, and all others of their round;
- the bytes of intents that a foreign transaction displaced: should that one vanish, ours may be mined;
- every challenge: a member that lost one must never forget it;
- the highest nonce of an account.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from scorer.failpoints import reach
from scorer.transactions.intents import IntentState
from scorer.transactions.request import NO_ROUND
from scorer.transactions.schema import ATTEMPT, EVENT, INTENT

WHOLE, LIGHT, KEPT = 0, 1, 2
"""The stages of a row: as it was written; without its bytes; left when its round was removed."""
# So few that a cycle is not held up by a long journal: the rest follows in later cycles.
ROUNDS_AT_ONCE: Final = 20
KEPT_KINDS: Final = ("challenge",)
_FINISHED: Final = tuple(
    state.value for state in (IntentState.FINAL, IntentState.FAILED, IntentState.CANCELLED)
)
_ENDED: Final = (*_FINISHED, IntentState.DISPLACED.value, IntentState.PLANNED.value)
"""States that do not change any more: an intent that is planned when its round is over is never signed."""


def rounds_in_stage(connection: sa.Connection, scope: str, stage: int) -> list[int]:
    """Return the rounds of a tournament that have rows of a stage, oldest first.

    It steps from each round to the next by the index, however many rows a round has.
    """

    def first_after(earlier: sa.ColumnElement[int] | int) -> sa.ScalarSelect[int | None]:
        rows = (INTENT.c.scope == scope) & (INTENT.c.stage == stage) & (INTENT.c.round > earlier)
        return sa.select(sa.func.min(INTENT.c.round)).where(rows).scalar_subquery()

    rounds = sa.select(first_after(NO_ROUND).label("round")).cte("rounds", recursive=True)
    rounds = rounds.union_all(sa.select(first_after(rounds.c.round)).where(rounds.c.round.is_not(None)))
    rows = connection.execute(sa.select(rounds.c.round).where(rounds.c.round.is_not(None)))
    return [int(row[0]) for row in rows]


def lighten(connection: sa.Connection, scope: str, rounds: Sequence[int], finalised: int) -> int:
    """Drop the bytes of rounds that are over in block `finalised`, and count the rounds.

    A round with an intent that is not finished by then is left as it is.
    """
    count = 0
    for round_id in [number for number in rounds if number > NO_ROUND][:ROUNDS_AT_ONCE]:
        count += _lighten_round(connection, _of(scope, round_id) & (INTENT.c.stage == WHOLE), finalised)
        reach("journal-pruning", f"bytes of {round_id}")
    return count


def _lighten_round(connection: sa.Connection, rows: sa.ColumnElement[bool], finalised: int) -> bool:
    if _has_unfinished(connection, rows, finalised):
        return False
    finished = sa.select(INTENT.c.id).where(rows, INTENT.c.state.in_(_FINISHED))
    connection.execute(sa.update(ATTEMPT).where(ATTEMPT.c.intent.in_(finished)).values(raw=b""))
    connection.execute(sa.update(INTENT).where(rows, INTENT.c.state.in_(_FINISHED)).values(data=b""))
    return connection.execute(sa.update(INTENT).where(rows).values(stage=LIGHT)).rowcount > 0


def _has_unfinished(connection: sa.Connection, rows: sa.ColumnElement[bool], finalised: int) -> bool:
    later = INTENT.c.finished_at > finalised
    unfinished = sa.select(INTENT.c.id).where(rows, INTENT.c.state.not_in(_ENDED) | later)
    return connection.execute(unfinished.limit(1)).first() is not None


def remove(connection: sa.Connection, scope: str, before: int) -> int:
    """Remove the rows of rounds whose bytes were dropped and that signed nothing since `before`; count them.

    `before` is chain time, seconds since the epoch.
    """
    count = 0
    for round_id in rounds_in_stage(connection, scope, LIGHT)[:ROUNDS_AT_ONCE]:
        rows = _of(scope, round_id) & (INTENT.c.stage == LIGHT)
        signed = sa.select(sa.func.max(ATTEMPT.c.signed_at)).join(INTENT).where(rows)
        # Oldest first: rounds that follow signed as late or later.
        if (connection.execute(signed).scalar_one() or 0) >= before:
            break
        _remove_round(connection, rows)
        reach("journal-pruning", f"rows of {round_id}")
        count += 1
    return count


def _remove_round(connection: sa.Connection, rows: sa.ColumnElement[bool]) -> None:
    other = INTENT.alias()
    # The highest nonce stays: the next one to sign with is computed from it.
    highest = sa.select(sa.func.max(other.c.nonce)).where(other.c.account == INTENT.c.account)
    removable = (
        rows
        & INTENT.c.act.not_in(KEPT_KINDS)
        & INTENT.c.state.in_((*_FINISHED, IntentState.PLANNED.value))
        & (INTENT.c.nonce.is_(None) | (INTENT.c.nonce < highest.scalar_subquery()))
    )
    ids = [row.id for row in connection.execute(sa.select(INTENT.c.id).where(removable))]
    # SQLite bounds the parameters of one statement, to 999 in older versions.
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        # Attempts first, as each refers to its intent.
        connection.execute(sa.delete(ATTEMPT).where(ATTEMPT.c.intent.in_(some)))
        connection.execute(sa.delete(INTENT).where(INTENT.c.id.in_(some)))
    connection.execute(sa.update(INTENT).where(rows).values(stage=KEPT))


def remove_events(connection: sa.Connection, before: int) -> None:
    """Remove the events before a chain time, seconds since the epoch."""
    connection.execute(sa.delete(EVENT).where(EVENT.c.at < before))


def _of(scope: str, round_id: int) -> sa.ColumnElement[bool]:
    return (INTENT.c.scope == scope) & (INTENT.c.round == round_id)
