"""Contracts that misbehave, compiled on their own: they are no part of the project."""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from ape.contracts import ContractContainer
from ethpm_types import ContractType
from solcx import compile_standard

FOLDER = Path(__file__).parent / "hostile"
REPOSITORY = Path(__file__).parents[2]
KEPT = REPOSITORY / "build" / "hostile"
COMPILER = "0.8.30"


@cache
def compiled() -> dict[str, ContractContainer]:
    """Every contract of the folder, by name."""
    output = _output(
        {
            "language": "Solidity",
            "sources": {file.name: {"content": file.read_text()} for file in sorted(FOLDER.glob("*.sol"))},
            "settings": {
                "evmVersion": "prague",
                "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
            },
        }
    )
    found = {name: each for file in output["contracts"].values() for name, each in file.items()}
    return {name: _container(name, each) for name, each in found.items()}


def _output(source: dict[str, Any]) -> dict[str, Any]:
    """What the compiler makes of `source`, kept under its hash: both EVMs need it, and every run."""
    file = KEPT / f"{sha256(json.dumps([COMPILER, source]).encode()).hexdigest()}.json"
    if not file.exists():
        output = compile_standard(source, solc_version=COMPILER)
        KEPT.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=KEPT, delete=False) as half:
            json.dump(output, half)
        Path(half.name).replace(file)  # whole or not at all, as two runs may write it at once
    return dict(json.loads(file.read_text()))


def _container(name: str, found: dict[str, Any]) -> ContractContainer:
    bytecode = {"bytecode": "0x" + found["evm"]["bytecode"]["object"]}
    return ContractContainer(
        ContractType.model_validate(
            {"contractName": name, "abi": found["abi"], "deploymentBytecode": bytecode}
        )
    )


@cache
def compiled_apart(*files: Path) -> dict[str, ContractContainer]:
    """Contracts of files elsewhere, and of a harness around a library, with the project's own imports."""
    names = {str(file.relative_to(REPOSITORY)): file for file in files}
    source = {
        "language": "Solidity",
        "sources": {name: {"content": file.read_text()} for name, file in names.items()},
        "settings": {
            "evmVersion": "prague",
            "viaIR": True,
            "optimizer": {"enabled": True, "runs": 1},
            "remappings": ["@openzeppelin/contracts=node_modules/@openzeppelin/contracts"],
            "outputSelection": {name: {"*": ["abi", "evm.bytecode.object"]} for name in names},
        },
    }
    for path in sorted((REPOSITORY / "contracts" / "bridge").rglob("*.sol")):
        source["sources"][str(path.relative_to(REPOSITORY))] = {"content": path.read_text()}
    output = _output(source)
    found = {kind: each for name in names for kind, each in output["contracts"][name].items()}
    return {name: _container(name, each) for name, each in found.items() if each["evm"]["bytecode"]["object"]}
