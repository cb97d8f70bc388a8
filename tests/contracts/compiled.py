"""Contracts that misbehave, compiled on their own: they are no part of the project."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ape.contracts import ContractContainer
from ethpm_types import ContractType
from solcx import compile_standard

FOLDER = Path(__file__).parent / "hostile"


@cache
def compiled() -> dict[str, ContractContainer]:
    """Every contract of the folder, by name."""
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
    found = {name: each for file in output["contracts"].values() for name, each in file.items()}
    return {name: _container(name, each) for name, each in found.items()}


def _container(name: str, found: dict[str, Any]) -> ContractContainer:
    bytecode = {"bytecode": "0x" + found["evm"]["bytecode"]["object"]}
    return ContractContainer(
        ContractType.model_validate(
            {"contractName": name, "abi": found["abi"], "deploymentBytecode": bytecode}
        )
    )
