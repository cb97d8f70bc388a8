"""The commands: plan, dry run, deploy; and what they refuse before anything is sent."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scorer.cli import app
from scorer.lab.anvil import Anvil
from tests.deployment.files import DEPLOYER, TEXT, TREASURY


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trial.toml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def key(anvil: Anvil, tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(anvil.account(0).key.hex())
    return path


def run(*arguments: object, **options: str) -> Result:
    return CliRunner().invoke(app, ["deployment", *(str(each) for each in arguments)], **options)  # type: ignore[arg-type]


def sent(anvil: Anvil) -> int:
    return int(anvil.w3.eth.get_transaction_count(anvil.account(0).address))


def test_a_plan_needs_no_key_and_says_what_it_costs(anvil: Anvil, file: Path) -> None:
    found = run("plan", file, "--endpoint", anvil.url, "--deployer", DEPLOYER)

    assert found.exit_code == 0, found.output
    assert "plan: 32 transactions, " in found.output
    assert "renounce the deployer's own role of admin" in found.output
    assert sent(anvil) == 0


def test_a_plan_is_a_document_on_request(anvil: Anvil, file: Path) -> None:
    found = run("plan", file, "--endpoint", anvil.url, "--deployer", DEPLOYER, "--json")

    assert found.exit_code == 0, found.output
    document = json.loads(found.output)
    assert (len(document["transactions"]), document["deployer"]) == (32, DEPLOYER)
    assert document["gas"] == sum(price["gas"] for price in document["transactions"])


def test_a_dry_run_sends_nothing(anvil: Anvil, file: Path, key: Path) -> None:
    found = run("deploy", file, "--endpoint", anvil.url, "--key", key, "--dry-run")

    assert found.exit_code == 0, found.output
    assert sent(anvil) == 0
    assert not (file.parent / "trial-1").exists()


def test_nothing_is_sent_without_a_yes(anvil: Anvil, file: Path, key: Path) -> None:
    found = run("deploy", file, "--endpoint", anvil.url, "--key", key, input="n\n")

    assert found.exit_code == 1
    assert sent(anvil) == 0


def test_deploys_and_writes_a_manifest_beside_the_file_that_agrees(
    anvil: Anvil, file: Path, key: Path
) -> None:
    found = run("deploy", file, "--endpoint", anvil.url, "--key", key, "--yes", "--json")
    manifest = file.parent / "trial-1" / "manifest.json"

    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert document["manifest"] == str(manifest)
    assert document["contracts"] == {
        label: each["address"] for label, each in json.loads(manifest.read_text())["contracts"].items()
    }
    assert json.loads(manifest.read_text())["deployer"] == DEPLOYER
    assert run("check", manifest, "--endpoint", anvil.url).exit_code == 0
    assert "plan: 0 transactions" in run("deploy", file, "--endpoint", anvil.url, "--key", key).output


def test_a_chain_id_that_does_not_match_is_refused_before_the_first_transaction(
    anvil: Anvil, file: Path, key: Path
) -> None:
    file.write_text(TEXT.replace("chain_id = 31337", "chain_id = 80002"))

    found = run("deploy", file, "--endpoint", anvil.url, "--key", key, "--yes")

    assert found.exit_code == 1
    assert "expected chain id 80002 (as configured), found 31337; nothing was sent" in found.output
    assert sent(anvil) == 0


def test_a_wrong_file_is_refused_by_its_fields_path(anvil: Anvil, file: Path, key: Path) -> None:
    file.write_text(TEXT.replace(TREASURY, "${NOBODY_SET_THIS}"))

    found = run("deploy", file, "--endpoint", anvil.url, "--key", key, "--yes")

    assert found.exit_code == 1
    assert "token.treasury: expected an address: fill it in, or set NOBODY_SET_THIS" in found.output


def test_a_deployer_that_is_no_address_is_refused(anvil: Anvil, file: Path) -> None:
    found = run("plan", file, "--endpoint", anvil.url, "--deployer", DEPLOYER.lower())

    assert found.exit_code == 1
    assert "--deployer: expected a checksummed address" in found.output
