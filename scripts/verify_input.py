"""Writes the record of each contract's compilation into the Python package, or checks that it is up to date.

python scripts/verify_input.py [--check] [--out FOLDER]
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from scorer.chain.artifacts import CONTRACTS, artifact
from scorer.deployment.code import digest
from scorer.deployment.verification import SETTINGS, SOLC, code_record, standard_input

REPOSITORY = Path(__file__).resolve().parent.parent
RECORD = REPOSITORY / "scorer" / "deployment" / "code.json"
COMPILER = "0.8.30+commit.73712a01"


def record() -> dict[str, Any]:
    """Compile the sources of this checkout, and return the document of code.json."""
    contracts = {name: code_record(name, REPOSITORY) for name in CONTRACTS}
    return {"compiler": COMPILER, "settings": SETTINGS, "contracts": contracts}


def unlike_artifacts(found: dict[str, Any]) -> list[str]:
    """List contracts whose input does not reproduce the creation code that the package deploys."""
    return [
        name
        for name, entry in found["contracts"].items()
        if entry["creation_digest"] != digest(bytes.fromhex(artifact(name)["bytecode"].removeprefix("0x")))
    ]


def main() -> int:
    """Write, or with --check only compare; with --out write the inputs themselves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when the record is stale")
    parser.add_argument("--out", type=Path, help="write each contract's standard JSON input into this folder")
    options = parser.parse_args()
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        for name in CONTRACTS:
            (options.out / f"{name}.json").write_text(json.dumps(standard_input(name, REPOSITORY)))
        print(f"{len(CONTRACTS)} inputs for {SOLC.name} in {options.out}")
        return 0
    found = record()
    if unlike := unlike_artifacts(found):
        print(f"expected inputs that reproduce the package's code; not so: {', '.join(unlike)}; run make abi")
        return 1
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    stale = not RECORD.is_file() or RECORD.read_text() != text
    if options.check and stale:
        print(
            f"expected {RECORD.name} of the contracts as they are, found another; run scripts/verify_input.py"
        )
        return 1
    RECORD.write_text(text)
    print(f"{RECORD.name}: {len(CONTRACTS)} contracts, {'written' if stale else 'up to date'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
