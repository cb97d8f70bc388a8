"""A mutation run over contracts/: one small fault after the other, and does a test fail?

python -m tests.mutation.run [--total N] [--seed N]

A mutant is killed by the first test that fails. One that does not compile is none, and neither is one
that compiles to the same bytes. The run fails when a mutant survives that survivors.toml does not
explain, or when one of those is killed or gone. Verdicts are kept in build/mutation/results.json as they
come in, so that a run that was interrupted goes on where it was; survivors are tried again once the
tests have changed, and everything once the contracts have. `make clean` begins anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from scorer.chain.artifacts import CONTRACTS
from tests.mutation import workshop
from tests.mutation.operators import Mutant, enums_in, mutants_of
from tests.mutation.reach import entry_points
from tests.mutation.sample import in_order_of_trial, quotas
from tests.mutation.survivors import SURVIVORS, explained, problems
from tests.mutation.workshop import FOLDER, Code, CompileError, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

TOTAL: Final = 120
SEED: Final = 1

Record = dict[str, Any]
"""A mutant without its text; `verdict`: killed, survived, same code, not compiled, or untried; `killer`:
the test that failed; `rounds`: how many it came through."""

ROUNDS: Final = 3
"""All mutants go through the cheap tests first, and what is left of them through the others."""


class Results:
    """The record of each mutant, kept in a file."""

    def __init__(self, file: Path, contracts: str, tests: str) -> None:
        kept: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        self._file = file
        self._digests = {"contracts": contracts, "tests": tests}
        self._records: dict[str, Record] = kept["mutants"] if kept.get("contracts") == contracts else {}
        if kept.get("tests") != tests:
            for record in self._records.values():
                if record["verdict"] in ("survived", "untried"):
                    record |= {"verdict": "untried", "rounds": 0}

    def of(self, mutant: Mutant) -> Record:
        """The record of a mutant, a new one if there is none."""
        fields = {name: value for name, value in asdict(mutant).items() if name != "text"}
        fresh = fields | {"verdict": "untried", "killer": None, "rounds": 0}
        return self._records.setdefault(mutant.name, fresh)

    def save(self) -> None:
        """Write the file, whole or not at all."""
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(self._digests | {"mutants": self._records}, indent=1) + "\n")
        new.replace(self._file)


class Run:
    """The originals with their code, and the results so far."""

    def __init__(self, total: int, seed: int) -> None:
        contracts, tests = workshop.digest("contracts"), workshop.digest("tests")
        self._results = Results(FOLDER / "results.json", contracts, tests)
        self._folder = FOLDER / f"code-{contracts[:12]}"
        self._passed = FOLDER / f"passed-{contracts[:12]}-{tests[:12]}"
        self._total, self._seed = total, seed
        self.dropped = 0
        self._sources = workshop.sources()
        self._trees = _kept(f"trees-{contracts[:12]}", workshop.syntax_trees)
        self._entry_points = entry_points(self._trees.values())
        self._manifest = _kept(f"manifest-{contracts[:12]}", workshop.compile_with_ape)
        self._originals = self._code_at("originals", list(CONTRACTS))

    def check_originals(self) -> None:
        """The tests must pass without a fault: otherwise they would kill every mutant."""
        if self._passed.exists():
            return
        self._place(self._originals)
        for step in (workshop.UNITS, workshop.campaign(2), workshop.campaign(10), workshop.EVERYTHING):
            failed = workshop.try_with(step)
            if failed:
                raise SystemExit(
                    f"expected the tests to pass without a fault, found: {failed} fails; mend it first"
                )
        self._passed.touch()

    def play(self) -> list[Record]:
        """Send the mutants that are alive through round after round; the records of all."""
        mutants: Iterable[Mutant] = self._chosen()
        for number in range(1, ROUNDS + 1):
            mutants = [self._played(number, mutant) for mutant in mutants]
        return [self._results.of(mutant) for mutant in mutants]

    def _played(self, number: int, mutant: Mutant) -> Mutant:
        record = self._results.of(mutant)
        if record["verdict"] == "untried" and record["rounds"] < number:
            record["killer"] = self._killer(mutant, self._steps(number, mutant))
            record["rounds"] = number
            if record["killer"] or number == ROUNDS:
                record["verdict"] = "killed" if record["killer"] else "survived"
            self._say(record)
        return mutant

    def _steps(self, number: int, mutant: Mutant) -> list[Step]:
        if number == 1:
            return [workshop.UNITS, workshop.campaign(2)]
        if number == 2:
            nearest = workshop.tests_of(self._entry_points.get(mutant.where, set()))
            return [nearest] if nearest else []
        return [workshop.EVERYTHING, workshop.campaign(10)]

    def _killer(self, mutant: Mutant, steps: list[Step]) -> str | None:
        codes = self._code_of(mutant)
        workshop.put_in(mutant)
        self._place(self._originals | (codes or {}))
        killers = (workshop.try_with(step) for step in steps)
        killer = next((killer for killer in killers if killer), None)
        workshop.take_out(mutant, self._sources[mutant.file])
        return killer

    def _place(self, codes: dict[str, Code]) -> None:
        workshop.write_artifacts(codes)
        workshop.write_manifest(self._manifest, codes)

    def _chosen(self) -> Iterator[Mutant]:
        """Try each file's share of mutants, not counting those that do not change the code."""
        enums = enums_in(list(self._trees.values()))
        for file, share in quotas(self._sources, self._total).items():
            mutants = mutants_of(file, self._sources[file], self._trees[file], enums)
            yield from islice(filter(self._is_one, in_order_of_trial(mutants, self._seed)), share)

    def _is_one(self, mutant: Mutant) -> bool:
        """Return whether it compiles, to other code than the original."""
        record = self._results.of(mutant)
        if record["verdict"] == "untried":
            codes = self._code_of(mutant)
            if codes is None or all(self._originals[name] == code for name, code in codes.items()):
                record["verdict"] = "not compiled" if codes is None else "same code"
                self._say(record)
        dropped = record["verdict"] in ("not compiled", "same code")
        self.dropped += dropped
        return not dropped

    def _code_of(self, mutant: Mutant) -> dict[str, Code] | None:
        workshop.put_in(mutant)
        try:
            return self._code_at(mutant.name, workshop.deployables(mutant.file, self._trees))
        except CompileError:
            return None
        finally:
            workshop.take_out(mutant, self._sources[mutant.file])

    def _code_at(self, name: str, contracts: list[str]) -> dict[str, Code]:
        """The contracts as they are now, compiled unless there is a file of that name."""
        file = self._folder / f"{name}.json"
        if not file.exists():
            codes = {contract: asdict(code) for contract, code in workshop.compiled(contracts).items()}
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(codes))
        return {contract: Code(**code) for contract, code in json.loads(file.read_text()).items()}

    def _say(self, record: Record) -> None:
        self._results.save()
        place = f"{record['file']}:{record['line']} ({record['operator']})"
        print(
            f"{record['verdict']:12} round {record['rounds']} {place:60} {record['killer'] or ''}", flush=True
        )


def main() -> int:
    """Play, and compare the survivors with those that are explained; 1 when they differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--total", type=int, default=TOTAL, help="mutants to try")
    parser.add_argument("--seed", type=int, default=SEED, help="another sample")
    arguments = parser.parse_args()
    workshop.prepare()
    run = Run(arguments.total, arguments.seed)
    run.check_originals()
    records = run.play()
    found = list(problems(records, explained(SURVIVORS.read_text())))
    print("\n".join(found))
    counts = Counter(record["verdict"] for record in records)
    print(
        f"mutants: {len(records)}, of which {counts['killed']} were killed and {counts['survived']} survived;"
        f" {run.dropped} more compiled to the same code, or not at all"
    )
    return 1 if found else 0


def _kept(name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the result of `make`, from a file if it was made before."""
    file = FOLDER / f"{name}.json"
    if not file.exists():
        file.write_text(json.dumps(make()))
    kept: dict[str, Any] = json.loads(file.read_text())
    return kept


if __name__ == "__main__":
    sys.exit(main())
