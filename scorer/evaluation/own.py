"""One's own submission held against a round's public bundle: content, factor scores, reward and payout."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.factors import factor_inputs, meta_model_correlations
from scorer.evaluation.inputs import Published
from scorer.evaluation.verify import Difference
from scorer.factors.inputs import FactorInputs
from scorer.factors.registry import score_of
from scorer.factors.score import Score
from scorer.protocol.digest import content_hash
from scorer.protocol.documents import to_hex
from scorer.protocol.submissions import Submission
from scorer.protocol.tables import NEUTRAL_CHURN

WITHOUT_BODY: Final = "which rests on the meta model, whose body is not in this bundle"


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
    follows
        What follows from it, in a bundle that agrees with itself and with the chain.
    unchecked
        What cannot be computed from one's own predictions, and why.
    """

    differences: tuple[Difference, ...]
    checked: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()


def verify_own(published: Published, own: OwnSubmission) -> OwnVerification:
    """Hold one's own predictions against what a bundle says of them.

    That the submission is under the round's root, and that reward and payout follow from the factor scores,
    is what `scorer.evaluation.verify.differences` finds out, for every model.
    """
    inputs, where = published.inputs, f"model {own.model_id}"
    entry = next((e for e in inputs.submissions.entries if e.model_id == own.model_id), None)
    if entry is None:
        return OwnVerification((Difference(f"submissions.json, {where}", "a submission", "none"),))
    found = content_hash(inputs.submissions.universe, own.predictions)
    # Of other predictions than those that were signed, all that follows would say nothing.
    if found != entry.content_hash:
        wrong = Difference(
            f"submissions.json, content hash of {where}", to_hex(found), to_hex(entry.content_hash)
        )
        return OwnVerification((wrong,))
    if own.model_id in inputs.refused:
        why = "that it does not count, as a quorum of members said: what they read is theirs alone"
        return OwnVerification((), ("content hash",), (why,))
    return _scored(published, own, entry)


def _scored(published: Published, own: OwnSubmission, entry: Submission) -> OwnVerification:
    """Hold factor scores and what adjusters rest on against a bundle; then reward and payout follow.

    They are claimed only where everything that they rest on was computed from one's own predictions.
    """
    differences: list[Difference] = []
    checked, unchecked = ["content hash"], []
    alone = _alone(published, own)
    for column, expected in _columns(published, alone):
        if isinstance(expected, str):
            unchecked.append(f"{column}, {expected}")
            continue
        checked.append(column)
        differences += _difference(published, own, column, expected)
    follows: tuple[str, ...] = ()
    if unchecked:
        unchecked.append("reward_score and payout, which follow from them")
    elif not differences:
        follows = "reward_score", "payout" if _amount(published, entry, "payout") else "burn"
    return OwnVerification(tuple(differences), tuple(checked), tuple(unchecked), follows)


def _columns(published: Published, alone: FactorInputs) -> Iterator[tuple[str, np.float64 | str]]:
    """Yield the columns of scores.parquet that a reward follows from: the value, or why it is not known."""
    rules = published.inputs.rules
    for factor in rules.factors:
        score = score_of(rules.scoring, factor.score)
        unknown = _unknown(score, published.meta_model is not None)
        yield factor.name, unknown or np.float64(score.compute(alone, factor.target)[0])
    for column, values in meta_model_correlations(rules, alone).items():
        yield column, WITHOUT_BODY if published.meta_model is None else np.float64(values[0])
    if rules.adjusters.neutral_churn is not None:
        yield NEUTRAL_CHURN, "which rests on your submissions to earlier rounds"


def _unknown(score: Score, has_meta_model: bool) -> str | None:
    """Return why a score cannot be computed from one's own predictions; None where it can."""
    if score.rests_on_all:
        return "which rests on everybody's predictions"
    return WITHOUT_BODY if score.rests_on_meta_model and not has_meta_model else None


def _difference(
    published: Published, own: OwnSubmission, column: str, expected: np.float64
) -> Iterator[Difference]:
    row, values = _row(published, own.model_id), published.scores.get(column)
    found = None if row is None or values is None else values[row]
    if found is None or not _same(expected, found):
        yield Difference(f"scores.parquet, model {own.model_id}, {column}", expected, found)


def _alone(published: Published, own: OwnSubmission) -> FactorInputs:
    """Return the inputs of one submission's scores, which are what they are in any round that has it."""
    inputs, meta_model = published.inputs, published.meta_model
    known = None if meta_model is None or np.isnan(meta_model).any() else meta_model
    stakes = np.array([inputs.positions.by_model.get(own.model_id, 0)], dtype=np.uint64)
    return factor_inputs(
        inputs.rules, own.predictions[np.newaxis], stakes, known, inputs.targets, inputs.tables
    )


def _same(one: Any, other: Any) -> bool:
    return bool(one == other or (np.isnan(one) and np.isnan(other)))


def _row(published: Published, model_id: int) -> int | None:
    models = published.scores.get("model_id", np.empty(0)).tolist()
    return models.index(model_id) if model_id in models else None


def _amount(published: Published, entry: Submission, name: str) -> int:
    row, column = _row(published, entry.model_id), published.scores.get(name)
    return 0 if row is None or column is None else int(column[row])
