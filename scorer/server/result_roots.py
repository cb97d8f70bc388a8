"""Roots of scores, payouts, profiles and leaderboards."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from scorer.rewards import settle
from scorer.server.accounts import NamedModel
from scorer.server.api_keys import READ_ACCOUNT
from scorer.server.daily_means import by_score, daily_performances
from scorer.server.errors import ApiError
from scorer.server.formats import nmr_or_none, page_of, percent, session_time, time_text, whole_number
from scorer.server.round_roots import OVER, Document, rules_from_text, rules_of, target_of
from scorer.server.services import RequestContext, Services
from scorer.units import ONE, nmr_text, ppm_text

ONLY_DAY: Final = 1
"""The day of final scores where a round's rules, and with them its horizon, are not known."""


def submission_scores(
    context: RequestContext,
    model_id: str,
    display_name: str | None = None,
    version: str | None = None,
    day: int | None = None,
    resolved: bool | None = None,
    tournament: int | None = None,
    last_nrounds: int | None = None,
    distinct_on_round: bool | None = None,
) -> list[Document]:
    """Answer ``submissionScores``."""
    services = context.services
    services.require_number(tournament)
    model, seen = _model(services, model_id), set[tuple[int, int, str]]()
    if version not in (None, "v1"):
        return []
    found, rounds = list[Document](), set[int]()
    for score in chain(_interim(services, model.id), _final(services, model.id)):
        rounds.add(score["roundNumber"])
        if last_nrounds is not None and len(rounds) > last_nrounds:
            break
        key = (score["roundNumber"], 0, "") if distinct_on_round else _key(score)
        asked = display_name, day, resolved
        offered = score["displayName"], score["day"], score["resolved"]
        is_wanted = all(want in (None, have) for want, have in zip(asked, offered, strict=True))
        if is_wanted and key not in seen:
            seen.add(key)
            found.append(score)
    return found


def _key(score: Document) -> tuple[int, int, str]:
    return score["roundNumber"], score["day"], score["displayName"]


def _interim(services: Services, model: int) -> Iterator[Document]:
    """Yield a model's scores so far in rounds that run, newest round and day first."""
    for row in services.queries.interim_scores_of(model):
        for factor, (value, percentile) in json.loads(row.scores).items():
            day = {"day": row.day, "date": session_time(row.session), "resolved": False}
            yield _score(model, row, factor, value / ONE, percentile) | day


def _final(services: Services, model: int) -> Iterator[Document]:
    """Yield a model's scores in rounds that are over, newest first."""
    for row in services.queries.scores_of(model):
        last = {"day": _last_day(row), "resolved": True}
        yield _score(model, row, row.factor, row.value, row.percentile) | last


def _last_day(row: sa.Row[Any]) -> int:
    """Return the day of a round's final scores: the last session of its horizon."""
    rules = None if row.rules is None else rules_from_text(row.rules)
    return ONLY_DAY if rules is None else rules.horizon.sessions


def _score(model: int, row: sa.Row[Any], factor: str, value: float, percentile: float) -> Document:
    resolved = time_text(row.resolve_at)
    return {
        "roundId": str(row.round),
        "roundNumber": row.round,
        "submissionId": f"{row.round}-{model}",
        "roundResolveTime": resolved,
        "roundScoreTime": resolved,
        "roundCloseStakingTime": time_text(row.close_at),
        "value": value,
        "percentile": percentile,
        "displayName": factor,
        "version": "v1",
        "date": resolved,
        "resolveDate": resolved,
    }


def pending_model_payouts(context: RequestContext, tournament: int) -> Document:
    """Answer ``pendingModelPayouts``."""
    services, account = context.services, context.account(READ_ACCOUNT)
    services.require_number(tournament)
    models = {model.id: model for model in services.accounts.models_of(account)}
    rows = [row for row in services.queries.results_of(list(models)) if row.position]
    return {
        "actual": [_payout(models[row.model], row) for row in rows if row.payout is not None],
        "pending": [_payout(models[row.model], row) for row in rows if row.round_state not in OVER],
    }


def _payout(model: NamedModel, row: sa.Row[Any]) -> Document:
    net = None if row.payout is None else nmr_text(row.payout - row.burn)
    return {
        "roundId": str(row.round),
        "roundNumber": row.round,
        "roundResolveTime": time_text(row.resolve_at),
        "modelId": str(model.id),
        "modelName": model.name,
        "modelDisplayName": model.name,
        "payoutNmr": net,
        "payoutValue": net,
        "currencySymbol": "NMR",
    }


