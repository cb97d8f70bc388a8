"""Runs the stateful invariants, and says how often each handler got what it wanted.

python tests/invariants/campaign.py [--deep | --runs N] [--seed N]

A call that the contracts refused, as its handler had said they would, counts as refused: forge calls it
a discard, and it takes no place among the calls of a run. The campaign fails when an invariant does, when a
call ends otherwise than its handler said, or when some handler never succeeded: then the campaign would have
proved less than it seems to. A short campaign always plays the same calls; a deep one plays others each time.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).parent.parent.parent
SUITE: Final = "tests/invariants/Invariants.t.sol:InvariantsTest"
SHORT_RUNS: Final = 10
DEEP_RUNS: Final = 1000
DEPTH: Final = 200
SHORT_SEED: Final = "0x1"


@dataclass(frozen=True)
class Campaign:
    """Return forge's report of all invariants together.

    Attributes
    ----------
    failed
        Name and reason of every invariant that failed.
    calls
        By invariant: calls that took effect.
    succeeded, refused
        By handler.
    """

    failed: dict[str, str]
    calls: dict[str, int]
    succeeded: Counter[str]
    refused: Counter[str]

    def idle_handlers(self) -> list[str]:
        """Handlers that never succeeded."""
        return sorted(name for name in self.refused if self.succeeded[name] == 0)


def main() -> int:
    """Run the campaign that the arguments name; 1 when it failed."""
    arguments = _arguments()
    runs = DEEP_RUNS if arguments.deep else arguments.runs
    seed = arguments.seed or (None if arguments.deep else SHORT_SEED)
    campaign = read_campaign(run_forge(runs, seed))
    _print(campaign, runs)
    for name, reason in campaign.failed.items():
        print(f"{name} failed: {reason}")
    idle = campaign.idle_handlers()
    if idle:
        print(f"expected every handler to succeed at least once; never did: {', '.join(idle)}; run more")
    return 1 if campaign.failed or idle else 0


def run_forge(runs: int, seed: str | None) -> dict[str, Any]:
    """Forge's own report, as it prints it in JSON."""
    variables = {
        "FOUNDRY_PROFILE": "invariants",
        "FOUNDRY_INVARIANT_RUNS": str(runs),
        "FOUNDRY_INVARIANT_DEPTH": str(DEPTH),
    }
    command = ["forge", "test", "--json", "--match-contract", "InvariantsTest"]
    command += ["--fuzz-seed", seed] if seed else []
    done = subprocess.run(
        command, cwd=REPOSITORY, env=os.environ | variables, stdout=subprocess.PIPE, text=True, check=False
    )
    start = done.stdout.find('{"')
    if start < 0:
        raise SystemExit(
            f"expected a report from forge, found: {done.stdout.strip() or 'nothing'}; see above"
        )
    report: dict[str, Any] = json.loads(done.stdout[start:])
    return report


def read_campaign(report: dict[str, Any]) -> Campaign:
    """The campaign in forge's report."""
    results = report[SUITE]["test_results"]
    succeeded: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for result in results.values():
        for handler, metrics in result["kind"]["Invariant"]["metrics"].items():
            name = handler.rpartition(".")[2]
            succeeded[name] += metrics["calls"] - metrics["discards"] - metrics["reverts"]
            refused[name] += metrics["discards"]
    return Campaign(
        failed={name: result["reason"] for name, result in results.items() if result["status"] != "Success"},
        calls={name: result["kind"]["Invariant"]["calls"] for name, result in results.items()},
        succeeded=succeeded,
        refused=refused,
    )


def _print(campaign: Campaign, runs: int) -> None:
    print(f"{'handler':20}{'succeeded':>12}{'refused':>12}")
    for name in sorted(campaign.refused):
        print(f"{name:20}{campaign.succeeded[name]:>12,}{campaign.refused[name]:>12,}")
    print(f"{'invariant':42}{'runs':>8}{'calls':>12}")
    for name, calls in campaign.calls.items():
        print(f"{name:42}{runs:>8,}{calls:>12,}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=SHORT_RUNS, help="runs of each invariant")
    parser.add_argument("--deep", action="store_true", help=f"{DEEP_RUNS:,} runs of each invariant")
    parser.add_argument("--seed", help="forge's fuzz seed, to repeat a campaign")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
