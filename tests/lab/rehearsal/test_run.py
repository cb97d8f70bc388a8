"""The rehearsal's last line says what was found; the whole of it is a target of its own."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scorer.lab.rehearsal.run import judged, rehearse
from scorer.lab.rehearsal.timetable import ROUNDS, Timetable
from scorer.lab.rehearsal.verdict import EXPECTED
from scorer.owned_files import FolderInUse

REPOSITORY = Path(__file__).parents[3]
LINE = "rehearsal: 5 rounds, 4 settled, 1 void, 1 dispute overturned, verified 5/5"


def test_a_rehearsal_that_went_as_expected_ends_with_its_line() -> None:
    told: list[str] = []
    assert judged(EXPECTED, told.append) == 0
    assert told == [LINE]


@pytest.mark.parametrize(
    ("name", "value"), [("settled", 3), ("void", 0), ("overturned", 0), ("verified", 4), ("rounds", 6)]
)
def test_any_other_outcome_is_told_beside_the_expected_one_and_fails(name: str, value: int) -> None:
    told: list[str] = []
    assert judged(replace(EXPECTED, **{name: value}), told.append) == 1
    assert LINE in told[0]
    assert "found" in told[0]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FolderInUse, match="found other files"):
        rehearse(tmp_path, REPOSITORY, lambda _: None)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_every_round_opens_while_the_one_before_takes_submissions_and_all_overlap() -> None:
    table = Timetable(1_000_000)
    for number in range(2, ROUNDS + 1):
        assert table.opening(number - 1) < table.opening(number) < table.close(number - 1)
    assert max(table.close(n) for n in range(1, ROUNDS + 1)) < min(
        table.outcome(n) for n in range(1, ROUNDS + 1)
    )


@pytest.mark.long
def test_a_small_rehearsal_comes_to_its_end(tmp_path: Path) -> None:
    command = [sys.executable, "scripts/rehearse.py", "--out", str(tmp_path / "out"), "--models", "20"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == LINE, done.stdout + done.stderr
    assert done.returncode == 0