def round_model_performances(context: RequestContext, model_id: str, tournament: int) -> list[Document]:
    """Answer ``v2RoundModelPerformances``."""
    services = context.services
    services.require_number(tournament)
    model, scores = _model(services, model_id), defaultdict[int, list[sa.Row[Any]]](list)
    for row in services.queries.scores_of(model.id):
        scores[row.round].append(row)
    interim = defaultdict[int, list[sa.Row[Any]]](list)
    for row in services.queries.interim_scores_of(model.id):
        interim[row.round].append(row)
    results = services.queries.results_of([model.id])
    return [_performance(services, row, scores[row.round], interim[row.round]) for row in results]


def _settled_days(row: sa.Row[Any], scores: Sequence[sa.Row[Any]]) -> Iterator[Document]:
    """Yield the final scores of a model in a round."""
    settled = None if row.payout is None else nmr_text(row.payout - row.burn)
    for score in scores:
        yield {
            "date": time_text(row.resolve_at),
            "day": _last_day(score),
            "displayName": score.factor,
            "payoutPending": None,
            "payoutSettled": settled,
            "percentile": score.percentile,
            "value": score.value,
        }


def _running_days(row: sa.Row[Any], days: Sequence[sa.Row[Any]]) -> Iterator[Document]:
    """Yield the scores so far, newest day first, with what they would pay or burn if they were final."""
    for found in days:
        scored = settle(
            np.array([row.position], dtype=np.uint64),
            np.array([found.reward_score], dtype=np.int64),
            factor=found.payout_factor,
            cap=found.cap,
        )
        pending = nmr_text(scored.total_payout - scored.total_burn)
        for factor, (value, percentile) in json.loads(found.scores).items():
            yield {
                "date": session_time(found.session),
                "day": found.day,
                "displayName": factor,
                "payoutPending": pending,
                "payoutSettled": None,
                "percentile": percentile,
                "value": value / ONE,
            }


def _performance(
    services: Services, row: sa.Row[Any], scores: Sequence[sa.Row[Any]], interim: Sequence[sa.Row[Any]]
) -> Document:
    days = [*_settled_days(row, scores), *_running_days(row, interim)]
    return {
        "atRisk": nmr_text(row.position),
        "payoutMultipliers": lambda: list(_multipliers(services, row)),
        "roundPayoutFactor": ppm_text(row.payout_factor),
        "roundNumber": row.round,
        "roundOpenTime": time_text(row.open_at),
        "roundResolveTime": time_text(row.resolve_at),
        "roundResolved": row.round_state in OVER,
        "roundTarget": lambda: target_of(services, row),
        "submissionScores": days or None,
        "intraRoundSubmissionScores": None,
    }


def _multipliers(services: Services, row: sa.Row[Any]) -> Iterable[Document]:
    rules = rules_of(services, row)
    for factor in () if rules is None else rules.factors:
        names = dict.fromkeys(("id", "scoreConfigId", "name", "displayName"), factor.name)
        yield {**names, "version": "v1", "multiplier": factor.multiplier / ONE}


def user_profile(
    context: RequestContext, model_name: str | None = None, tournament: int | None = None
) -> Document:
    """Answer ``v3UserProfile``."""
    services = context.services
    services.require_number(tournament)
    model = _named(services, model_name)
    stake = nmr_text(services.queries.stakes([model.id])[model.id])
    return {
        "id": str(model.id),
        "startDate": time_text(model.registered_at),
        "username": model.name,
        "bio": model.bio,
        "nmrStaked": stake,
        "stakeValue": stake,
        "dailyModelPerformances": lambda: daily_performances(services.queries, model.id),
    }


def signals_profile(context: RequestContext, model_name: str) -> Document:
    """Answer ``v2SignalsProfile``."""
    model = _named(context.services, model_name)
    return {"dailyModelPerformances": lambda: daily_performances(context.services.queries, model.id)}


def leaderboard(context: RequestContext, limit: int, offset: int) -> list[Document]:
    """Answer the leaderboards of models, under the names of all three."""
    services, (most, first) = context.services, page_of(limit, offset)
    rows = services.queries.standings(most, first, is_account=False)
    holders = [int(row.holder) for row in rows]
    means = services.queries.standing_scores([row.holder for row in rows])
    names, stakes = services.accounts.models(holders), services.queries.stakes(holders)
    return [
        _row(row, by_score(means[row.holder]))
        | {"username": names[int(row.holder)].name, "nmrStaked": nmr_text(stakes[int(row.holder)])}
        for row in rows
    ]


def signals_leaderboard(context: RequestContext, limit: int, offset: int) -> list[Document]:
    """Answer ``signalsLeaderboard``, in which the stake is a number."""
    rows = leaderboard(context, limit, offset)
    return [row | {"nmrStaked": float(row["nmrStaked"])} for row in rows]


