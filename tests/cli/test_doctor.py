"""``cupel doctor`` says of each thing whether it is there, and what to do where it is not."""

import json
from pathlib import Path

import pytest

from scorer.cli import surroundings
from scorer.cli.surroundings import Surroundings
from scorer.daemon.checks import Check
from tests.cli.test_cupel import run
from tests.compute.models import GOOD, Site, model, script
from tests.world import World

NOBODY = "http://127.0.0.1:9"


def looked(**named: object) -> dict[str, Check]:
    """The checks by name, of surroundings with some parts."""
    parts: dict[str, object] = {
        **dict.fromkeys(("endpoint", "deployment", "keystore", "password_file", "server")),
        "folders": {},
        "ask_server": lambda url: (31337, "0x" + "00" * 20),
    }
    return {check.name: check for check in Surroundings(**parts | named).checks()}  # type: ignore[arg-type]


@pytest.fixture
def deployment(world: World, tmp_path: Path) -> Path:
    path = tmp_path / "deployment.json"
    path.write_text(json.dumps(world.suite.addresses.to_json()))
    return path


def test_a_sound_deployment_has_its_contracts_and_counts_rounds(world: World, deployment: Path) -> None:
    found = looked(endpoint=world.anvil.url, deployment=deployment)
    assert all(check.ok for check in found.values()), found
    assert "chain 31337" in found["endpoint"].detail
    assert found["contracts"].detail == "all there; rounds so far: 0"


def test_a_chain_without_the_contracts_is_named(world: World, tmp_path: Path) -> None:
    elsewhere = world.suite.addresses.to_json() | {"roller": "0x" + "11" * 20}
    (tmp_path / "other.json").write_text(json.dumps(elsewhere))
    found = looked(endpoint=world.anvil.url, deployment=tmp_path / "other.json")
    assert not found["contracts"].ok
    assert "expected a contract roller at 0x1111" in found["contracts"].detail


def test_a_server_of_another_tournament_is_refused(world: World, deployment: Path) -> None:
    own = (31337, str(world.suite.tournament.address))
    assert looked(server="http://a.test", deployment=deployment, ask_server=lambda url: own)["server"].ok
    other = looked(server="http://a.test", deployment=deployment)["server"]
    assert not other.ok
    assert "found that of 0x0000" in other.detail


def test_an_endpoint_that_does_not_answer_is_named_and_contracts_are_left_out(deployment: Path) -> None:
    found = looked(endpoint=NOBODY, deployment=deployment)
    assert not found["endpoint"].ok
    assert "127.0.0.1" in found["endpoint"].detail
    assert "contracts" not in found


def test_files_that_others_can_read_are_refused(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret")
    password.chmod(0o644)
    found = looked(password_file=password)["password file"]
    assert not found.ok
    assert "rights 644; chmod 600" in found.detail
    password.chmod(0o600)
    assert looked(password_file=password)["password file"].ok


@pytest.mark.parametrize("content", ["", "{}", "[]", "no json"])
def test_files_of_another_kind_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    path.chmod(0o600)
    found = looked(keystore=path, deployment=path, endpoint=NOBODY)
    assert not found["keystore"].ok
    assert not found["deployment"].ok


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = looked(folders={"CUPEL_INBOX": tmp_path / "none", "CUPEL_ROUNDS": tmp_path})
    assert "expected a folder at" in found["CUPEL_INBOX"].detail
    assert found["CUPEL_ROUNDS"].ok


def test_a_node_that_runs_models_is_checked_as_a_whole(world: World, tmp_path: Path) -> None:
    site = Site(world, tmp_path / "node")
    site.write([model(1, script(site.folder / "one", GOOD))])
    found = looked(compute=site.folder / "compute.toml")
    assert found["compute"].detail.startswith("1 models")
    assert found["compute: model 1"].ok
    assert found["compute: chain"].ok
    assert not found["compute: submitter's key"].ok  # the node's folder has none


def test_a_node_s_configuration_that_cannot_be_used_is_one_fault(tmp_path: Path) -> None:
    (tmp_path / "compute.toml").write_text("[chain]\n")
    found = looked(compute=tmp_path / "compute.toml")
    assert not found["compute"].ok
    assert not any(name.startswith("compute:") for name in found)


def test_without_anything_named_only_tools_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name, path: None)
    found = looked()
    assert all(check.ok for check in found.values())
    assert "install Foundry" in found["anvil"].detail
    assert "pip install 'cupel[demo]'" in found["cupel[demo]"].detail


def test_a_full_disk_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "LEAST_FREE", 1 << 80)
    assert not looked()["disk"].ok


def test_the_command_prints_lines_or_json_and_ends_with_1_for_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CUPEL_PROFILE", "")
    for name in (
        "CUPEL_RPC_URL",
        "CUPEL_DEPLOYMENT",
        "CUPEL_KEYSTORE",
        "CUPEL_PASSWORD_FILE",
        "CUPEL_URL",
        "CUPEL_COMPUTE",
    ):
        monkeypatch.delenv(name, raising=False)
    code, said = run("doctor")
    assert code == 0
    assert "check: everything is in order" in said
    monkeypatch.setenv("CUPEL_INBOX", str(tmp_path / "none"))
    code, said = run("doctor")
    assert code == 1
    assert "FAIL CUPEL_INBOX" in said
    code, said = run("doctor", "--json")
    assert {"name": "CUPEL_INBOX", "ok": False} in [
        {name: each[name] for name in ("name", "ok")} for each in json.loads(said)
    ]
