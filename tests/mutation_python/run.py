"""``make mutate-python``: one small fault after the other in what decides, signs and reports; who notices?

Each mutant is a copy of the file in a tree of its own, and its tests run in a copy of this process, which has
imported whatever they import; what is the project's, they import anew.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.mutation.survivors import explained, problems
from tests.mutation_python.operators import mutants_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.mutation.operators import Mutant

ROOT: Final = Path(__file__).parents[2]
OUT: Final = ROOT / "build/mutation-python"
SURVIVORS: Final = Path(__file__).parent / "survivors.toml"
NEEDED: Final = 85
"""Per cent of all mutants that tests must notice, those with a reason not taken out."""
MOST_WORK, LONGEST = 120, 3600
"""Seconds of work, and of time on a busy machine, after which tests that still run have noticed."""
SERVER: Final = "postgresql"
"""Tests that start a server: too slow, and too easily disturbed, to be tried hundreds of times."""
NOT_NEEDED: Final = ("cacheprovider", "xdist", "unraisableexception", "threadexception", "terminalreporter")
"""Plugins of pytest that take time and notice nothing here."""
TESTS: Final[dict[str, tuple[str, ...]]] = {
    "scorer/oracle/actions.py": ("tests/oracle/test_actions.py", "tests/oracle/test_decide.py"),
    "scorer/oracle/decide.py": ("tests/oracle/test_decide.py",),
    "scorer/protocol/report.py": ("tests/protocol/test_report.py",),
    "scorer/transactions/journal.py": (
        "tests/transactions/test_journal.py",
        "tests/transactions/test_manager.py",
    ),
    "scorer/transactions/database.py": (
        "tests/transactions/test_journal.py",
        "tests/transactions/test_manager.py",
    ),
    "scorer/transactions/schema.py": (
        "tests/transactions/test_journal.py",
        "tests/transactions/test_journal_years.py",
        "tests/transactions/test_manager.py",
    ),
    "scorer/transactions/state_machine.py": (
        "tests/transactions/test_state_machine.py",
        "tests/transactions/test_manager.py",
        "tests/transactions/test_exactly_once.py",
    ),
}
"""The modules that get faults, each with its tests; quick tests first."""


def main(only: str = "", jobs: int = 2) -> int:
    """Try every mutant of the files whose names contain `only`; the exit code."""
    wanted = {test for file, tests in TESTS.items() if only in file for test in tests}
    for test in {"tests/conftest.py", *wanted}:
        import_module(test.removesuffix(".py").replace("/", "."))
    sources = {file: (ROOT / file).read_text() for file in TESTS if only in file}
    mutants = [mutant for file, source in sources.items() for mutant in mutants_of(file, source)]
    trees = [_tree(number, only) for number in range(jobs)]
    for file, tests in TESTS.items():
        if only in file and _wait({_started(trees[0], tests): trees[0]})[1] != 0:
            raise SystemExit(f"expected the tests of {file} to pass without a fault, found that they do not")
    records = list(_tried(trees, mutants, sources))
    OUT.joinpath(only or "all", "results.json").write_text(json.dumps(records, indent=1) + "\n")
    return _report(records, only)


def _tree(number: int, only: str) -> Path:
    tree = OUT / (only or "all") / f"tree-{number}"
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("scorer", "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


def _tried(trees: list[Path], mutants: list[Mutant], sources: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Every mutant's verdict, as it comes; each has a tree to itself while its tests run."""
    busy: dict[int, Path] = {}
    trying: dict[Path, Mutant] = {}
    waiting = list(enumerate(mutants))[::-1]
    while waiting or busy:
        while waiting and trees:
            tree, (number, mutant) = trees.pop(), waiting.pop()
            (tree / mutant.file).write_text(mutant.text)
            # Python compares compiled files by this time: each fault has one of its own.
            os.utime(tree / mutant.file, (number, number))
            trying[tree] = mutant
            busy[_started(tree, TESTS[mutant.file])] = tree
        tree, code = _wait(busy)
        mutant = trying.pop(tree)
        (tree / mutant.file).write_text(sources[mutant.file])
        os.utime(tree / mutant.file)
        trees.append(tree)
        yield _recorded(mutant, "killed" if code else "survived")


def _recorded(mutant: Mutant, verdict: str) -> dict[str, Any]:
    sys.stdout.write(f"{verdict} {mutant.file}:{mutant.line} {mutant.before} => {mutant.after}\n")
    sys.stdout.flush()
    named = {name: getattr(mutant, name) for name in ("file", "where", "operator", "before", "after", "nth")}
    return named | {"verdict": verdict}


def _started(tree: Path, tests: tuple[str, ...]) -> int:
    """Start these tests in a tree, in a copy of this process; its id."""
    sys.stdout.flush()
    child = os.fork()
    if not child:
        _run_tests(tree, tests)
    return child


def _wait(busy: dict[int, Path]) -> tuple[Path, int]:
    """Wait for the next copy to end; its tree, and 0 when all its tests passed."""
    child, status = os.wait()
    return busy.pop(child), os.waitstatus_to_exitcode(status)


def _run_tests(tree: Path, tests: tuple[str, ...]) -> None:
    import pytest

    code = 1
    try:
        signal.alarm(LONGEST)
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_WORK, MOST_WORK))
        os.chdir(tree)
        sys.dont_write_bytecode = False
        for name in [name for name in sys.modules if name.split(".")[0] in ("scorer", "tests")]:
            del sys.modules[name]
        sys.path[:] = [str(tree), *(each for each in sys.path if each and Path(each).resolve() != ROOT)]
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        off = [word for name in NOT_NEEDED for word in ("-p", f"no:{name}")]
        code = int(pytest.main(["-x", "-q", "-k", f"not {SERVER}", *off, *tests]))
    finally:
        os._exit(code)


def _report(records: list[dict[str, Any]], only: str) -> int:
    wrong = list(problems(records, explained(SURVIVORS.read_text()))) if not only else []
    killed = Counter(record["file"] for record in records if record["verdict"] == "killed")
    for file, count in Counter(record["file"] for record in records).items():
        share = 100 * killed[file] / count
        sys.stdout.write(f"{file}: {killed[file]} of {count} killed, {share:.1f} %\n")
        if share < NEEDED:
            wrong.append(f"{file}: expected {NEEDED} % to be killed, found {share:.1f} %")
    for line in wrong:
        sys.stdout.write(f"{line}\n")
    total = len(records)
    sys.stdout.write(f"mutate-python: {killed.total()} of {total} killed, {len(wrong)} problems\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
