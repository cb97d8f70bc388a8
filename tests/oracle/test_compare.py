"""Two members' bundles of one round: what differs is named by model, by file, and targets id by id."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.evaluate import evaluate
from scorer.oracle.compare import gaps
from scorer.storage.bundle import Bundle
from tests.small_round import IDS, TARGET, SmallRound


def bundle(folder: Path, target: NDArray[np.float64] | None = None) -> Bundle:
    """A member's bundle of a small round, whose target it may know differently."""
    inputs = SmallRound().inputs()
    if target is not None:
        inputs = replace(inputs, targets={**inputs.targets, TARGET: target})
    Bundle(folder).write(inputs, evaluate(inputs))
    return Bundle(folder)


def test_equal_bundles_have_no_gaps(tmp_path: Path) -> None:
    assert list(gaps(bundle(tmp_path / "a"), bundle(tmp_path / "b"))) == []


def test_a_target_that_two_members_know_differently_is_named_by_id_and_value(tmp_path: Path) -> None:
    inputs = SmallRound().inputs()
    changed = np.array(inputs.targets[TARGET])
    changed[5] = 0.125
    found = list(map(str, gaps(bundle(tmp_path / "a"), bundle(tmp_path / "b", changed))))
    ours = f"{inputs.targets[TARGET][5]:g}"
    assert f"{TARGET} of {IDS[5]}: ours {ours}, theirs 0.125" in found
    assert sum(line.startswith(f"{TARGET} of ") for line in found) == 1
    assert any(line.startswith("digest of targets: ") for line in found)
