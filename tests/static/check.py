"""Runs slither over the contracts, and fails on every finding that findings.toml does not explain.

python tests/static/check.py [SLITHER]
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).parent.parent.parent
FINDINGS: Final = Path(__file__).parent / "findings.toml"
SEVERE: Final = ("High", "Medium")

Finding = tuple[str, str]
"""The detector, and where: `Contract.function`, or `function.variable`."""


def main() -> int:
    """Compare what slither finds with what is explained; 1 when they differ."""
    slither = sys.argv[1] if len(sys.argv) > 1 else "slither"
    found, known = severe(run_slither(slither)), explained(FINDINGS.read_text())
    for check, where in sorted(found - known):
        print(f"{check} in {where}: not explained; fix it, or give the reason in {FINDINGS.name}")
    for check, where in sorted(known - found):
        print(f"{check} in {where}: explained, but slither does not find it any more; remove it")
    print(f"slither: {len(found)} findings of high or medium severity, {len(found & known)} explained")
    return 0 if found == known else 1


def run_slither(slither: str) -> dict[str, Any]:
    """Slither's own report. Only contracts/ is looked at: libraries and tests are not ours to judge here."""
    command = [slither, ".", "--compile-force-framework", "foundry", "--json", "-"]
    command += ["--filter-paths", "node_modules|tests", "--exclude-low", "--exclude-informational"]
    command += ["--exclude-optimization"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise SystemExit(f"expected a report from slither, found: {done.stderr.strip()[-2000:]}") from None
    if not report["success"]:
        raise SystemExit(f"slither failed: {report['error']}")
    return report


def severe(report: dict[str, Any]) -> set[Finding]:
    """The findings of high and medium severity."""
    detectors = report["results"].get("detectors", [])
    return {(found["check"], _where(found)) for found in detectors if found["impact"] in SEVERE}


def explained(text: str) -> set[Finding]:
    """The findings that have a reason."""
    findings = tomllib.loads(text)["finding"]
    for finding in findings:
        if not finding["reason"].strip():
            raise SystemExit(f"expected a reason for {finding['check']} in {finding['where']}, found none")
    return {(finding["check"], where) for finding in findings for where in finding["where"]}


def _where(found: dict[str, Any]) -> str:
    element = found["elements"][0]
    parent = element["type_specific_fields"]["parent"]["name"]
    return f"{parent}.{element['name']}"


if __name__ == "__main__":
    sys.exit(main())
