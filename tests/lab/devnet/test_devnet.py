"""A devnet comes up with everything on it, settles its rounds, and goes on where it was stopped."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import LOCAL_CHAIN_ID, connect
from scorer.chain.records import ProposalRecord, RoundRecord, RoundState
from scorer.daemon.deployment_file import read_deployment
from scorer.lab.anvil import Anvil, free_port
from scorer.lab.devnet.layout import KEYS, STARTED, DevnetLayout
from scorer.lab.devnet.setup import FILE
from tests.cli.test_cupel import run

PATIENCE = 60.0
EVERY = 60


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[DevnetLayout]:
    found = DevnetLayout(tmp_path / "devnet")
    yield found
    if found.is_devnet():
        run("devnet", "down", "--folder", found.root)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.2)


def chain(layout: DevnetLayout) -> Anvil:
    url = layout.settings().endpoint
    return Anvil(connect(url, LOCAL_CHAIN_ID), url)


def record(layout: DevnetLayout, round_id: int) -> RoundRecord:
    w3 = chain(layout).w3
    return Suite.at(w3, read_deployment(layout.manifest)).round(round_id, w3.eth.block_number)


def settle_first_round(layout: DevnetLayout) -> None:
    """The clock is moved to what comes next; the daemons do the rest."""
    anvil = chain(layout)
    anvil.advance_to(record(layout, 1).close_at)
    until(lambda: record(layout, 1).state == RoundState.SEALED)
    anvil.advance_to(record(layout, 1).resolve_at)
    suite = Suite.at(anvil.w3, read_deployment(layout.manifest))

    def proposal() -> ProposalRecord | None:
        return suite.proposal(1, anvil.w3.eth.block_number)

    until(lambda: (found := proposal()) is not None and not found.awaits_evidence)
    accepted = proposal()
    assert accepted is not None
    anvil.advance_to(accepted.final_from + 10)
    until(lambda: record(layout, 1).state == RoundState.SETTLED)


def test_a_devnet_comes_up_settles_a_round_and_goes_on_where_it_was_stopped(layout: DevnetLayout) -> None:
    common = ("--folder", layout.root)
    port = free_port()

    code, said = run("devnet", "up", *common, "--port", port, "--every", EVERY, "--models", 3)

    assert code == 0, said
    for expected in (f"http://127.0.0.1:{port}", str(layout.manifest), "cupel model register", "alice"):
        assert expected in said
    assert (layout.rounds / "1" / "universe.parquet").is_file()
    for name in KEYS:
        assert layout.key(name).stat().st_mode & 0o777 == 0o600

    code, said = run("devnet", "up", *common, "--port", port)
    assert code == 1
    assert "expected no devnet that runs" in said

    settle_first_round(layout)
    at_risk = record(layout, 1).at_risk
    assert at_risk == 3 * 5 * 10**9

    code, said = run("devnet", "status", *common, "--json")
    found = json.loads(said)
    assert (code, found["up"], set(found["processes"])) == (0, True, set(STARTED))
    for name in ("operator", "member-1"):  # they hold keys
        status = Path("/proc") / str(found["processes"][name])
        assert "Max core file size        0                    0" in (status / "limits").read_text()
        assert (status / "environ").stat().st_uid == 0
    assert found["models"] == 3
    assert {"round": 1, "phase": "settled"}.items() <= found["rounds"][-1].items()

    before = chain(layout).w3.eth.get_block("latest")["timestamp"]
    code, said = run("devnet", "down", *common)
    assert code == 0
    assert all(name in said for name in STARTED)
    code, said = run("devnet", "status", *common)
    assert code == 1
    assert "chain: does not run" in said

    code, said = run("devnet", "up", *common, "--port", port, "--models", 3, "--keep")
    assert code == 0, said
    assert record(layout, 1).at_risk == at_risk
    assert record(layout, 1).state == RoundState.SETTLED
    assert chain(layout).w3.eth.get_block("latest")["timestamp"] > before
    run("devnet", "down", *common)
    layout.clear()  # it holds nothing but what a devnet writes


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    code, said = run("devnet", "up", "--folder", tmp_path)
    assert code == 1
    assert "found other files" in said
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_taken_port_is_told_before_anything_is_started(anvil: Anvil, tmp_path: Path) -> None:
    port = anvil.url.rpartition(":")[2]
    code, said = run("devnet", "up", "--folder", tmp_path / "devnet", "--port", port)
    assert code == 1
    assert "expected it free, found it taken" in said
    assert not (tmp_path / "devnet").exists()


@pytest.mark.parametrize("command", ["down", "status"])
def test_where_no_devnet_is_the_command_that_starts_one_is_named(tmp_path: Path, command: str) -> None:
    code, said = run("devnet", command, "--folder", tmp_path)
    assert code == 1
    assert "cupel devnet up" in said


def test_a_deployment_file_for_another_chain_is_refused_before_anything_is_started(
    layout: DevnetLayout, tmp_path: Path
) -> None:
    file = tmp_path / "other.toml"
    file.write_text(FILE.read_text().replace("chain_id = 31337", "chain_id = 1337"))
    code, said = run("devnet", "up", "--folder", layout.root, "--port", free_port(), "--file", file)
    assert code == 1
    assert "chain_id: expected 31337, found 1337" in said
    assert not layout.root.exists()
