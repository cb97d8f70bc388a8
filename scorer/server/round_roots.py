"""Roots of rounds and of the tournament; all are public."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from scorer.chain.bulk import read_view
from scorer.chain.records import RoundState
from scorer.protocol.rules import Rules, rules_from
from scorer.server.errors import ApiError
from scorer.server.formats import date_stamp, date_text, nmr_or_none, time_text
from scorer.server.services import NUMBERS, RequestContext, Services
from scorer.units import NANO_PER_NMR, ONE, ppm_text

Document = dict[str, Any]
DAY: Final = 86_400
OVER: Final = (RoundState.SETTLED, RoundState.VOIDED)


def status_of(row: sa.Row[Any], now: int) -> str:
    """Return a round's status as clients know it."""
    if row.state in OVER:
        return "RESOLVED"
    if now < row.open_at:
        return "UPCOMING"
    return "OPEN" if now < row.close_at and row.state == RoundState.OPEN else "RESOLVING"


def rules_of(services: Services, row: sa.Row[Any]) -> Rules | None:
    """Return the rules of a round: from its bundle, or as the operator published them."""
    if row.rules is not None:
        return rules_from_text(row.rules)
    return services.published.rules(row.id, row.rules_hash)


@lru_cache(maxsize=64)
def rules_from_text(text: str) -> Rules:
    """Return the rules that a text is: most rounds have those of the round before."""
    return rules_from(json.loads(text), "the rules of a round")


def rounds(
    context: RequestContext,
    tournament: int | None = None,
    number: int | None = None,
    target: str | None = None,
    status: str | None = None,
    limit: int | None = None,
) -> list[Document | None]:
    """Answer ``rounds``."""
    services, now = context.services, context.services.clock()
    services.require_number(tournament)
    if limit is not None and limit < 1:
        raise ApiError(f"limit: expected a number from 1 on, found {limit}")
    if number == 0:
        current = services.queries.current_round()
        return [None if current is None else _round(services, current)]
    if number is not None:
        found = services.queries.round(number)
        return [] if found is None else [_round(services, found)]
    rows = [
        row
        for row in services.queries.rounds(None if target or status else limit)
        if status in (None, status_of(row, now))
    ]
    named = (row for row in rows if target is None or target == target_of(services, row))
    return [_round(services, row) for row, _ in zip(named, range(limit or len(rows)), strict=False)]


def target_of(services: Services, row: sa.Row[Any]) -> str | None:
    """Return the first target of a round's rules."""
    rules = rules_of(services, row)
    return None if rules is None else rules.targets[0]


def _round(services: Services, row: sa.Row[Any]) -> Document:
    now = services.clock()
    return {
        "id": str(row.id),
        "tournament": services.number,
        "number": row.id,
        "target": lambda: target_of(services, row),
        "openTime": time_text(row.open_at),
        "closeTime": time_text(row.close_at),
        "closeStakingTime": time_text(row.close_at),
        "scoreTime": time_text(row.resolve_at),
        "resolveTime": time_text(row.resolve_at),
        "resolvedGeneral": row.state in OVER,
        "resolvedStaking": bool(row.is_over),
        "payoutFactor": ppm_text(row.payout_factor),
        "stakeThreshold": row.threshold / NANO_PER_NMR,
        "dataDatestamp": date_stamp(row.open_at),
        "status": status_of(row, now),
        "rulesHash": row.rules_hash,
        "universeDigest": row.universe,
        "roundScoreConfigs": lambda: list(_score_configs(rules_of(services, row), row)),
    }


