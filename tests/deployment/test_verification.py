# ruff: noqa: E501 - a case a line
"""The compiler's input of a contract reproduces its code, and reaches an explorer in the explorer's own form."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from scorer.chain.artifacts import CONTRACTS, artifact
from scorer.cli import app
from scorer.deployment import verification
from scorer.deployment.code import compiled_code, digest, masked_digest
from scorer.deployment.verification import (
    VerificationError,
    code_record,
    compile_input,
    input_digest,
    standard_input,
    subject,
    to_etherscan,
    to_sourcify,
)
from tests.chains import Chains
from tests.deployment.site import Site, built_site

REPOSITORY = Path(__file__).parent.parent.parent
SMALL = "BurnSink"
SLOW = [name for name in CONTRACTS if name != SMALL]


@dataclass
class Explorer:
    """A server that keeps all requests, and gives the answer that a test chooses."""

    url: str
    answer: dict[str, Any]
    requests: list[tuple[str, bytes]] = field(default_factory=list)


@pytest.fixture
def explorer() -> Iterator[Explorer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            recorder.requests.append((self.path, content))
            body = json.dumps(recorder.answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    recorder = Explorer(f"http://127.0.0.1:{server.server_port}", {})
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield recorder
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def deployed(chains: Chains, tmp_path: Path) -> Iterator[tuple[Site, dict[str, Any]]]:
    """A deployment, and a manifest that a test may change."""
    with built_site(chains, tmp_path / "site") as site_and_manifest:
        yield site_and_manifest


@pytest.mark.parametrize("contract", [SMALL, *(pytest.param(name, marks=pytest.mark.long) for name in SLOW)])
def test_the_input_reproduces_the_code_that_is_deployed(contract: str) -> None:
    record = code_record(contract, REPOSITORY)
    compiled = compiled_code(contract)

    assert record["creation_digest"] == digest(bytes.fromhex(artifact(contract)["bytecode"][2:]))
    assert record["runtime_digest"] == compiled.runtime_digest
    assert record["input_digest"] == compiled.input_digest


def test_code_on_a_chain_is_what_the_input_compiles_to(deployed: tuple[Site, dict[str, Any]]) -> None:
    where, manifest = deployed
    found = subject(manifest, "burn_sink", REPOSITORY)
    output = compile_input(found.standard, REPOSITORY)["contracts"]["contracts/BurnSink.sol"]["BurnSink"][
        "evm"
    ]
    places = [
        (place["start"], place["length"])
        for each in output["deployedBytecode"]["immutableReferences"].values()
        for place in each
    ]

    runtime = bytes(where.anvil.w3.eth.get_code(where.anvil.w3.to_checksum_address(found.address)))
    transaction = where.anvil.w3.eth.get_transaction(found.transaction)  # type: ignore[arg-type]

    assert masked_digest(runtime, places) == masked_digest(
        bytes.fromhex(output["deployedBytecode"]["object"]), places
    )
    creation = bytes.fromhex(output["bytecode"]["object"]) + found.arguments
    assert bytes(transaction["input"])[32:] == creation


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_record_is_of_the_code_that_the_package_deploys(contract: str) -> None:
    """A contract that was changed needs scripts/verify_input.py."""
    found = digest(bytes.fromhex(artifact(contract)["bytecode"][2:]))

    assert compiled_code(contract).creation_digest == found
    assert compiled_code(contract).input_digest == input_digest(standard_input(contract, REPOSITORY))


def test_every_contract_on_a_chain_is_as_compiled_but_for_its_immutables(
    deployed: tuple[Site, dict[str, Any]],
) -> None:
    where, manifest = deployed
    for label, entry in manifest["contracts"].items():
        code = bytes(where.anvil.w3.eth.get_code(entry["address"]))
        assert compiled_code(entry["contract"]).made(code), label
        assert not compiled_code(entry["contract"]).made(code[:-1] + b"\0"), label


def test_an_input_holds_what_a_contract_imports_and_nothing_of_this_machine() -> None:
    found = standard_input("BurnSink", REPOSITORY)

    assert list(found["sources"]) == [
        "contracts/BurnSink.sol",
        "contracts/interfaces/IBurnSink.sol",
        "contracts/interfaces/IERC20Burnable.sol",
        "node_modules/@openzeppelin/contracts/token/ERC20/IERC20.sol",
    ]
    assert str(REPOSITORY) not in json.dumps(found)


def test_a_folder_without_sources_is_named(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match=r"expected the source contracts/BurnSink\.sol"):
        standard_input("BurnSink", tmp_path)


def test_sources_other_than_those_deployed_are_refused(deployed: tuple[Site, dict[str, Any]]) -> None:
    _, manifest = deployed
    manifest["contracts"]["burn_sink"]["input_digest"] = "0x" + "00" * 32

    with pytest.raises(VerificationError, match="check out the commit that it was deployed from"):
        subject(manifest, "burn_sink", REPOSITORY)


def test_etherscan_gets_the_fields_of_its_second_version(
    deployed: tuple[Site, dict[str, Any]], explorer: Explorer
) -> None:
    _, manifest = deployed
    explorer.answer = {"status": "1", "message": "OK", "result": "guid"}
    found = subject(manifest, "burn_sink", REPOSITORY)

    assert to_etherscan(found, "secret", explorer.url) == "guid"

    path, content = explorer.requests[0]
    form = {name: values[0] for name, values in parse_qs(content.decode()).items()}
    assert parse_qs(urlsplit(path).query) == {"chainid": ["31337"]}
    assert form["module"] == "contract"
    assert form["action"] == "verifysourcecode"
    assert form["apikey"] == "secret"
    assert form["codeformat"] == "solidity-standard-json-input"
    assert form["contractaddress"] == manifest["burn_sink"]
    assert form["contractname"] == "contracts/BurnSink.sol:BurnSink"
    assert form["compilerversion"] == "v0.8.30+commit.73712a01"
    assert form["constructorArguements"] == manifest["numeraire"][2:].lower().rjust(64, "0")
    assert json.loads(form["sourceCode"]) == found.standard


def test_what_etherscan_refuses_is_reported_without_the_key(
    deployed: tuple[Site, dict[str, Any]], explorer: Explorer
) -> None:
    _, manifest = deployed
    explorer.answer = {"status": "0", "message": "NOTOK", "result": "Invalid API Key"}

    with pytest.raises(VerificationError, match="found: Invalid API Key") as refused:
        to_etherscan(subject(manifest, "burn_sink", REPOSITORY), "secret", explorer.url)
    assert "secret" not in str(refused.value)


def test_sourcify_gets_the_input_and_the_transaction(
    deployed: tuple[Site, dict[str, Any]], explorer: Explorer
) -> None:
    _, manifest = deployed
    explorer.answer = {"verificationId": "one"}
    found = subject(manifest, "burn_sink", REPOSITORY)

    assert to_sourcify(found, explorer.url) == "one"

    path, content = explorer.requests[0]
    assert path == f"/v2/verify/31337/{manifest['burn_sink']}"
    assert json.loads(content) == {
        "stdJsonInput": found.standard,
        "compilerVersion": "0.8.30+commit.73712a01",
        "contractIdentifier": "contracts/BurnSink.sol:BurnSink",
        "creationTransactionHash": manifest["contracts"]["burn_sink"]["transaction"],
    }


def test_the_command_writes_every_input_and_sends_those_that_are_asked_for(
    deployed: tuple[Site, dict[str, Any]], explorer: Explorer, tmp_path: Path
) -> None:
    where, manifest = deployed
    explorer.answer = {"verificationId": "one"}
    command = [
        "deployment",
        "verify-input",
        str(where.folder / "manifest.json"),
        "--out",
        str(tmp_path / "out"),
    ]

    written = CliRunner().invoke(app, command)
    sent = CliRunner().invoke(
        app, [*command, "--contract", "registry", "--sourcify", "--sourcify-url", explorer.url]
    )

    assert written.exit_code == 0, written.output
    assert {file.stem for file in (tmp_path / "out").iterdir()} == set(manifest["contracts"])
    assert sent.exit_code == 0, sent.output
    assert [path for path, _ in explorer.requests] == [f"/v2/verify/31337/{manifest['registry']}"]


def test_the_command_writes_nowhere_else_and_over_nothing_of_somebody_elses(
    deployed: tuple[Site, dict[str, Any]], tmp_path: Path
) -> None:
    where, manifest = deployed
    file, out = where.folder / "manifest.json", tmp_path / "out"
    out.mkdir()
    command = ["deployment", "verify-input", str(file), "--out", str(out)]
    for label in ("../registry", "/tmp/registry", "..", ".hidden", "a/b", ""):
        moved = {**manifest["contracts"], label: manifest["contracts"]["registry"]}
        file.write_text(json.dumps({**manifest, "contracts": moved}))
        found = CliRunner().invoke(app, command)
        assert (found.exit_code, list(out.iterdir())) == (1, []), found.output
        assert "contracts: expected names such as tournament.classic" in found.output
    file.write_text(json.dumps(manifest))
    (out / "registry.json").write_text('{"mine": 1}')
    found = CliRunner().invoke(app, [*command, "--contract", "registry"])
    assert found.exit_code == 1
    assert "registry.json: expected no file, or one that this command wrote" in found.output
    assert (out / "registry.json").read_text() == '{"mine": 1}'


def test_the_command_asks_for_a_key_before_it_sends_to_etherscan(
    deployed: tuple[Site, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    where, _ = deployed
    monkeypatch.delenv("ETHERSCAN_API_KEY", raising=False)

    found = CliRunner().invoke(
        app, ["deployment", "verify-input", str(where.folder / "manifest.json"), "--etherscan"]
    )

    assert found.exit_code == 1
    assert "ETHERSCAN_API_KEY: expected a key" in found.output


def test_settings_are_those_of_ape_config() -> None:
    text = (REPOSITORY / "ape-config.yaml").read_text()

    assert "evm_version: prague" in text
    assert "optimization_runs: 20000" in text
    assert "via_ir: true" in text
    assert verification.SETTINGS["optimizer"] == {"enabled": True, "runs": 20_000}
