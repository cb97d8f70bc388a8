"""One's own submission held against a round's public bundle: content, factor scores, reward and payout."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.factors import factor_inputs
from scorer.evaluation.inputs import Published, RoundInputs
from scorer.evaluation.verify import Difference
from scorer.factors.registry import score_of
from scorer.protocol.digest import content_hash
from scorer.protocol.documents import to_hex
from scorer.protocol.rules import Factor
from scorer.protocol.submissions import Submission


@dataclass(frozen=True)
class OwnSubmission:
    """A model, and the predictions that its data scientist sent: shape (ids,), in the universe's order."""

    model_id: int
    predictions: NDArray[np.float64]


@dataclass(frozen=True)
class OwnVerification:
    """The result of holding one's own submission against a bundle.

    Attributes
    ----------
    checked
        What was computed and agrees or differs, in words.
    unchecked
        What cannot be computed from one's own predictions, and why.
    """

    differences: tuple[Difference, ...]
    checked: tuple[str, ...]
    unchecked: tuple[str, ...]


def verify_own(published: Published, own: OwnSubmission) -> OwnVerification:
    """Hold one's own predictions against what a bundle says of them.

    That the submission is under the round's root, and that reward and payout follow from the factor scores,
    is what `scorer.evaluation.verify.differences` finds out, for every model.
    """
    inputs, where = published.inputs, f"model {own.model_id}"
    entry = next((e for e in inputs.submissions.entries if e.model_id == own.model_id), None)
    if entry is None:
        return OwnVerification((Difference(f"submissions.json, {where}", "a submission", "none"),), (), ())
    found = content_hash(inputs.submissions.universe, own.predictions)
    if found != entry.content_hash:
        wrong = Difference(
            f"submissions.json, content hash of {where}", to_hex(found), to_hex(entry.content_hash)
        )
        return OwnVerification((wrong,), (), ())
    if own.model_id in inputs.refused:
        why = "that it does not count, as a quorum of members said: what they read is theirs alone"
        return OwnVerification((), ("content hash",), (why,))
    return _scored(published, own, entry)


def _scored(published: Published, own: OwnSubmission, entry: Submission) -> OwnVerification:
    differences: list[Difference] = []
    checked, unchecked = ["content hash"], []
    for factor in published.inputs.rules.factors:
        why = _unknown(published, factor)
        if why is not None:
            unchecked.append(f"{factor.name}, {why}")
            continue
        checked.append(factor.name)
        differences += _factor_differences(published, own, factor)
    checked += ["reward_score", "payout" if _amount(published, entry, "payout") else "burn"]
    return OwnVerification(tuple(differences), tuple(checked), tuple(unchecked))


def _unknown(published: Published, factor: Factor) -> str | None:
    """Return why a factor cannot be computed from one's own predictions; None where it can."""
    score = score_of(published.inputs.rules.scoring, factor.score)
    if score.rests_on_all:
        return "which rests on everybody's predictions"
    if score.rests_on_meta_model and published.meta_model is None:
        return "which rests on the meta model, whose body is not in this bundle"
    return None


def _factor_differences(published: Published, own: OwnSubmission, factor: Factor) -> Iterator[Difference]:
    inputs = published.inputs
    expected = _score(inputs, own, factor, published.meta_model)
    row = _row(published, own.model_id)
    column = published.scores.get(factor.name)
    found = None if row is None or column is None else column[row]
    if found is None or not _same(expected, found):
        yield Difference(f"scores.parquet, model {own.model_id}, {factor.name}", expected, found)


def _score(
    inputs: RoundInputs, own: OwnSubmission, factor: Factor, meta_model: NDArray[np.float64] | None
) -> np.float64:
    """Return one factor of one submission, as it is in any round that has it."""
    known = None if meta_model is None or np.isnan(meta_model).any() else meta_model
    stakes = np.array([inputs.positions.by_model.get(own.model_id, 0)], dtype=np.uint64)
    alone = factor_inputs(
        inputs.rules, own.predictions[np.newaxis], stakes, known, inputs.targets, inputs.tables
    )
    score = score_of(inputs.rules.scoring, factor.score)
    return np.float64(score.compute(alone, factor.target)[0])


def _same(one: Any, other: Any) -> bool:
    return bool(one == other or (np.isnan(one) and np.isnan(other)))


def _row(published: Published, model_id: int) -> int | None:
    models = published.scores.get("model_id", np.empty(0)).tolist()
    return models.index(model_id) if model_id in models else None


def _amount(published: Published, entry: Submission, name: str) -> int:
    row, column = _row(published, entry.model_id), published.scores.get(name)
    return 0 if row is None or column is None else int(column[row])
