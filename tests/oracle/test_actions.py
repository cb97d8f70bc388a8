"""Actions are values that cannot be changed, and their results read as logs and commands show them."""

from dataclasses import FrozenInstanceError, fields
from typing import get_args

import pytest

from scorer.oracle.actions import (
    Action,
    ActionResult,
    LockSlots,
    OpenRound,
    PublishPlan,
    SettleChunk,
    Wait,
)


def test_no_action_and_no_result_can_be_changed() -> None:
    values: list[object] = [kind(*[None] * len(fields(kind))) for kind in get_args(Action)]
    for value in [*values, ActionResult(1, Wait(""), "")]:
        with pytest.raises(FrozenInstanceError):
            value.anything = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (ActionResult(0, OpenRound("weekly"), "block 7"), "open weekly: block 7"),
        (ActionResult(1, PublishPlan("weekly"), "published weekly"), "round 1: published weekly"),
        (ActionResult(1, LockSlots("roll:2"), "block 8"), "round 1 roll:2: block 8"),
        (ActionResult(5, SettleChunk(2), "block 9"), "5 SettleChunk: block 9"),
        (ActionResult(5, Wait("why"), "why", "second"), "second 5 Wait: why"),
    ],
)
def test_a_result_names_its_round_its_action_and_one_of_several_tournaments(
    result: ActionResult, text: str
) -> None:
    assert str(result) == text
