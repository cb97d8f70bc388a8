"""Scores of a round that still runs: the round's own factors on targets of the sessions that are over."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.evaluate import counting, meta_model_of
from scorer.evaluation.factors import factor_inputs
from scorer.evaluation.submission_rewards import SubmissionRewards, reward_submissions
from scorer.protocol.rules import Rules
from scorer.protocol.submissions import Submissions
from scorer.protocol.tables import NEUTRAL_CHURN, SESSION_RETURNS, Table

ONLY_AT_THE_END = frozenset({SESSION_RETURNS, NEUTRAL_CHURN})
"""Inputs of adjusters that take the whole horizon, or other rounds: interim rewards do without."""


def interim_rules(rules: Rules) -> Rules:
    """Return a round's rules without the adjusters that only its end gives."""
    adjusters = rules.adjusters.model_copy(update={"dynamic_eras": None, "neutral_churn": None})
    return rules.model_copy(update={"adjusters": adjusters})


def score_interim(
    rules: Rules,
    submissions: Submissions,
    refused: frozenset[int],
    positions: Mapping[int, int],
    targets: Mapping[str, NDArray[np.float64]],
    tables: Mapping[str, Table],
) -> tuple[tuple[int, ...], SubmissionRewards]:
    """Return the models whose submission counts, ascending, and their scores and reward scores so far.

    Parameters
    ----------
    refused
        The models whose submission does not count, as the seal says.
    positions
        nano-NMR by model.
    targets
        By name, of the sessions that are over, in the order of the universe, shape (ids,).
    tables
        The further inputs that `interim_rules` need, by name.
    """
    valid = counting(submissions, refused)
    meta_model = meta_model_of(submissions, refused, positions)
    stakes = np.array([positions.get(model, 0) for model in valid.model_ids], dtype=np.uint64)
    has_meta_model = not np.isnan(meta_model).any()
    known = interim_rules(rules)
    inputs = factor_inputs(
        known, valid.matrix, stakes, meta_model if has_meta_model else None, targets, tables
    )
    return valid.model_ids, reward_submissions(known, inputs, valid.model_ids)
