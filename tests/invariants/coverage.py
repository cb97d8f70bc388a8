"""Measures how much of contracts/ forge's tests run through, and fails below a limit.

python tests/invariants/coverage.py [--at-least PERCENT]

Two measurements are put together. The contracts compile only by way of the compiler's intermediate
representation, which loses sight of assembly; so the libraries, in which all assembly is, are measured on
their own without it. Lines and branches that no test runs through are listed.

Three lines stay listed although tests run through them, because no instruction is attributed to them: the
calls of `_requireNotPaused` in `whenNotPaused` and in `settle` (its own lines are counted, and tests expect
`TournamentPaused` of both), and `seal`'s event of a round with nothing locked (TournamentTest expects it).
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parent.parent.parent
LIBRARIES: Final = "contracts/lib/"
ELSEWHERE: Final = frozenset(
    f"contracts/{name}.sol"
    for name in (
        "ScoreCourt",
        "MetaCourt",
        "CourtReader",
        "CourtRecords",
        "Demands",
        "MetaReader",
        "PieceStore",
        "RewardReader",
        "SealReader",
        "StagedCourt",
        "VerdictCourt",
        "lib/DrawMath",
        "lib/HeardScores",
        "lib/ScoreProof",
        "lib/MetaProof",
        "lib/ScoreWalk",
        "lib/StagedCode",
        "lib/SubmissionTree",
    )
)
"""The court is tested beside the scorer, by tests/proofs in an EVM: no test of forge runs through it."""
BRIDGE: Final = "contracts/bridge/"
"""Tested on both EVMs by tests/contracts: with proofs and contracts that forge cannot make."""
AT_LEAST: Final = 98.0
SEED: Final = "0x1"
"""Seed of all random choices: the same contracts have the same coverage every time."""


@dataclass
class Coverage:
    """Count the runs through each line and each branch of a file, by line number."""

    lines: dict[int, int] = field(default_factory=dict)
    branches: dict[tuple[int, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    hit: int
    total: int

    @property
    def percent(self) -> float:
        """100 where there is nothing to run through."""
        return 100 * self.hit / self.total if self.total else 100.0

    def __str__(self) -> str:
        return f"{self.hit}/{self.total} ({self.percent:.2f} %)"


def main() -> int:
    """Measure, list what is missed, and compare with the limit."""
    parser = argparse.ArgumentParser(description="Measure the coverage of contracts/ by forge's tests.")
    parser.add_argument("--at-least", type=float, default=AT_LEAST, help="percent of lines and of branches")
    least = parser.parse_args().at_least
    files = {name: found for name, found in measure().items() if _is_forges(name)}
    for name, coverage in sorted(files.items()):
        print(
            f"{name:36} lines {_lines(coverage)!s:20} branches {_branches(coverage)!s:20}{_missed(coverage)}"
        )
    shares = {"lines": _sum(files, _lines), "branches": _sum(files, _branches)}
    for what, share in shares.items():
        print(f"{what}: {share}, expected at least {least} %")
    return 0 if all(share.percent >= least for share in shares.values()) else 1


def _is_forges(name: str) -> bool:
    return name not in ELSEWHERE and not name.startswith(BRIDGE)


def measure() -> dict[str, Coverage]:
    """Coverage of every file under contracts/."""
    # What a full chunk costs is measured by the optimised code alone.
    contracts = _forge("coverage", "--ir-minimum", "--no-match-contract", "FullChunkTest")
    libraries = _forge("coverage-libraries")
    return {name: found for name, found in contracts.items() if not name.startswith(LIBRARIES)} | {
        name: found for name, found in libraries.items() if name.startswith(LIBRARIES)
    }


def read_lcov(text: str) -> dict[str, Coverage]:
    """The coverage of every file under contracts/ in a tracefile of lcov's format."""
    files: dict[str, Coverage] = {}
    current = Coverage()
    for kind, _, value in (line.partition(":") for line in text.splitlines()):
        if kind == "SF":
            current = files.setdefault(value, Coverage())
        elif kind == "DA":
            number, count = value.split(",")[:2]
            current.lines[int(number)] = int(count)
        elif kind == "BRDA":
            number, block, branch, count = value.split(",")
            current.branches[int(number), f"{block}.{branch}"] = 0 if count == "-" else int(count)
    return {name: found for name, found in files.items() if name.startswith("contracts/")}


def _forge(profile: str, *options: str) -> dict[str, Coverage]:
    tracefile = REPOSITORY / "build" / f"{profile}.lcov"
    tracefile.parent.mkdir(exist_ok=True)
    command = ["forge", "coverage", *options, "--fuzz-seed", SEED, "--report", "lcov"]
    command += ["--report-file", str(tracefile)]
    # An empty folder of artifacts: the tests deploy what forge compiled for measuring.
    variables = {"FOUNDRY_PROFILE": profile, "CUPEL_ARTIFACTS": ""}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"forge coverage failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return read_lcov(tracefile.read_text())


def _lines(coverage: Coverage) -> Share:
    return Share(sum(count > 0 for count in coverage.lines.values()), len(coverage.lines))


def _branches(coverage: Coverage) -> Share:
    return Share(sum(count > 0 for count in coverage.branches.values()), len(coverage.branches))


def _sum(files: dict[str, Coverage], share_of: Callable[[Coverage], Share]) -> Share:
    shares = [share_of(coverage) for coverage in files.values()]
    return Share(sum(share.hit for share in shares), sum(share.total for share in shares))


def _missed(coverage: Coverage) -> str:
    missed = sorted({*_missed_lines(coverage), *_missed_branches(coverage)})
    return f"missed: {', '.join(missed)}" if missed else ""


def _missed_lines(coverage: Coverage) -> Iterator[str]:
    yield from (f"{number:03}" for number, count in coverage.lines.items() if count == 0)


def _missed_branches(coverage: Coverage) -> Iterator[str]:
    yield from (f"{number:03} (branch)" for (number, _), count in coverage.branches.items() if count == 0)


if __name__ == "__main__":
    sys.exit(main())
