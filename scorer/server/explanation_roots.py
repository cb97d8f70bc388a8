"""Roots that say why: a payout taken apart, and what the chain holds of a round; all are public."""

from collections.abc import Sequence
from typing import Any, Final

from scorer.chain.records import RoundState
from scorer.evaluation.buckets import RankBucket
from scorer.server.errors import ApiError
from scorer.server.formats import nmr_or_none, page_of, time_text, whole_number
from scorer.server.round_roots import Document
from scorer.server.services import RequestContext
from scorer.units import nmr_text

MOST_EXPOSURES: Final = 50
"""Features that are listed where a caller names no number."""


def explanation(context: RequestContext, model_id: str, round_number: int) -> Document:
    """Answer ``explanation``."""
    bundles, model = context.services.bundles, whole_number(model_id, "modelId")
    found = bundles.explain(model, round_number)
    return {
        "buckets": lambda: _buckets(bundles.buckets(model, round_number)),
        "roundNumber": found.round_id,
        "modelId": str(found.model_id),
        "position": nmr_text(found.position),
        "rewardScorePpm": found.reward_score,
        "ratePpm": found.rate,
        "payout": nmr_text(found.payout),
        "burn": nmr_text(found.burn),
        "net": nmr_text(found.net),
        "steps": [
            {"reason": step.name, "detail": step.detail, "nmr": nmr_text(step.amount)} for step in found.steps
        ],
    }


def _buckets(found: Sequence[RankBucket] | None) -> list[Document] | None:
    if found is None:
        return None
    return [
        {
            "number": each.number,
            "ids": each.ids,
            "lowest": each.lowest,
            "highest": each.highest,
            "nmr": nmr_text(each.amount),
            "factors": [{"factor": name, "nmr": nmr_text(amount)} for name, amount in each.amounts.items()],
        }
        for each in found
    ]


def meta_model_exposures(
    context: RequestContext, round_number: int, limit: int | None = None
) -> list[Document]:
    """Answer ``metaModelExposures``."""
    count, _ = page_of(MOST_EXPOSURES if limit is None else limit, 0)
    found = context.services.meta_models.exposures(round_number)
    return [{"feature": each.feature, "exposure": each.exposure} for each in found[:count]]


def round_record(context: RequestContext, number: int) -> Document:
    """Answer ``roundRecord``."""
    services = context.services
    row = services.queries.round(min(number, 2**31 - 1)) if number > 0 else services.queries.current_round()
    if row is None:
        raise ApiError(f"number: expected a round that was opened, found {number}")
    return {
        "number": row.id,
        "state": RoundState(row.state).name.lower(),
        "openTime": time_text(row.open_at),
        "closeTime": time_text(row.close_at),
        "resolveTime": time_text(row.resolve_at),
        **_hashes(row),
        "capPpm": row.cap,
        "payoutFactorPpm": row.payout_factor,
        "threshold": nmr_text(row.threshold),
        "minimumPosition": nmr_text(row.minimum_position),
        "atRisk": nmr_text(row.at_risk),
        "validAtRisk": nmr_text(row.valid_at_risk),
        "paid": nmr_or_none(row.paid),
        "burned": nmr_or_none(row.burned),
        "isScored": row.is_scored,
        "url": f"{services.url}/rounds/{row.id}",
    }


def _hashes(row: Any) -> dict[str, str]:
    return {
        "rulesHash": row.rules_hash,
        "universeDigest": row.universe,
        "submissionsRoot": row.submissions_root,
        "positionsHead": row.positions_head,
    }


ROOTS: Final = {
    "explanation": explanation,
    "metaModelExposures": meta_model_exposures,
    "roundRecord": round_record,
}
