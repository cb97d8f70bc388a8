"""Exports the contracts' ABIs and bytecode into the Python package, or checks that they are up to date.

python scripts/export_artifacts.py [--check]
"""

import argparse
import json
import sys
from pathlib import Path

import ape
from ape.contracts import ContractContainer

from scorer.chain.artifacts import CONTRACTS

FOLDER = Path(__file__).parent.parent / "scorer" / "chain" / "artifacts"


def compiled() -> dict[str, str]:
    """Compile the contracts, and return the text of each one's artifact file."""
    # From scratch: with via-IR, code depends on which sources are compiled together, not only on its own.
    contracts = ape.project.load_contracts(use_cache=False)
    return {f"{name}.json": _artifact(contracts[name]) for name in CONTRACTS}


def _artifact(contract: ContractContainer) -> str:
    kind = contract.contract_type
    document = {
        "abi": [entry.model_dump(mode="json", by_alias=True, exclude_none=True) for entry in kind.abi],
        "bytecode": str(kind.deployment_bytecode.bytecode),
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def stale(artifacts: dict[str, str]) -> list[str]:
    """List the files that differ from the compiled artifacts."""
    names = set(artifacts) | {file.name for file in FOLDER.glob("*.json")}
    return sorted(
        name
        for name in names
        if name not in artifacts
        or not (FOLDER / name).is_file()
        or (FOLDER / name).read_text() != artifacts[name]
    )


def main() -> int:
    """Export, or with --check only compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a file is stale")
    check = parser.parse_args().check
    artifacts = compiled()
    differing = stale(artifacts)
    if check and differing:
        print(f"expected artifacts of the contracts as they are; stale: {', '.join(differing)}; run make abi")
        return 1
    FOLDER.mkdir(exist_ok=True)
    for name in differing:
        if name in artifacts:
            (FOLDER / name).write_text(artifacts[name])
        else:
            (FOLDER / name).unlink()
    print(f"artifacts: {len(artifacts)} contracts, {len(differing)} {'stale' if check else 'written'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
