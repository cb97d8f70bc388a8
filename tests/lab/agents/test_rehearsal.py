"""The rehearsal of agents comes to its end in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from scorer.lab.agents.uniswap import FACTORY, ROUTER, NoUniswap, package_artifact

REPOSITORY = Path(__file__).parents[3]


def test_uniswap_s_own_contracts_are_there() -> None:
    for file in (FACTORY, ROUTER):
        abi, code = package_artifact(REPOSITORY / file)
        assert len(abi) > 5
        assert code.startswith("0x60")


def test_a_package_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoUniswap, match="npm ci"):
        package_artifact(tmp_path / FACTORY)


@pytest.mark.long
def test_an_agent_acts_within_its_limits_and_is_refused_outside(tmp_path: Path) -> None:
    command = [sys.executable, "scripts/agents_rehearsal.py", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith(
        "agents: round 1, signed by 3 daemons: admitted 1 document and 5 acts; refused 15 ("
    )
    for name in (
        "TooFewSigners",
        "WrongTournament",
        "OtherSetsRound",
        "SizeAboveWeight",
        "NotAdmitted",
        "Expired",
    ):
        assert name in last
    assert "slashed 2 (a double signer 100 NMR, an agent 100 NMR)" in last
    assert last.endswith("gave 2 feedback")
