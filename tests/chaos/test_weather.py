"""Daemons in processes of their own, ended at labelled points, on a chain that forgets: nothing twice."""

from pathlib import Path

import pytest

from scorer.drill.scenarios import (
    OUTBOX_LABELS,
    five_daemons,
    killed_everywhere,
    on_a_chain,
    reorganised,
    wrong_report_overturned,
)


def test_a_daemon_that_is_ended_between_signing_and_sending_does_all_once(tmp_path: Path) -> None:
    with on_a_chain(tmp_path) as (ground, _):
        result = killed_everywhere("signed", ground, kills=1)
    assert result.ok, result
    assert "0 times" not in result.detail


def test_a_chain_that_forgets_its_newest_blocks_loses_nothing(tmp_path: Path) -> None:
    with on_a_chain(tmp_path, deep=True) as (ground, _):
        result = reorganised(4, ground)
    assert result.ok, result


@pytest.mark.long
def test_a_wrong_report_is_challenged_and_overturned(tmp_path: Path) -> None:
    with on_a_chain(tmp_path) as (ground, _):
        result = wrong_report_overturned(ground)
    assert result.ok, result


@pytest.mark.long
def test_five_daemons_settle_with_one_silent_one_lying_one_late_one_ended(tmp_path: Path) -> None:
    with on_a_chain(tmp_path, members=5) as (ground, _):
        result = five_daemons(ground)
    assert result.ok, result


@pytest.mark.long
@pytest.mark.parametrize("label", OUTBOX_LABELS)
def test_a_daemon_that_is_ended_four_times_at_a_label_does_all_once(label: str, tmp_path: Path) -> None:
    with on_a_chain(tmp_path) as (ground, _):
        result = killed_everywhere(label, ground)
    assert result.ok, result
