"""Fuzz every parser: ``python -m tests.hostile.run [--target NAME] [--inputs N] [--seed S]``.

Prints a line a target; ends with 1 where a process died, an exception was none of the documented ones, or an
input took more than 2 s or 512 MiB. Such inputs are kept in build/hostile, by target and number.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, Self

from tests.hostile.batch import LARGE, SLOW
from tests.hostile.target import Target, all_targets

BATCH: Final = 10_000
"""Inputs of one process."""
KEPT: Final = Path("build/hostile")
SHOWN: Final = 5
MOST_DEATHS: Final = 20
"""In a batch."""


@dataclass
class Outcome:
    """What came of a target's inputs.

    Attributes
    ----------
    counts
        By verdict: taken, refused, contained, and the violations traceback, death, slow, large.
    violations
        Number of the input, verdict, detail.
    """

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[int, str, str]] = field(default_factory=list)
    slowest: float = 0.0
    largest: int = 0

    def add(self, found: dict[str, Any]) -> None:
        """Count one input."""
        verdict, seconds, size = found["verdict"], found["seconds"], found["bytes"]
        self.counts["inputs"] += 1
        self.counts[verdict] += 1
        if verdict in ("traceback", "death"):
            self.violations.append((found["index"], verdict, found["detail"]))
        if seconds > SLOW:
            self.counts["slow"] += 1
            self.violations.append((found["index"], "slow", f"{seconds:.1f} s"))
        if size > LARGE:
            self.counts["large"] += 1
            self.violations.append((found["index"], "large", f"{size / 2**20:.0f} MiB"))
        self.slowest, self.largest = max(self.slowest, seconds), max(self.largest, size)

    def line(self, name: str) -> str:
        """The outcome in a line."""
        kinds = ("inputs", "taken", "refused", "contained", "death", "traceback", "slow", "large")
        shown = " ".join(f"{kind}={self.counts[kind]}" for kind in kinds)
        return f"{name}: {shown}; slowest {self.slowest:.2f} s, largest {self.largest / 2**20:.0f} MiB"


class Reader:
    """A process that reads batches of inputs, each in a child of its own."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.hostile.batch"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def batch(self, name: str, seed: int, start: int, stop: int) -> Iterator[dict[str, Any]]:
        """What came of some inputs, each once; where a child dies, another begins behind that input."""
        deaths = 0
        while start < stop and deaths < MOST_DEATHS:
            for found in self._answers(name, seed, start, stop):
                if "ended" not in found:
                    start = found["index"] + 1
                    yield found
                elif start < stop:
                    detail = f"ended with {found['ended']}"
                    yield {"index": start, "verdict": "death", "detail": detail, "seconds": 0.0, "bytes": 0}
                    deaths, start = deaths + 1, start + 1

    def _answers(self, name: str, seed: int, start: int, stop: int) -> Iterator[dict[str, Any]]:
        """The lines of one child, and last the one that says how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, seed, start, stop]) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            found = json.loads(line)
            yield found
            if "ended" in found:
                return
        raise RuntimeError(f"expected the process that reads {name} to answer, found it ended")


def run(target: Target, inputs: int, seed: int, readers: Sequence[Reader]) -> Outcome:
    """Read so many inputs of a target, each reader some at a time."""
    outcome = Outcome()
    size = min(BATCH, -(-inputs // len(readers)))
    idle = SimpleQueue[Reader]()
    for reader in readers:
        idle.put(reader)

    def batch(start: int) -> list[dict[str, Any]]:
        reader = idle.get()
        try:
            return list(reader.batch(target.name, seed, start, min(start + size, inputs)))
        finally:
            idle.put(reader)

    with ThreadPoolExecutor(len(readers)) as pool:
        for found in pool.map(batch, range(0, inputs, size)):
            for each in found:
                outcome.add(each)
    return outcome


def keep(target: Target, seed: int, outcome: Outcome) -> None:
    """Write the inputs that violate, and say what they did."""
    folder = KEPT / target.name
    for index, verdict, _ in outcome.violations:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{seed}-{index}.{verdict}").write_bytes(target.generate(seed, index))
    for index, verdict, detail in outcome.violations[:SHOWN]:
        print(f"  {verdict} at {index}, kept as {folder / f'{seed}-{index}.{verdict}'}: {detail}", flush=True)


def main() -> int:
    """Run what the command line names; the exit status."""
    targets = all_targets()
    parser = argparse.ArgumentParser(description="Fuzz every parser of what a stranger wrote.")
    parser.add_argument("--target", choices=sorted(targets), action="append")
    parser.add_argument("--inputs", type=int, default=50_000, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    chosen = parser.parse_args()
    violations = 0
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader()) for _ in range(chosen.workers)]
        for name in chosen.target or sorted(targets):
            outcome = run(targets[name], chosen.inputs, chosen.seed, readers)
            print(outcome.line(name), flush=True)
            keep(targets[name], chosen.seed, outcome)
            violations += len(outcome.violations)
    print(f"{violations} violations", flush=True)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
