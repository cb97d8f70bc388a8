"""The fast part of ``make hostile``, and that the fuzzing notices what it looks for."""

from collections.abc import Iterator

import pytest

from tests.hostile import batch, run
from tests.hostile.fragile import TARGETS
from tests.hostile.target import all_targets

FEW = 100


@pytest.fixture(scope="module")
def reader() -> Iterator[run.Reader]:
    with run.Reader() as reader:
        yield reader


@pytest.mark.parametrize("name", sorted(all_targets()))
def test_spoiled_inputs_are_refused_or_taken(reader: run.Reader, name: str) -> None:
    outcome = run.run(all_targets()[name], FEW, seed=2, readers=[reader])
    assert outcome.counts["inputs"] == FEW
    assert outcome.violations == []
    assert outcome.counts["taken"] > 0
    assert outcome.counts["refused"] > 0


def test_each_kind_of_violation_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPEL_HOSTILE_MODULES", "tests.hostile.fragile")
    with run.Reader() as reader:
        outcome = run.run(TARGETS[0], 7, seed=1, readers=[reader])
    found = {(index, verdict) for index, verdict, _ in outcome.violations}
    late = {(5, "slow")}  # on a machine that has other work, filling so much memory takes a while
    assert found - late == {(2, "death"), (3, "traceback"), (4, "slow"), (5, "large")}
    assert (outcome.counts["taken"], outcome.counts["refused"]) == (4, 1)
    assert outcome.counts["inputs"] == 7


def test_an_input_of_a_number_is_always_the_same() -> None:
    for each in all_targets().values():
        first, second = ([each.generate(1, index) for index in range(40)] for _ in range(2))
        assert first == second
        assert first != [each.generate(2, index) for index in range(40)]


def test_peaks_are_measured_for_each_input() -> None:
    large = batch.measure(TARGETS[0], b"large")
    small = batch.measure(TARGETS[0], b"good")
    assert large["bytes"] > batch.LARGE
    assert small["bytes"] < 2**24
