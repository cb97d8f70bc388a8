"""Builds the compiler's input that reproduces each contract's code, and sends it to block explorers."""

import hashlib
import json
import posixpath
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests
import rfc8785

from scorer.chain.artifacts import source_of
from scorer.deployment.code import digest, masked_digest

SETTINGS: Final[dict[str, Any]] = {
    "evmVersion": "prague",
    "optimizer": {"enabled": True, "runs": 20_000},
    "remappings": ["@openzeppelin/contracts=node_modules/@openzeppelin/contracts"],
    "viaIR": True,
}
"""The settings of ape-config.yaml: each of them is part of the code's metadata, and so of the code."""
OUTPUTS: Final = [
    "evm.bytecode.object",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.immutableReferences",
]
SOLC: Final = Path("scripts/solc/solc-v0.8.30")
ETHERSCAN: Final = "https://api.etherscan.io/v2/api"
"""One interface for every chain; that of polygonscan.com was switched off in August 2025."""
SOURCIFY: Final = "https://sourcify.dev/server"
APACHE_2: Final = "12"
"""Etherscan's number of the licence."""
TIMEOUT: Final = 60.0
_IMPORT: Final = re.compile(r'^import\b[^"]*"([^"]+)";', re.MULTILINE)


class VerificationError(Exception):
    """Sources cannot be read or compiled, or an explorer refuses them; the message says why."""


def standard_input(contract: str, repository: Path) -> dict[str, Any]:
    """Build the compiler's standard JSON input of one contract: its source and all imports, and nothing else.

    Raises
    ------
    VerificationError
        When a source is missing.
    """
    source = source_of(contract)
    sources: dict[str, dict[str, str]] = {}
    waiting = [source]
    while waiting:
        name = waiting.pop()
        if name not in sources:
            sources[name] = {"content": _read(repository, name)}
            waiting += [_resolved(name, path) for path in _IMPORT.findall(sources[name]["content"])]
    settings = SETTINGS | {"outputSelection": {source: {contract: OUTPUTS}}}
    return {"language": "Solidity", "settings": settings, "sources": dict(sorted(sources.items()))}


def _read(repository: Path, name: str) -> str:
    try:
        return (repository / name).read_text()
    except OSError:
        raise VerificationError(
            f"expected the source {name} in {repository}, found none; give a checkout of Cupel in which "
            "make setup was run"
        ) from None


def _resolved(importer: str, path: str) -> str:
    if path.startswith("."):
        return posixpath.normpath(posixpath.join(posixpath.dirname(importer), path))
    return f"node_modules/{path}"


def input_digest(standard: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an input's canonical JSON (RFC 8785)."""
    return "0x" + hashlib.sha256(rfc8785.dumps(dict(standard))).hexdigest()


def compile_input(standard: Mapping[str, Any], repository: Path) -> dict[str, Any]:
    """Compile an input, and return the compiler's output.

    Raises
    ------
    VerificationError
        With the compiler's first error.
    """
    command = [str((repository / SOLC).resolve()), "--standard-json"]
    done = subprocess.run(  # noqa: S603
        command, input=json.dumps(standard), capture_output=True, text=True, cwd=repository, check=True
    )
    output: dict[str, Any] = json.loads(done.stdout)
    errors = [entry["formattedMessage"] for entry in output.get("errors", []) if entry["severity"] == "error"]
    if errors:
        raise VerificationError(f"expected sources that compile, found: {errors[0]}")
    return output


def code_record(contract: str, repository: Path) -> dict[str, Any]:
    """Compile a contract, and return its entry in code.json."""
    standard = standard_input(contract, repository)
    made = compile_input(standard, repository)["contracts"][source_of(contract)][contract]["evm"]
    references = made["deployedBytecode"]["immutableReferences"].values()
    places = sorted([place["start"], place["length"]] for group in references for place in group)
    runtime = bytes.fromhex(made["deployedBytecode"]["object"])
    return {
        "input_digest": input_digest(standard),
        "creation_digest": digest(bytes.fromhex(made["bytecode"]["object"])),
        "runtime_digest": masked_digest(runtime, places),
        "immutables": places,
    }


@dataclass(frozen=True)
class Subject:
    """A deployed contract to be verified, with the compiler's long version and its arguments as words."""

    chain_id: int
    address: str
    contract: str
    compiler: str
    standard: Mapping[str, Any]
    arguments: bytes
    transaction: str | None = None

    @property
    def identifier(self) -> str:
        """The contract's source and name, in the form that explorers use."""
        return f"{source_of(self.contract)}:{self.contract}"


def subject(manifest: Mapping[str, Any], label: str, repository: Path) -> Subject:
    """Return one of a manifest's contracts for verification, with the sources of a checkout.

    Raises
    ------
    VerificationError
        When the checkout is not what the contract was compiled from.
    """
    entry = manifest["contracts"][label]
    standard = standard_input(entry["contract"], repository)
    if input_digest(standard) != entry["input_digest"]:
        raise VerificationError(
            f"{label}: expected the compiler's input {entry['input_digest']}, found "
            f"{input_digest(standard)}; check out the commit that it was deployed from"
        )
    return Subject(
        manifest["chain_id"],
        entry["address"],
        entry["contract"],
        manifest["compiler"]["version"],
        standard,
        bytes.fromhex(entry["constructor_data"].removeprefix("0x")),
        entry["transaction"],
    )


def to_etherscan(found: Subject, key: str, url: str = ETHERSCAN) -> str:
    """Ask Etherscan, or an explorer with its interface, to verify; return its name of the request."""
    form = {
        "module": "contract",
        "action": "verifysourcecode",
        "apikey": key,
        "codeformat": "solidity-standard-json-input",
        "sourceCode": json.dumps(found.standard),
        "contractaddress": found.address,
        "contractname": found.identifier,
        "compilerversion": f"v{found.compiler}",
        # Spelt as the interface spells it.
        "constructorArguements": found.arguments.hex(),
        "licenseType": APACHE_2,
    }
    answer = _posted(url, {"chainid": str(found.chain_id)}, data=form)
    if str(answer.get("status")) != "1":
        raise VerificationError(
            f"{found.identifier}: expected Etherscan to take it, found: {answer.get('result')}"
        )
    return str(answer["result"])


def to_sourcify(found: Subject, url: str = SOURCIFY) -> str:
    """Ask Sourcify to verify; return its name of the request."""
    body = {
        "stdJsonInput": found.standard,
        "compilerVersion": found.compiler,
        "contractIdentifier": found.identifier,
        **({"creationTransactionHash": found.transaction} if found.transaction else {}),
    }
    answer = _posted(f"{url}/v2/verify/{found.chain_id}/{found.address}", {}, json=body)
    if "verificationId" not in answer:
        raise VerificationError(
            f"{found.identifier}: expected Sourcify to take it, found: {answer.get('message')}"
        )
    return str(answer["verificationId"])


def _posted(url: str, params: Mapping[str, str], **content: Any) -> dict[str, Any]:
    """Post a request, and return the answer. Errors name the host alone: a key may be in the rest."""
    try:
        response = requests.post(url, params=dict(params), timeout=TIMEOUT, **content)
        answer = response.json()
    except (requests.RequestException, ValueError) as error:
        host = url.split("/")[2]
        raise VerificationError(f"{host}: expected an answer in JSON, found {type(error).__name__}") from None
    return dict(answer)
