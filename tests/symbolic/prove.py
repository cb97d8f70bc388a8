"""Lets halmos prove that the contracts' libraries mean what Reference.sol says, and forge try what it cannot.

python tests/symbolic/prove.py [HALMOS]

Fails unless every `check_` function in this folder was proved: none refuted, none given up, no loop cut
short, none left out. HALMOS is its command, `halmos` by default; beside it are the solvers that are
installed with it.

Proved is the code as it is written, compiled without the optimiser. Two things are taken for granted and
tried on a million random inputs each: that DIV rounds down (Arithmetic.sol), and that the optimiser changes
no result.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
REPOSITORY: Final = HERE.parent.parent
PROFILES: Final = ("symbolic", "symbolic-ir")
"""Profiles of forge. Proofs in this folder are compiled as they are written; those in `ir` as deployed,
for the stack does not hold what they prove otherwise."""
SOLVER: Final = "yices-smt2 --smt2-model-format --bvconst-in-decimal"
"""It needs seconds where z3, which halmos brings too, needs minutes or gives up."""

SLOTS: Final = 512
"""Tournament.MAX_CHUNK_SLOTS."""

LENGTHS: Final[dict[str, Iterable[int]]] = {
    "words": range(SLOTS + 1),
    "bitmap": (1, 2, 33, SLOTS // 2),
    "scores": (12, 24, 36, 12 * SLOTS),
}
"""Lengths of dynamic arguments, by name: words in a chunk, bytes of bitmaps and scores."""

FUZZ: Final = {"symbolic": ("ArithmeticProof",), "coverage-libraries": ("LibrariesTest", "RoundScheduleTest")}
"""What forge tries on random numbers, by profile: what DIV means, and the libraries with the optimiser on."""

FUZZ_RUNS: Final = 1_000_000


@dataclass(frozen=True)
class Proof:
    """What became of one proof."""

    name: str
    exit_code: int
    seconds: float
    loops_cut: int

    @property
    def stands(self) -> bool:
        """Proved of all inputs within the bounds that it states."""
        return self.exit_code == 0 and self.loops_cut == 0


def main() -> int:
    """Prove, list the proofs, and try the rest; 1 when anything is not as expected."""
    halmos = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("halmos")
    proofs = [proof for profile in PROFILES for proof in run_halmos(halmos, profile)]
    for proof in proofs:
        print(f"{'proved' if proof.stands else 'NOT PROVED':10} {proof.seconds:7.1f} s  {proof.name}")
    wrong = faults(proofs, written())
    for fault in wrong:
        print(fault)
    stand = sum(proof.stands for proof in proofs)
    print(
        f"halmos: {stand} of {len(written())} proofs stand, in {sum(proof.seconds for proof in proofs):.0f} s"
    )
    tried = [fuzz(profile, contract) for profile, contracts in FUZZ.items() for contract in contracts]
    return 0 if not wrong and all(tried) else 1


def run_halmos(halmos: Path, profile: str) -> list[Proof]:
    """Every proof that is compiled by a profile, in the order in which halmos ran them."""
    lengths = ",".join(f"{name}={{{','.join(map(str, of))}}}" for name, of in LENGTHS.items())
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "proofs.json"
        built = f"build/forge/{profile}/out"
        command = [str(halmos), "--forge-build-out", built, "--match-contract", "Proof$", "--no-status"]
        command += [
            "--solver-command",
            SOLVER,
            "--solver-timeout-assertion",
            "10m",
            "--loop",
            str(12 * SLOTS),
        ]
        # Not only a false assertion: an overflow and a division by zero are failures as well.
        command += ["--panic-error-codes", "*", "--array-lengths", lengths, "--json-output", str(report)]
        subprocess.run(command, cwd=REPOSITORY, env=_environment(profile, halmos), check=False)
        if not report.exists():
            raise SystemExit("expected a report from halmos, found none: see what it says above")
        return read_report(json.loads(report.read_text()))


def read_report(report: dict[str, Any]) -> list[Proof]:
    """The proofs in halmos' report."""
    return [
        Proof(
            f"{contract.rpartition(':')[2]}.{result['name'].partition('(')[0]}",
            result["exitcode"],
            result["time"][0] if result["time"] else 0.0,
            result["num_bounded_loops"] or 0,
        )
        for contract, results in report["test_results"].items()
        for result in results
    ]


def written() -> set[str]:
    """The names of the proofs in this folder's files."""
    return {
        f"{file.name.partition('.')[0]}.{name}"
        for file in HERE.rglob("*.t.sol")
        for name in re.findall(r"function (check_\w+)", file.read_text())
    }


def faults(proofs: list[Proof], expected: set[str]) -> list[str]:
    """What is wrong, in words: nothing, when every proof that is expected stands."""
    found = {proof.name for proof in proofs}
    wrong = [f"{name}: not run" for name in sorted(expected - found)]
    unknown = "run, but not in any file; remove build/forge/symbolic, which keeps what was compiled before"
    wrong += [f"{name}: {unknown}" for name in sorted(found - expected)]
    wrong += [
        f"{proof.name}: not proved (halmos' exit code {proof.exit_code}, {proof.loops_cut} loops cut short)"
        for proof in proofs
        if not proof.stands
    ]
    return wrong if expected else ["expected proofs, found no check_ function in any file"]


def fuzz(profile: str, contract: str) -> bool:
    """Whether every fuzz test of a contract passes, and ran as often as it should."""
    command = ["forge", "test", "--json", "--match-contract", f"^{contract}$", "--match-test", "^testFuzz_"]
    environment = _environment(profile) | {"FOUNDRY_FUZZ_RUNS": str(FUZZ_RUNS)}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    try:
        suites: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise SystemExit(f"expected a report from forge, found: {done.stderr.strip()[-2000:]}") from None
    tests = {name: test for suite in suites.values() for name, test in suite["test_results"].items()}
    failed = [name for name, test in tests.items() if not _passed(test)]
    for name in failed:
        print(f"{contract}.{name}: {tests[name]['reason'] or tests[name]['kind']}")
    print(
        f"forge: {len(tests) - len(failed)} of {len(tests)} fuzz tests of {contract} pass {FUZZ_RUNS:,} runs"
    )
    return bool(tests) and not failed


def _passed(test: dict[str, Any]) -> bool:
    return bool(test["status"] == "Success" and test["kind"].get("Fuzz", {}).get("runs", 0) >= FUZZ_RUNS)


def _environment(profile: str, halmos: Path | None = None) -> dict[str, str]:
    """This process's own, with a profile for forge, and halmos' neighbours on PATH."""
    path = os.environ["PATH"]
    if halmos is not None:
        path = f"{(REPOSITORY / halmos).parent}{os.pathsep}{path}"
    return os.environ | {"FOUNDRY_PROFILE": profile, "PATH": path}


if __name__ == "__main__":
    sys.exit(main())
