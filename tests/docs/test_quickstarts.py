"""The quick starts and the README, typed as they stand, in order, in an empty checkout.

What a reader waits for is in each test; what cannot be typed here is in `UNTYPED`.
"""

from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import bare, blocks, page
from tests.docs.terminal import checkout, terminal

UNTYPED: Final = {
    "make test": "it would run this test again",
    "make lint": "a check of its own in .ci/run, minutes long",
    "make abi": "it would write into the package; .ci/run compares instead (make abi-check)",
    "make rehearse": "a target of its own, minutes long",
    "cupel oracle challenge --config node.toml --round 1": (
        "it disputes a false report, and here is none; make rehearse plays one"
    ),
}
"""Commands of the pages that are not typed, without the comments behind them, and why."""
TIME: Final = "python -m tests.devnet_time"


def typed(name: str, tmp_path: Path, waits: dict[str, str]) -> str:
    """Type a page; all that was printed."""
    with terminal(checkout(tmp_path / "cupel"), tmp_path / "home") as shell:
        shell.read(blocks(page(name)), waits, UNTYPED)
        return "\n".join(shell.printed)


@pytest.mark.long
def test_a_data_scientist_comes_from_a_key_to_a_payout(tmp_path: Path) -> None:
    waits = {"cupel rounds$": f"{TIME} sealed $ROUND", "cupel explain": f"{TIME} settled $ROUND"}
    printed = typed("docs/quickstart-data-scientist.md", tmp_path, waits)
    assert "verify: round 1 agrees: " in printed


@pytest.mark.long
def test_a_developer_changes_a_rule_and_runs_it(tmp_path: Path) -> None:
    waits = {"cupel rounds$": f"{TIME} settled 1"}
    printed = typed("docs/quickstart-developer.md", tmp_path, waits)
    assert "verify: round 1 agrees: " in printed


@pytest.mark.long
def test_a_member_attests_and_verifies_a_round(tmp_path: Path) -> None:
    waits = {"cupel oracle run": f"{TIME} settled 1 ../devnet/manifest.json"}
    printed = typed("docs/quickstart-member.md", tmp_path, waits)
    assert "verify: round 1 agrees: " in printed


@pytest.mark.long
def test_an_operator_deploys_and_runs_a_round(tmp_path: Path) -> None:
    waits = {"cupel operator run": f"CUPEL_RPC_URL=http://127.0.0.1:8600 {TIME} unsealed 1 manifest.json"}
    typed("docs/quickstart-operator.md", tmp_path, waits)


@pytest.mark.long
def test_the_first_page_leads_from_the_demo_to_a_devnet(tmp_path: Path) -> None:
    typed("README.md", tmp_path, {})


def test_what_is_left_out_stands_on_a_page() -> None:
    names = ("README.md", *(f"docs/quickstart-{who}.md" for who in ("developer", "member")))
    found = {
        command for name in names for block in blocks(page(name)) for command in map(bare, block.commands)
    }
    assert set(UNTYPED) <= found