def _row(row: sa.Row[Any], means: Mapping[str, float]) -> Document:
    return {
        "rank": row.rank,
        "team": False,
        **dict.fromkeys(("corr20Rep", "corr20V2Rep", "corrRep", "v2Corr20", "corrV4"), means.get("corr")),
        **dict.fromkeys(("mmcRep", "mmc"), means.get("mmc")),
        **dict.fromkeys(("fncRep", "fncV3Rep", "fncV4"), means.get("fnc")),
        **dict.fromkeys(("tcRep", "cort20"), means.get("tc")),
        "bmcRep": means.get("bmc"),
        "icRep": means.get("alpha"),
        "today": percent(row.net_1, row.at_risk_1),
        "return1Day": percent(row.net_1, row.at_risk_1),
        "return13Weeks": percent(row.net_91, row.at_risk_91),
        "return52Weeks": percent(row.net_364, row.at_risk_364),
    }


def account_leaderboard(
    context: RequestContext, limit: int, offset: int, tournament: int | None = None
) -> list[Document]:
    """Answer ``accountLeaderboard``; an owner without an account here goes by the address."""
    services, (most, first) = context.services, page_of(limit, offset)
    services.require_number(tournament)
    rows = services.queries.standings(most, first, is_account=True)
    owners = [row.holder for row in rows]
    means, named = services.queries.standing_scores(owners), services.accounts.by_wallets(owners)
    stakes = cache(lambda: services.queries.stakes_of_owners(owners))
    return [
        _account_row(row, by_score(means[row.holder]), named.get(row.holder, row.holder), stakes)
        for row in rows
    ]


def _account_row(
    row: sa.Row[Any], means: Mapping[str, float], name: str, stakes: Callable[[], Mapping[str, int]]
) -> Document:
    return {
        **_row(row, means),
        "username": name,
        "displayName": name,
        "nmrStaked": lambda: nmr_text(stakes()[row.holder]),
        "return1y": percent(row.net_364, row.at_risk_364),
        "return3m": percent(row.net_91, row.at_risk_91),
        "returnAllTime": percent(row.net_all, row.at_risk_all),
        "return1yNmr": nmr_or_none(row.net_364),
        "return3mNmr": nmr_or_none(row.net_91),
        "returnAllTimeNmr": nmr_or_none(row.net_all),
    }


def season_leaderboard(
    context: RequestContext, limit: int, offset: int, year: int | None = None, score: str | None = None
) -> list[Document]:
    """Answer ``seasonLeaderboard``."""
    services, (most, first) = context.services, page_of(limit, offset)
    found, rows = services.seasons.standing(year, score)
    page: Any = rows.iloc[first : first + most]
    named = services.accounts.by_wallets(list(page.index))
    return [
        {
            "year": found,
            "rank": int(row.rank),
            "tier": row.tier,
            **dict.fromkeys(("username", "displayName"), named.get(row.Index, row.Index)),
            "seasonScore": float(row.season_score),
            "qualifiedRounds": int(row.qualified_rounds),
        }
        for row in page.itertuples()
    ]


def _model(services: Services, model_id: str) -> NamedModel:
    model = services.accounts.model(whole_number(model_id, "modelId"))
    if model is None:
        raise ApiError("modelId: expected the number of a registered model, found another")
    return model


def _named(services: Services, name: str | None) -> NamedModel:
    model = services.accounts.model_named(name or "")
    if model is None:
        raise ApiError("modelName: expected the name of a model, found one that no model has")
    return model


ROOTS: Final = {
    "submissionScores": submission_scores,
    "pendingModelPayouts": pending_model_payouts,
    "v2RoundModelPerformances": round_model_performances,
    "v3UserProfile": user_profile,
    "v2SignalsProfile": signals_profile,
    "v2Leaderboard": leaderboard,
    "cryptosignalsLeaderboard": leaderboard,
    "signalsLeaderboard": signals_leaderboard,
    "accountLeaderboard": account_leaderboard,
    "seasonLeaderboard": season_leaderboard,
}
KEPT: Final = frozenset(
    {
        "submissionScores",
        "v3UserProfile",
        "v2SignalsProfile",
        "v2Leaderboard",
        "cryptosignalsLeaderboard",
        "signalsLeaderboard",
        "accountLeaderboard",
        "seasonLeaderboard",
    }
)
"""Roots whose answers may be kept until anything public changes: they depend on their arguments and on
`scorer.server.tables.PUBLIC`, and not on who asks, the time, a file or the chain."""
