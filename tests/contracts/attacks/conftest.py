"""Contracts that misbehave, compiled on their own: they are no part of the project's contracts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ape.contracts import ContractContainer
from ethpm_types import ContractType
from solcx import compile_standard

FOLDER = Path(__file__).parent.parent / "hostile"


@pytest.fixture(scope="session")
def hostile_types() -> dict[str, ContractContainer]:
    """Every contract of the folder of hostile ones, by name."""
    sources = {file.name: {"content": file.read_text()} for file in FOLDER.glob("*.sol")}
    output = compile_standard(
        {
            "language": "Solidity",
            "sources": sources,
            "settings": {
                "evmVersion": "prague",
                "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
            },
        },
        solc_version="0.8.30",
    )
    compiled = {name: found for file in output["contracts"].values() for name, found in file.items()}
    return {name: _container(name, found) for name, found in compiled.items()}


def _container(name: str, compiled: dict) -> ContractContainer:  # type: ignore[type-arg]
    bytecode = {"bytecode": "0x" + compiled["evm"]["bytecode"]["object"]}
    return ContractContainer(
        ContractType.model_validate(
            {"contractName": name, "abi": compiled["abi"], "deploymentBytecode": bytecode}
        )
    )
