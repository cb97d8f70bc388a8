"""A sealed round and its outcome to scores, rewards and a report: pure functions of plain data."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.commitments import check_commitments, input_digests
from scorer.evaluation.factors import factor_inputs
from scorer.evaluation.inputs import RoundInputs, RoundResult, scores_by_chunk
from scorer.evaluation.operands import round_operands, round_steps, stated
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
    valid = counting(inputs.submissions, inputs.refused)
    meta_model = meta_model_of(inputs.submissions, inputs.refused, inputs.positions.by_model)
    rewards = reward_submissions(
        inputs.rules,
        factor_inputs(
            inputs.rules,
            valid.matrix,
            _stakes(valid, inputs.positions.by_model),
            # Nobody staked: scores against a meta model are NaN then.
            None if np.isnan(meta_model).any() else meta_model,
            inputs.targets,
            inputs.tables,
        ),
        valid.model_ids,
    )
    digest = meta_model_digest(valid.universe, meta_model)
    found = stated(round_operands(inputs, meta_model, round_steps(inputs)))
    return outcome(inputs, valid, rewards, meta_model, digest, found)


def counting(submissions: Submissions, refused: Container[int]) -> Submissions:
    """Return the submissions that count: those of models that are not refused."""
    entries = tuple(entry for entry in submissions.entries if entry.model_id not in refused)
    return replace(submissions, entries=entries)


def meta_model_digest(universe: tuple[str, ...], meta_model: NDArray[np.float64]) -> str:
    """Return the digest of a meta model, in the order of the universe, as the manifest holds it."""
    return to_hex(table_digest({"id": universe, "meta_model": meta_model}))


def outcome(
    inputs: RoundInputs,
    valid: Submissions,
    rewards: SubmissionRewards,
    meta_model: NDArray[np.float64],
    digest: str,
    operands: Mapping[str, str],
) -> RoundResult:
    """Settle rewards into payouts and burns, and make the report.

    Parameters
    ----------
    valid
        The submissions that count.
    rewards
        Theirs.
    digest
        Of the meta model, as the manifest holds it.
    operands
        What the manifest states of them, see `scorer.evaluation.operands.stated`.
    """
    by_model = dict(zip(valid.model_ids, rewards.scores.tolist(), strict=True))
    chunk_scores = scores_by_chunk(inputs.positions, by_model)
    models = sorted(set(valid.model_ids) | set(inputs.positions.by_model))
    settlement = _settlement(inputs, models, by_model)
    scores = _score_table(inputs, models, valid, rewards, settlement)
    manifest = _manifest(inputs, digest, scores, rewards, operands)
    report = _report(inputs, chunk_scores, settlement, manifest)
    return RoundResult(meta_model, scores, chunk_scores, settlement, manifest, report)


def _stakes(submissions: Submissions, positions: Mapping[int, int]) -> NDArray[np.uint64]:
    return np.array([positions.get(model, 0) for model in submissions.model_ids], dtype=np.uint64)


def meta_model_of(
    submissions: Submissions, refused: Container[int], positions: Mapping[int, int]
) -> NDArray[np.float64]:
    """Return the stake-weighted meta model of the submissions that count, shape (ids,); NaN without stakes.

    Parameters
    ----------
    positions
        nano-NMR by model.
    """
    valid = counting(submissions, refused)
    stakes = _stakes(valid, positions)
    if not stakes.any():
        return np.full(len(valid.universe), np.nan)
    return stake_weighted_meta_model(valid.matrix, stakes)


def _settlement(inputs: RoundInputs, models: Sequence[int], by_model: Mapping[int, int]) -> Settlement:
    positions = np.array([inputs.positions.by_model.get(m, 0) for m in models], dtype=np.uint64)
    scores = np.array([by_model.get(m, 0) for m in models], dtype=np.int64)
    # In full: whether the pool is short shows only when the settlement begins, and the contract scales then.
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
            # Without a submission that counts: no score, and multipliers that change nothing.
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
    meta_model: str,
    scores: Mapping[str, NDArray[Any]],
    rewards: SubmissionRewards,
    operands: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "manifest_version": MANIFEST_VERSION,
        "round": inputs.terms.to_json(),
        "digests": {
            **input_digests(inputs),
            "meta_model": meta_model,
            "scores": to_hex(table_digest(scores)),
        },
        "refused": sorted(inputs.refused),
        **rewards.volatility_json(),
        **operands,
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
