"""Daemons in processes of their own, ended at labelled points, on a chain that forgets: nothing twice."""

from pathlib import Path

import pytest

from scorer.failpoints import LABELS
from scorer.lab.drill.plan import chaos, drill
from scorer.lab.drill.scenarios import killed_everywhere, on_a_chain, reorganised


@pytest.mark.long
def test_a_daemon_that_is_ended_between_signing_and_sending_does_all_once(tmp_path: Path) -> None:
    with on_a_chain(tmp_path) as (ground, _):
        result = killed_everywhere("signed", ground, kills=1)
    assert result.ok, result
    assert result.detail == "6 times ended"


def test_a_point_that_is_never_reached_is_no_proof(tmp_path: Path) -> None:
    with on_a_chain(tmp_path) as (ground, _):
        result = killed_everywhere("no-such-point", ground, kills=1)
    assert result.stuck == 1
    assert "expected operator to be ended 2 times, found 0: never at no-such-point@:1:lock" in result.detail


@pytest.mark.long
def test_a_chain_that_forgets_its_newest_blocks_loses_nothing(tmp_path: Path) -> None:
    with on_a_chain(tmp_path, deep=True) as (ground, _):
        result = reorganised(4, ground)
    assert result.ok, result


def test_chaos_ends_a_daemon_at_every_label_and_reorganises_at_every_depth() -> None:
    names = {scenario.name for scenario in chaos()}
    assert {f"killed at {label}" for label in LABELS} <= names
    assert {f"reorganised {depth} deep" for depth in range(1, 9)} <= names
    assert len(names) == len(chaos())


@pytest.mark.long
@pytest.mark.parametrize("name", [scenario.name for scenario in chaos()])
def test_everything_is_done_once_whatever_happens(name: str, tmp_path: Path) -> None:
    (scenario,) = (each for each in chaos() if each.name == name)
    result = scenario.on_a_chain(tmp_path)
    assert result.ok, result


def test_the_drill_is_a_part_of_chaos() -> None:
    assert {scenario.name for scenario in drill()} <= {scenario.name for scenario in chaos()}