def _score_configs(rules: Rules | None, row: sa.Row[Any]) -> Iterable[Document]:
    for factor in () if rules is None else rules.factors:
        multiplier = factor.multiplier / ONE
        yield {
            "id": factor.name,
            "scoreConfigId": factor.name,
            "name": factor.name,
            "displayName": factor.name,
            "version": f"v{rules.scoring if rules else 0}",
            "roundNumberStart": row.id,
            "roundNumberEnd": row.id,
            "universe": None,
            "totalScoreDays": rules.horizon.sessions if rules else None,
            "returnsLagDays": rules.horizon.lag if rules else None,
            "dataDelayDays": 0,
            "isCanonScore": True,
            "isPayout": factor.multiplier != 0,
            "scoringStart": date_text(row.close_at),
            "scoringEnd": date_text(row.resolve_at),
            **dict.fromkeys(("minMultiplier", "maxMultiplier", "defaultMultiplier"), multiplier),
            "clipThreshold": row.cap / ONE,
            "stakeThreshold": row.threshold / NANO_PER_NMR,
            "payoutFactor": row.payout_factor / ONE,
        }


def tournaments(context: RequestContext) -> list[Document]:
    """Answer ``tournaments``."""
    services = context.services
    return [{"name": services.name, "tournament": number} for number in NUMBERS[services.kind]]


def pipeline_status(context: RequestContext, tournament: str, date: str | None = None) -> Document:
    """Answer ``pipelineStatus``, by the newest round whose outcome is due."""
    row = context.services.queries.due_round()
    if date is not None or row is None:
        row = _due_on(context, date) if date is not None else None
    resolved = row is not None and row.is_over
    return {
        "tournament": tournament,
        "isScoringDay": row is not None,
        "startedAt": time_text(row.resolve_at) if row is not None else None,
        "dataReadyAt": time_text(row.resolve_at) if row is not None else None,
        "scoredAt": time_text(row.resolve_at) if resolved and row is not None else None,
        "resolvedAt": time_text(row.resolve_at) if resolved and row is not None else None,
    }


def _due_on(context: RequestContext, date: str) -> sa.Row[Any] | None:
    try:
        day = datetime.strptime(date[:10], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return context.services.queries.round_due_between(int(day.timestamp()), int(day.timestamp()) + DAY)


def v3_stake_config(context: RequestContext) -> Document:
    """Answer ``v3StakeConfig``: the contracts, and whether they are paused."""
    context.caller()
    suite = context.services.suite
    return {
        "address": suite.addresses.tournament,
        "authorizationSigner": "0x" + "00" * 20,  # nobody authorises a stake here
        "nmrAddress": suite.addresses.numeraire,
        "owner": suite.addresses.authority,
        "paused": bool(read_view(suite.tournament.functions.paused())),
        "pendingOwner": None,
        "serviceWallet": None,
    }


def v3_stake_round(context: RequestContext, round_id: str) -> Document:
    """Answer ``v3StakeRound``: the stakes of a round, in NMR."""
    context.caller()
    row = context.services.queries.round(int(round_id)) if round_id.isdecimal() else None
    if row is None:
        raise ApiError("roundId: expected the number of a round, found another text")
    settled = row.state in OVER
    return {
        "roundId": str(row.id),
        "tournamentId": str(context.services.number),
        "state": RoundState(row.state).name.lower(),
        "openTime": time_text(row.open_at),
        "closeTime": time_text(row.close_at),
        "resolveTime": time_text(row.resolve_at),
        "resolved": settled,
        "payoutFactor": ppm_text(row.payout_factor),
        "stakeThreshold": nmr_or_none(row.threshold),
        "stakeCap": None,
        "merkleRoot": row.submissions_root,
        "totalStaked": nmr_or_none(row.at_risk),
        "totalPayout": nmr_or_none(row.paid),
        "remainingPayout": nmr_or_none(0 if settled else row.reserved),
        "remainingBurn": nmr_or_none(0) if settled else None,
    }


ROOTS: Final = {
    "rounds": rounds,
    "tournaments": tournaments,
    "pipelineStatus": pipeline_status,
    "v3StakeConfig": v3_stake_config,
    "v3StakeRound": v3_stake_round,
}
