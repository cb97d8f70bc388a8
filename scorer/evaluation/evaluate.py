"""A sealed round and its outcome to scores, rewards and a report: pure functions of plain data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.commitments import check_commitments, input_digests
from scorer.evaluation.factors import factor_inputs
from scorer.evaluation.inputs import RoundInputs, RoundResult, scores_by_chunk
from scorer.evaluation.submission_rewards import SubmissionRewards, reward_submissions
from scorer.protocol.chunks import EMPTY_HEAD, scores_heads
from scorer.protocol.digest import table_digest
from scorer.protocol.documents import to_hex
from scorer.protocol.report import REPORT_VERSION, Report, evidence_hash
from scorer.protocol.submissions import Submissions
from scorer.rewards import Settlement, settle
from scorer.scoring.meta_model import stake_weighted_meta_model
from scorer.units import ONE

MANIFEST_VERSION = 3


def evaluate(inputs: RoundInputs) -> RoundResult:
    """Score a sealed round whose outcome is known, and make its report.

    Raises
    ------
    InputsMismatch
        When the files are not those that the chain committed to.
    """
    check_commitments(inputs)
    entries = tuple(entry for entry in inputs.submissions.entries if entry.model_id not in inputs.refused)
    valid = Submissions(inputs.submissions.universe, entries)
    meta_model = _meta_model(valid, inputs.positions.by_model)
    rewards = reward_submissions(
        inputs.rules,
        factor_inputs(
            inputs.rules,
            valid.matrix,
            _stakes(valid, inputs.positions.by_model),
            None if np.isnan(meta_model).any() else meta_model,
            inputs.targets,
            inputs.tables,
        ),
        valid.model_ids,
    )
    by_model = dict(zip(valid.model_ids, rewards.scores.tolist(), strict=True))
    chunk_scores = scores_by_chunk(inputs.positions, by_model)
    models = sorted(set(valid.model_ids) | set(inputs.positions.by_model))
    settlement = _settlement(inputs, models, by_model)
    scores = _score_table(inputs, models, valid, rewards, settlement)
    manifest = _manifest(inputs, meta_model, scores, rewards)
    report = _report(inputs, chunk_scores, settlement, manifest)
    return RoundResult(meta_model, scores, chunk_scores, settlement, manifest, report)


def _stakes(submissions: Submissions, positions: Mapping[int, int]) -> NDArray[np.uint64]:
    return np.array([positions.get(model, 0) for model in submissions.model_ids], dtype=np.uint64)


def _meta_model(submissions: Submissions, positions: Mapping[int, int]) -> NDArray[np.float64]:
    stakes = _stakes(submissions, positions)
    if not stakes.any():
        return np.full(len(submissions.universe), np.nan)
    return stake_weighted_meta_model(submissions.matrix, stakes)


def _settlement(inputs: RoundInputs, models: Sequence[int], by_model: Mapping[int, int]) -> Settlement:
    positions = np.array([inputs.positions.by_model.get(m, 0) for m in models], dtype=np.uint64)
    scores = np.array([by_model.get(m, 0) for m in models], dtype=np.int64)
    return settle(positions, scores, factor=inputs.terms.payout_factor, cap=inputs.terms.cap)


def _score_table(
    inputs: RoundInputs,
    models: Sequence[int],
    submissions: Submissions,
    rewards: SubmissionRewards,
    settlement: Settlement,
) -> dict[str, NDArray[np.int64] | NDArray[np.uint64] | NDArray[np.float64]]:
    rows = np.searchsorted(np.array(models, dtype=np.int64), np.array(submissions.model_ids, dtype=np.int64))

    def spread(values: NDArray[Any], missing: float | int) -> NDArray[Any]:
        column = np.full(len(models), missing, dtype=values.dtype)
        column[rows] = values
        return column

    by_position = inputs.positions.by_model
    return {
        "model_id": np.array(models, dtype=np.int64),
        "position": np.array([by_position.get(m, 0) for m in models], dtype=np.uint64),
        **{
            name: spread(values, np.nan if values.dtype == np.float64 else ONE)
            for name, values in rewards.columns.items()
        },
        "reward_score": spread(rewards.scores, 0),
        "rate": settlement.rates,
        "payout": settlement.payouts,
        "burn": settlement.burns,
    }


def _manifest(
    inputs: RoundInputs,
    meta_model: NDArray[np.float64],
    scores: Mapping[str, NDArray[Any]],
    rewards: SubmissionRewards,
) -> dict[str, Any]:
    universe = inputs.submissions.universe
    return {
        "manifest_version": MANIFEST_VERSION,
        "round": inputs.terms.to_json(),
        "digests": {
            **input_digests(inputs),
            "meta_model": to_hex(table_digest({"id": universe, "meta_model": meta_model})),
            "scores": to_hex(table_digest(scores)),
        },
        "refused": sorted(inputs.refused),
        **rewards.volatility_json(),
    }


def _report(
    inputs: RoundInputs,
    chunk_scores: Sequence[NDArray[np.int64]],
    settlement: Settlement,
    manifest: Mapping[str, Any],
) -> Report:
    chunks = inputs.positions.chunks
    return Report(
        chain_id=inputs.terms.chain_id,
        tournament=inputs.terms.tournament,
        round_id=inputs.terms.round_id,
        version=REPORT_VERSION,
        scores_head=scores_heads(chunks, chunk_scores)[-1] if chunks else EMPTY_HEAD,
        total_payout=settlement.total_payout,
        total_burn=settlement.total_burn,
        evidence_hash=evidence_hash(manifest),
    )
