"""The contracts that the package deploys, for the tests of their sources: the compiler takes a minute.

Only while the sources are, to the byte, those that the package's code was compiled from. `make abi-check`
holds that code against the compiler.

python tests/contracts/exported.py: exits with 1 where a contract was changed since, which ape then compiles.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

from ape.contracts import ContractContainer
from ethpm_types import ContractType

from scorer.chain.artifacts import CONTRACTS, artifact
from scorer.deployment.code import compiled_code, digest
from scorer.deployment.verification import input_digest, standard_input

REPOSITORY = Path(__file__).parents[2]


class Exported:
    """ape's project, but for contracts that need not be compiled."""

    def __init__(self, project: Any) -> None:
        self._project = project

    def __getattr__(self, name: str) -> Any:
        if name in CONTRACTS and is_current(name):
            return _container(name)
        return getattr(self._project, name)


@cache
def is_current(name: str) -> bool:
    """Whether the package's code of a contract is that of its source and of all that this imports."""
    code = compiled_code(name)
    is_of_record = code.creation_digest == digest(bytes.fromhex(_bytecode(name).removeprefix("0x")))
    return is_of_record and code.input_digest == input_digest(standard_input(name, REPOSITORY))


@cache
def _container(name: str) -> ContractContainer:
    document = {
        "contractName": name,
        "abi": artifact(name)["abi"],
        "deploymentBytecode": {"bytecode": _bytecode(name)},
    }
    return ContractContainer(ContractType.model_validate(document))


def _bytecode(name: str) -> str:
    return str(artifact(name)["bytecode"])


if __name__ == "__main__":
    sys.exit(not all(map(is_current, CONTRACTS)))
