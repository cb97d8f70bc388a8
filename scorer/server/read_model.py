"""Writes the read model: what chain and bundles say, up to a finalised block."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from scorer.chain.logs import IncompleteLogs
from scorer.chain.records import RoundRecord, RoundState
from scorer.observation.observe import Block
from scorer.protocol.documents import to_hex
from scorer.protocol.interim_scores import InterimScores
from scorer.server.chain_changes import ChainChanges
from scorer.server.results import RoundOutcome
from scorer.server.tables import (
    CURSOR,
    INTERIM_DAY,
    INTERIM_SCORE,
    LANE,
    MODEL,
    MOVEMENT,
    READ_MODEL,
    RESULT,
    ROUND,
    ROUND_SCORE_SUMMARY,
    SCORE,
)

ROWS: Final = 5_000
"""Rows that one statement inserts."""


@dataclass(frozen=True)
class Cursor:
    """The block up to which the read model follows the chain."""

    block: Block
    standings_stale: bool


def read_cursor(connection: sa.Connection, chain_id: int, tournament: str) -> Cursor | None:
    """Return how far the read model is; None where it is empty.

    Raises
    ------
    ValueError
        When it mirrors another tournament.
    """
    row = connection.execute(sa.select(CURSOR)).one_or_none()
    if row is None:
        return None
    if (row.chain_id, row.tournament) != (chain_id, tournament):
        raise ValueError(f"the tournament {row.tournament} of chain {row.chain_id}")
    return Cursor(Block(row.block, bytes.fromhex(row.hash[2:]), row.timestamp), row.standings_stale)


def clear(connection: sa.Connection) -> None:
    """Empty the read model."""
    for table in READ_MODEL:
        connection.execute(sa.delete(table))


def open_rounds(connection: sa.Connection) -> list[int]:
    """Return the rounds that were not over."""
    return list(connection.scalars(sa.select(ROUND.c.id).where(~ROUND.c.is_over)))


def known_positions(connection: sa.Connection) -> dict[int, int]:
    """Return the sum of the known positions of every known round, nano-NMR; 0 of those that are over.

    Those are not asked for, and a year of them has millions of positions.
    """
    sums = dict.fromkeys(connection.scalars(sa.select(ROUND.c.id)), 0)
    of_round = sa.select(RESULT.c.round, sa.func.sum(RESULT.c.position)).group_by(RESULT.c.round)
    for round_id, total in connection.execute(of_round.where(RESULT.c.round.in_(open_rounds(connection)))):
        sums[round_id] = int(total)
    return sums


def known_submitters(connection: sa.Connection) -> dict[int, str]:
    """Return who may sign for each known model, in the order of their numbers."""
    query = sa.select(MODEL.c.id, MODEL.c.submitter).order_by(MODEL.c.id)
    return {row.id: row.submitter for row in connection.execute(query)}


def unscored_rounds(connection: sa.Connection) -> list[int]:
    """Return the settled rounds whose bundle has not come yet."""
    waiting = sa.and_(ROUND.c.state == RoundState.SETTLED, ~ROUND.c.is_scored)
    return list(connection.scalars(sa.select(ROUND.c.id).where(waiting).order_by(ROUND.c.id)))


def running_rounds(connection: sa.Connection) -> dict[int, set[int]]:
    """Return the sealed rounds, and the days of each whose interim scores are known."""
    sealed = sa.select(ROUND.c.id).where(ROUND.c.state == RoundState.SEALED).order_by(ROUND.c.id)
    days: dict[int, set[int]] = {round_id: set() for round_id in connection.scalars(sealed)}
    for row in connection.execute(sa.select(INTERIM_DAY.c.round, INTERIM_DAY.c.day)):
        days.setdefault(row.round, set()).add(row.day)
    return days


def write_changes(connection: sa.Connection, changes: ChainChanges, cursor: Cursor | None, key: Any) -> None:
    """Write what changed on the chain.

    Parameters
    ----------
    key
        The values of the cursor's key: chain_id and tournament.

    Raises
    ------
    scorer.chain.logs.IncompleteLogs
        When the logs register fewer models than the registry counts.
    """
    _write_rounds(connection, changes.rounds)
    _write_owners(connection, changes)
    _write_submitters(connection, changes.submitters)
    _write_lanes(connection, changes.lanes)
    insert(connection, MOVEMENT, (asdict(movement) for movement in changes.movements))
    for round_id, positions in changes.positions.items():
        _write_positions(connection, round_id, positions)
    block = changes.block
    connection.execute(sa.delete(CURSOR))
    stale = cursor is None or cursor.standings_stale
    row = {"block": block.number, "hash": to_hex(block.hash), "timestamp": block.timestamp}
    connection.execute(sa.insert(CURSOR).values(**key, **row, standings_stale=stale))


def insert(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert many rows, some thousand at once."""
    waiting: list[Mapping[str, Any]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == ROWS:
            connection.execute(sa.insert(table), waiting)
            waiting = []
    if waiting:
        connection.execute(sa.insert(table), waiting)


def _write_rounds(connection: sa.Connection, records: Sequence[RoundRecord]) -> None:
    """Write rounds that are not here as the chain has them: what did not change is no change."""
    ids, known = [record.round_id for record in records], dict[int, dict[str, Any]]()
    for start in range(0, len(ids), 500):
        query = sa.select(ROUND).where(ROUND.c.id.in_(ids[start : start + 500]))
        known |= {row["id"]: dict(row) for row in connection.execute(query).mappings()}
    rows = [_round_row(record, known.get(record.round_id)) for record in records]
    changed = [row for row in rows if row != known.get(row["id"])]
    for start in range(0, len(changed), 500):
        these = [row["id"] for row in changed[start : start + 500]]
        connection.execute(sa.delete(ROUND).where(ROUND.c.id.in_(these)))
    insert(connection, ROUND, changed)
    for record in records:
        if record.state != RoundState.SEALED:
            for table in (INTERIM_DAY, INTERIM_SCORE):
                connection.execute(sa.delete(table).where(table.c.round == record.round_id))
        if record.state == RoundState.VOIDED:
            connection.execute(sa.delete(RESULT).where(RESULT.c.round == record.round_id))


def _round_row(record: RoundRecord, known: Mapping[str, Any] | None) -> dict[str, Any]:
    terms = ("open_at", "close_at", "resolve_at", "deadline", "cap", "payout_factor", "threshold")
    amounts = ("minimum_position", "at_risk", "valid_at_risk", "reserved", "paid", "burned")
    hashes = ("rules_hash", "universe", "submissions_root", "positions_head")
    return {
        "id": record.round_id,
        "state": int(record.state),
        **{name: getattr(record, name) for name in (*terms, *amounts)},
        **{name: to_hex(getattr(record, name)) for name in hashes},
        "is_over": record.is_over,
        "rules": None if known is None else known["rules"],
        "is_scored": known is not None and known["is_scored"],
    }


def _write_owners(connection: sa.Connection, changes: ChainChanges) -> None:
    known = {row.id: row.owner for row in connection.execute(sa.select(MODEL.c.id, MODEL.c.owner))}
    new = [
        {"id": model, "owner": changes.owners[model], "submitter": changes.owners[model], "registered_at": at}
        for model, at in changes.registered.items()
    ]
    insert(connection, MODEL, new)
    moved = [
        {"number": model, "address": owner}
        for model, owner in changes.owners.items()
        if known.get(model, owner) != owner
    ]
    if moved:
        statement = sa.update(MODEL).where(MODEL.c.id == sa.bindparam("number"))
        connection.execute(statement.values(owner=sa.bindparam("address")), moved)
    found = connection.scalar(sa.select(sa.func.count()).select_from(MODEL))
    if found != changes.models:
        raise IncompleteLogs(f"expected logs that register {changes.models} models, found {found}")


def _write_submitters(connection: sa.Connection, submitters: Mapping[int, str]) -> None:
    known = known_submitters(connection)
    changed = [
        {"number": model, "address": address}
        for model, address in submitters.items()
        if known.get(model) not in (None, address)
    ]
    if changed:
        statement = sa.update(MODEL).where(MODEL.c.id == sa.bindparam("number"))
        connection.execute(statement.values(submitter=sa.bindparam("address")), changed)


def _write_lanes(connection: sa.Connection, lanes: Sequence[tuple[int, int]]) -> None:
    known = {row.number: row.idle for row in connection.execute(sa.select(LANE.c.number, LANE.c.idle))}
    new = [
        {"number": number, "model": model, "idle": idle}
        for number, (model, idle) in enumerate(lanes)
        if number not in known
    ]
    changed = [
        {"lane": number, "stake": idle}
        for number, (_, idle) in enumerate(lanes)
        if known.get(number, idle) != idle
    ]
    insert(connection, LANE, new)
    if changed:
        statement = sa.update(LANE).where(LANE.c.number == sa.bindparam("lane"))
        connection.execute(statement.values(idle=sa.bindparam("stake")), changed)


def _write_positions(connection: sa.Connection, round_id: int, positions: Mapping[int, int]) -> None:
    connection.execute(sa.delete(RESULT).where(RESULT.c.round == round_id))
    rows = ({"model": model, "round": round_id, "position": size} for model, size in positions.items())
    insert(connection, RESULT, rows)


def write_outcome(connection: sa.Connection, outcome: RoundOutcome) -> None:
    """Write the outcome of a settled round, in place of its positions alone."""
    round_id = outcome.record.round_id
    for table in (RESULT, SCORE, ROUND_SCORE_SUMMARY):
        connection.execute(sa.delete(table).where(table.c.round == round_id))
    insert(connection, RESULT, _result_rows(outcome))
    for factor, values in outcome.scores.items():
        insert(connection, SCORE, _score_rows(outcome, factor, values))
    summarise(connection, [round_id])
    rules = outcome.rules.canonical_json().decode()
    scored = sa.update(ROUND).where(ROUND.c.id == round_id)
    connection.execute(scored.values(rules=rules, is_scored=True))
    connection.execute(sa.update(CURSOR).values(standings_stale=True))


def summarise(connection: sa.Connection, rounds: Sequence[int]) -> None:
    """Write the summaries of the scores of rounds, whose scores are there.

    Percentiles rise with scores, so the highest score of the lower half is the median, and nothing is sorted.
    """
    lower_half = sa.select(SCORE.c.round, SCORE.c.factor, sa.func.max(SCORE.c.value)).where(
        SCORE.c.round.in_(rounds), SCORE.c.percentile <= 0.5
    )
    medians = lower_half.group_by(SCORE.c.round, SCORE.c.factor)
    connection.execute(sa.insert(ROUND_SCORE_SUMMARY).from_select(["round", "factor", "median"], medians))


def write_interim_day(connection: sa.Connection, interim: InterimScores) -> None:
    """Write a day's interim scores of a round."""
    where = {"round": interim.round_id, "day": interim.day}
    row = {**where, "days": interim.days, "session": interim.session}
    connection.execute(sa.insert(INTERIM_DAY).values(**row))
    scores = _interim_scores(interim)
    rows = (
        {**where, "model": model, "reward_score": reward, "scores": json.dumps(scores[place])}
        for place, (model, reward) in enumerate(zip(interim.models, interim.reward_scores, strict=True))
    )
    insert(connection, INTERIM_SCORE, rows)


def _interim_scores(interim: InterimScores) -> list[dict[str, tuple[int, float]]]:
    """Return each model's scores in ppm and percentiles by factor."""
    found: list[dict[str, tuple[int, float]]] = [{} for _ in interim.models]
    for factor, values in interim.scores.items():
        there = np.array([value for value in values if value is not None], dtype=np.int64)
        ranks = iter(_shares_below(there).tolist())
        for place, value in enumerate(values):
            if value is not None:
                found[place][factor] = value, next(ranks)
    return found


def _shares_below(values: Any) -> Any:
    """Return the share of all values that lie below each, shape (values,)."""
    return np.searchsorted(np.sort(values), values, side="left") / max(len(values), 1)


def _result_rows(outcome: RoundOutcome) -> Iterable[dict[str, Any]]:
    columns = (outcome.models, outcome.positions, outcome.rewards)
    settled = (outcome.settled.rates, outcome.settled.payouts, outcome.settled.burns)
    names = ("model", "position", "reward_score", "rate", "payout", "burn")
    for values in zip(*(column.tolist() for column in (*columns, *settled)), strict=True):
        row = dict(zip(names, values, strict=True))
        receipt = outcome.receipts.get(row["model"])
        yield {
            **row,
            "round": outcome.record.round_id,
            "transaction_hash": receipt.transaction if receipt else None,
            "settled_at": receipt.timestamp if receipt else None,
            "is_silent": row["model"] in outcome.silent,
        }


def _score_rows(outcome: RoundOutcome, factor: str, values: Any) -> Iterable[dict[str, Any]]:
    there = ~np.isnan(values)
    below = _shares_below(values[there])
    found = zip(outcome.models[there].tolist(), values[there].tolist(), below.tolist(), strict=True)
    for model, value, percentile in found:
        row = {"model": model, "round": outcome.record.round_id, "factor": factor}
        yield {**row, "value": value, "percentile": percentile}
