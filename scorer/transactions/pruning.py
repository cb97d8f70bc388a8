"""What a journal need not keep for ever: of rounds that are over, for good.

First the signed bytes and the call's data go, and hash, nonce and key stay; a long time later the rows. What
guards that nothing is done twice is kept:

- whatever is not finished, and all else of its round;
- the bytes of what a foreign transaction displaced: should that one vanish, ours may still be mined;
- every challenge: a member that lost one must know of it for good;
- the highest nonce of an account.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from scorer.failpoints import reach
from scorer.transactions.attempts import State
from scorer.transactions.keys import NO_ROUND
from scorer.transactions.schema import ATTEMPT, EVENT, INTENT

WHOLE, LIGHT, KEPT = 0, 1, 2
"""The stages of a row: as it was written; without its bytes; and what outlasts its round's removal."""
ROUNDS_AT_ONCE: Final = 20
KEPT_ACTS: Final = ("challenge",)
_FINISHED: Final = tuple(state.value for state in (State.FINAL, State.FAILED, State.CANCELLED))
_ENDED: Final = (*_FINISHED, State.DISPLACED.value, State.PLANNED.value)
"""What nothing is done about any more: a planned act of a round that is over is never signed."""


def rounds_in_stage(connection: sa.Connection, scope: str, stage: int) -> list[int]:
    """The rounds of a tournament of which there are rows of a stage, oldest first.

    From each round to the next by the index: however many acts a round has.
    """

    def first_after(earlier: sa.ColumnElement[int] | int) -> sa.ScalarSelect[int | None]:
        rows = (INTENT.c.scope == scope) & (INTENT.c.stage == stage) & (INTENT.c.round > earlier)
        return sa.select(sa.func.min(INTENT.c.round)).where(rows).scalar_subquery()

    found = sa.select(first_after(NO_ROUND).label("round")).cte("found", recursive=True)
    found = found.union_all(sa.select(first_after(found.c.round)).where(found.c.round.is_not(None)))
    rows = connection.execute(sa.select(found.c.round).where(found.c.round.is_not(None)))
    return [int(row[0]) for row in rows]


def lighten(connection: sa.Connection, scope: str, rounds: Sequence[int], finalised: int) -> int:
    """Drop the bytes of rounds that are over in block `finalised`; how many rounds.

    A round of which something is not finished by then is left as it is.
    """
    found = 0
    for round_id in [each for each in rounds if each > NO_ROUND][:ROUNDS_AT_ONCE]:
        found += _lighten_round(connection, _of(scope, round_id) & (INTENT.c.stage == WHOLE), finalised)
        reach("journal-pruning", f"bytes of {round_id}")
    return found


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
    """Remove the rows of rounds whose bytes went and of which nothing was signed since the time `before`."""
    found = 0
    for round_id in rounds_in_stage(connection, scope, LIGHT)[:ROUNDS_AT_ONCE]:
        rows = _of(scope, round_id) & (INTENT.c.stage == LIGHT)
        signed = sa.select(sa.func.max(ATTEMPT.c.signed_at)).join(INTENT).where(rows)
        if (connection.execute(signed).scalar_one() or 0) >= before:
            break
        _remove_round(connection, rows)
        reach("journal-pruning", f"rows of {round_id}")
        found += 1
    return found


def _remove_round(connection: sa.Connection, rows: sa.ColumnElement[bool]) -> None:
    other = INTENT.alias()
    highest = sa.select(sa.func.max(other.c.nonce)).where(other.c.account == INTENT.c.account)
    removable = (
        rows
        & INTENT.c.act.not_in(KEPT_ACTS)
        & INTENT.c.state.in_((*_FINISHED, State.PLANNED.value))
        & (INTENT.c.nonce.is_(None) | (INTENT.c.nonce < highest.scalar_subquery()))
    )
    ids = [row.id for row in connection.execute(sa.select(INTENT.c.id).where(removable))]
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        connection.execute(sa.delete(ATTEMPT).where(ATTEMPT.c.intent.in_(some)))
        connection.execute(sa.delete(INTENT).where(INTENT.c.id.in_(some)))
    connection.execute(sa.update(INTENT).where(rows).values(stage=KEPT))


def remove_events(connection: sa.Connection, before: int) -> None:
    """Remove what was logged before a chain time."""
    connection.execute(sa.delete(EVENT).where(EVENT.c.at < before))


def _of(scope: str, round_id: int) -> sa.ColumnElement[bool]:
    return (INTENT.c.scope == scope) & (INTENT.c.round == round_id)
