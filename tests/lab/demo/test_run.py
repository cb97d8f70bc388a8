"""The demo from beginning to end, over three weeks instead of a year."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from scorer.chain.contracts import Suite
from scorer.daemon.deployment_file import read_deployment
from scorer.lab.anvil import run_anvil
from scorer.lab.demo.run import run_demo
from scorer.observation.audit import INVARIANTS, idle_by_lane
from scorer.owned_files import FolderInUse
from tests.cli.test_cupel import run
from tests.cli.test_explain import nets


@dataclass(frozen=True)
class Demo:
    """A demo that was played: its folder, its summary, and what it printed."""

    out: Path
    summary: dict[str, Any]
    printed: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Three weeks, for all tests of the file, which only read."""
    out, printed = tmp_path_factory.mktemp("played") / "demo", io.StringIO()
    summary = run_demo(out, Console(file=printed, width=110), weeks_played=3)
    return Demo(out, summary, printed.getvalue())


def test_a_short_demo_settles_verifies_and_writes_everything(demo: Demo) -> None:
    summary = demo.summary
    assert summary == json.loads((demo.out / "summary.json").read_text())
    assert summary["rounds_settled"] == summary["rounds_verified"] == 3
    assert summary["models"] == 42
    assert summary["paid_nmr"] > 0
    assert summary["burned_nmr"] > 0
    assert summary["chain_id"] == 31_337
    assert summary["invariants"] == dict.fromkeys(INVARIANTS, True)
    assert summary["stakes_add_up"] is True
    assert summary["supply_before_nmr"] - summary["supply_after_nmr"] == pytest.approx(summary["burned_nmr"])
    assert {refusal["model"] for refusal in summary["refused_submissions"]} == {"broken_file"}
    closing = demo.printed.rstrip().splitlines()[-1]
    assert closing.startswith("demo: 3 rounds settled, 42 models, paid ")
    assert closing.endswith(", verified 3/3")
    for file in ("stakes.png", "payouts_and_burns.png", "scores.png", "chain.json", "rounds/3/report.json"):
        assert (demo.out / file).stat().st_size > 0
    board = pd.read_csv(demo.out / "leaderboard.csv").set_index("model")
    assert board.loc["always_half", "return_on_deposit_percent"] == 0
    assert board.loc["broken_file", "paid_nmr"] == 0


def test_explanations_of_a_demo_add_up_to_the_replayed_chains_balances(demo: Demo) -> None:
    code, text = run("statement", demo.out / "rounds", "--replay", demo.out)
    assert code == 0
    with run_anvil(state=demo.out / "chain.json") as anvil:
        suite = Suite.at(anvil.w3, read_deployment(demo.out / "deployment.json"))
        block = anvil.w3.eth.block_number
        balances = dict(zip(suite.models_by_lane(block), idle_by_lane(suite, block), strict=True))
        deposited = suite.tournament.events.Deposited().get_logs(from_block=0)
    found = nets(text)
    for event in deposited:
        model = int(event["args"]["modelId"])
        found[model] = found.get(model, 0) + int(event["args"]["amount"])
    assert found == balances


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(
        FolderInUse, match="expected an empty folder, or one that cupel demo made, found other files"
    ):
        run_demo(tmp_path, Console(file=io.StringIO()))
    assert (tmp_path / "thesis.txt").exists()
