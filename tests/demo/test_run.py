"""The demo from beginning to end, over three weeks instead of a year."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from scorer.demo.run import run_demo
from scorer.files import FolderInUse
from scorer.oracle.audit import INVARIANTS


def test_a_short_demo_settles_verifies_and_writes_everything(tmp_path: Path) -> None:
    said = io.StringIO()
    summary = run_demo(tmp_path / "demo", Console(file=said, width=110), weeks_played=3)
    assert summary == json.loads((tmp_path / "demo" / "summary.json").read_text())
    assert summary["rounds_settled"] == summary["rounds_verified"] == 3
    assert summary["models"] == 41
    assert summary["paid_nmr"] > 0
    assert summary["burned_nmr"] > 0
    assert summary["chain_id"] == 31_337
    assert summary["invariants"] == dict.fromkeys(INVARIANTS, True)
    assert summary["stakes_add_up"] is True
    assert summary["supply_before_nmr"] - summary["supply_after_nmr"] == pytest.approx(summary["burned_nmr"])
    assert {refusal["model"] for refusal in summary["refused_submissions"]} == {"broken_file"}
    closing = said.getvalue().rstrip().splitlines()[-1]
    assert closing.startswith("demo: 3 rounds settled, 41 models, paid ")
    assert closing.endswith(", verified 3/3")
    for file in ("stakes.png", "payouts_and_burns.png", "scores.png", "chain.json", "rounds/3/report.json"):
        assert (tmp_path / "demo" / file).stat().st_size > 0
    board = pd.read_csv(tmp_path / "demo" / "leaderboard.csv").set_index("model")
    assert board.loc["always_half", "return_percent"] == 0
    assert board.loc["broken_file", "paid_nmr"] == 0


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(
        FolderInUse, match="expected an empty folder, or one that cupel demo made, found other files"
    ):
        run_demo(tmp_path, Console(file=io.StringIO()))
    assert (tmp_path / "thesis.txt").exists()
