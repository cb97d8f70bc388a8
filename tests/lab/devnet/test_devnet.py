"""A devnet comes up with everything on it, settles its rounds, and goes on where it was stopped."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scorer.chain.records import RoundState
from scorer.lab.anvil import Anvil, free_port
from scorer.lab.devnet.layout import KEYS, STARTED, DevnetLayout
from scorer.lab.devnet.setup import FILE
from tests.cli.test_cupel import run
from tests.devnet_time import DevnetTime

EVERY = 60


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[DevnetLayout]:
    found = DevnetLayout(tmp_path / "devnet")
    yield found
    if found.is_devnet():
        run("devnet", "down", "--folder", found.root)


def clock_of(layout: DevnetLayout) -> DevnetTime:
    return DevnetTime(layout.settings().endpoint, layout.manifest)


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

    clock_of(layout).until_settled(1)
    at_risk = clock_of(layout).record(1).at_risk
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

    before = clock_of(layout).anvil.w3.eth.get_block("latest")["timestamp"]
    code, said = run("devnet", "down", *common, "--json")
    assert code == 0
    assert set(json.loads(said)["stopped"]) == set(STARTED)
    code, said = run("devnet", "status", *common)
    assert code == 1
    assert "chain: does not run" in said

    code, said = run("devnet", "up", *common, "--port", port, "--models", 3, "--keep")
    assert code == 0, said
    clock = clock_of(layout)
    assert clock.record(1).at_risk == at_risk
    assert clock.record(1).state == RoundState.SETTLED
    assert clock.anvil.w3.eth.get_block("latest")["timestamp"] > before
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
