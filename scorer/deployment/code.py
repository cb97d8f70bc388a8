"""The record of each contract's compilation: compiler, input, and code with its immutables left out.

``scripts/verify_input.py`` writes the record into the package; a test holds it against the contracts.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from eth_hash.auto import keccak


@dataclass(frozen=True)
class CompiledCode:
    """One contract's code.

    Attributes
    ----------
    compiler, settings
        The compiler's long version, and the settings of its standard JSON input.
    input_digest, creation_digest
        SHA-256 of the input's canonical JSON, Keccak-256 of the creation code.
    runtime_digest
        Keccak-256 of the runtime code with every immutable set to zero.
    immutables
        Offset and length of every place in the runtime code that holds an immutable.
    """

    compiler: str
    settings: dict[str, Any]
    input_digest: str
    creation_digest: str
    runtime_digest: str
    immutables: tuple[tuple[int, int], ...]

    def made(self, runtime: bytes) -> bool:
        """Return whether `runtime` is this code, whatever its immutables are."""
        return masked_digest(runtime, self.immutables) == self.runtime_digest


def masked_digest(runtime: bytes, immutables: Sequence[Sequence[int]]) -> str:
    """Return the Keccak-256 of code in which the places of immutables are zero."""
    code = bytearray(runtime)
    for start, length in immutables:
        code[start : start + length] = bytes(length)
    return digest(bytes(code))


def digest(code: bytes) -> str:
    """Return the Keccak-256 in hexadecimal; for runtime code that is EXTCODEHASH."""
    return "0x" + bytes(keccak(code)).hex()


@cache
def compiled_code(contract: str) -> CompiledCode:
    """Return the record of one of the package's contracts."""
    record = _records()
    entry = record["contracts"][contract]
    immutables = tuple((int(start), int(length)) for start, length in entry["immutables"])
    settings = record["settings"]
    digests = (entry["input_digest"], entry["creation_digest"], entry["runtime_digest"])
    return CompiledCode(record["compiler"], settings, *digests, immutables)


@cache
def _records() -> dict[str, Any]:
    return dict(json.loads((resources.files("scorer.deployment") / "code.json").read_text()))
