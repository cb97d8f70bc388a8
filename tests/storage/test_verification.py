"""What a process says that verified a stranger's bundle is checked before it is shown."""

from typing import Any

import pytest

from scorer.storage.verification import VerificationResult, verdict_from

SAID = {"round_id": 5, "agreement": "3 models", "count": 0, "first": [], "not_covered": ["x"], "own": ["y"]}


def test_a_verdict_is_read() -> None:
    assert verdict_from(SAID) == VerificationResult(5, "3 models", 0, (), ("x",), ("y",))


@pytest.mark.parametrize(
    "change",
    [
        {"count": float("inf")},
        {"count": True},
        {"count": -1},
        {"count": 1},
        {"round_id": "5"},
        {"first": 7},
        {"not_covered": None},
        {"own": 7},
    ],
    ids=str,
)
def test_a_verdict_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        verdict_from(SAID | change)


def test_a_verdict_holds_nothing_that_a_terminal_obeys() -> None:
    found = verdict_from(SAID | {"agreement": "\x1b[2J\ud800\n", "not_covered": ["\x1b]0;x\x07"] * 99})
    assert found.agreement == "\\x1b[2J\\ud800\\n"
    assert len(found.not_covered) == 21
    assert all(each.isprintable() for each in found.not_covered)
