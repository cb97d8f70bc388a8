"""A round's outcome from the factor scores in its bundle, for whom predictions are withheld.

Everything from the factor scores on is computed: reward scores, rates, payouts, burns, manifest and report.
The factor scores themselves are as members say; `scorer.evaluation.own` computes those of one's own model.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.commitments import check_commitments
from scorer.evaluation.evaluate import counting, meta_model_digest, outcome
from scorer.evaluation.factors import correlation_columns
from scorer.evaluation.inputs import InputsMismatch, Published, RoundInputs, RoundResult
from scorer.evaluation.operands import restated, round_operands, stated
from scorer.evaluation.submission_rewards import reward_factors
from scorer.protocol.report import stated_steps
from scorer.protocol.submissions import Submissions


def restate(published: Published) -> RoundResult:
    """Compute a round's outcome from the factor scores that its bundle claims.

    Raises
    ------
    InputsMismatch
        When the files are not those that the chain committed to, or scores.parquet has not a row for every
        model that submitted or has a position, or lacks a factor.
    """
    inputs = published.inputs
    check_commitments(inputs)
    valid = counting(inputs.submissions, inputs.refused)
    rows = _rows(published.scores, inputs, valid)
    names = [factor.name for factor in inputs.rules.factors]
    factors = {name: _column(published.scores, name)[rows] for name in names}
    needed = correlation_columns(inputs.rules)
    correlations = {name: _column(published.scores, name)[rows] for name in needed}
    rewards = reward_factors(inputs.rules, factors, correlations, inputs.tables, valid.model_ids)
    meta_model, digest = published.meta_model, published.manifest["digests"]["meta_model"]
    if meta_model is None:
        # Without the body neither can be computed: they stay as the manifest has them.
        found = restated(published.manifest)
        return outcome(inputs, valid, rewards, np.full(len(valid.universe), np.nan), digest, found)
    # The steps of a meta model take everybody's predictions: they stay as the manifest has them.
    found = stated(round_operands(inputs, meta_model, stated_steps(published.manifest)))
    digest = meta_model_digest(valid.universe, meta_model)
    return outcome(inputs, valid, rewards, meta_model, digest, found)


def _rows(scores: Mapping[str, NDArray[Any]], inputs: RoundInputs, valid: Submissions) -> Sequence[int]:
    """Return the row of each model whose submission counts, in a table that has the models that it must."""
    expected = sorted({*valid.model_ids, *inputs.positions.by_model})
    found = scores.get("model_id", np.empty(0)).tolist()
    if found != expected:
        raise InputsMismatch("scores.parquet, models", expected, found)
    row_of = {model: row for row, model in enumerate(expected)}
    return [row_of[model] for model in valid.model_ids]


def _column(scores: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.float64]:
    column = scores.get(name)
    if column is None or column.dtype != np.float64:
        found = "none" if column is None else column.dtype
        raise InputsMismatch(f"scores.parquet, column {name}", "float64", found)
    return column
