"""What was published of a void round, held against what the chain said of it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from scorer.evaluation.inputs import RoundInputs
from scorer.evaluation.void import VoidOnChain, void_differences
from scorer.protocol.submissions import Submissions
from tests.small_round import (
    IDS,
    UNKNOWN,
    WRONGLY_SIGNED,
    SmallRound,
    must_be_refused,
    sealed,
    void_on_chain,
)


@pytest.fixture(scope="module")
def inputs() -> RoundInputs:
    return SmallRound().inputs()


def found_in(inputs: RoundInputs, chain: VoidOnChain) -> list[str]:
    found = void_differences(inputs.rules, inputs.submissions, inputs.refused, chain)
    return [str(each) for each in found]


def test_a_void_round_that_was_sealed_rightly_agrees(inputs: RoundInputs) -> None:
    assert found_in(inputs, void_on_chain(inputs)) == []


def test_a_void_round_that_was_never_sealed_has_no_root_to_agree_with(inputs: RoundInputs) -> None:
    assert found_in(inputs, replace(void_on_chain(inputs), submissions_root=None)) == []


@pytest.mark.parametrize("model", [WRONGLY_SIGNED, UNKNOWN])
def test_a_quorum_that_let_count_what_must_not_is_named(model: int, inputs: RoundInputs) -> None:
    lie = sealed(inputs, inputs.refused - {model})
    reason = must_be_refused(inputs)[model]
    assert found_in(lie, void_on_chain(lie)) == [
        f"verdicts.json, verdict on model {model}: expected a refusal: {reason}, found none"
    ]


def test_a_submission_that_gates_refused_agrees(inputs: RoundInputs) -> None:
    refused = sealed(inputs, inputs.refused | {1})
    assert found_in(refused, void_on_chain(refused)) == []


def with_prediction(model: int) -> Callable[[RoundInputs], RoundInputs]:
    def changed(inputs: RoundInputs) -> RoundInputs:
        entries = []
        for entry in inputs.submissions.entries:
            values = np.array(entry.predictions)
            values[3] = 0.125
            entries.append(replace(entry, predictions=values) if entry.model_id == model else entry)
        return replace(inputs, submissions=Submissions(IDS, tuple(entries)))

    return changed


CHANGES: dict[str, tuple[Callable[[RoundInputs], RoundInputs], str]] = {
    "a prediction": (
        with_prediction(2),
        "verdicts.json, verdict on model 2: expected a refusal: expected the predictions that were signed",
    ),
    "a refusal less": (
        lambda i: replace(i, refused=frozenset({UNKNOWN})),
        "verdicts.json, verdict on model 5",
    ),
    "a refusal more": (lambda i: replace(i, refused=i.refused | {1}), "submissions.json, root: expected "),
    "a refusal of a model that sent nothing": (
        lambda i: replace(i, refused=i.refused | {1_000}),
        "verdicts.json, verdict on model 1000: expected none, found a refusal",
    ),
    "a submission less": (
        lambda i: replace(i, submissions=Submissions(IDS, i.submissions.entries[1:])),
        "submissions.json, root: expected ",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_file_of_a_void_round_is_named(what: str, inputs: RoundInputs) -> None:
    change, message = CHANGES[what]
    assert found_in(change(inputs), void_on_chain(inputs))[0].startswith(message)


def test_predictions_of_a_refused_submission_may_be_others_than_those_signed(inputs: RoundInputs) -> None:
    assert found_in(with_prediction(WRONGLY_SIGNED)(inputs), void_on_chain(inputs)) == []
