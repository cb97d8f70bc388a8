"""How long reading honest submissions takes in child processes, against this one: ``make bench-submissions``.

Both read the same files, CSV and Parquet by turns, in alternating blocks of one run, so that a busy machine
slows both. In this process one thread parses, as before there were child processes; the children are as many
as the operator has, one a core. Prints the ratio; ends with 1 where it is above 1.5.
"""

import argparse
import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from scorer.isolation import IsolatedReader
from scorer.submission.reader import SubmissionReader, read_for
from scorer.submission.validity import Universe

MOST: Final = 1.5
IDS: Final = 6_000
BLOCK: Final = 100
DISTINCT: Final = 20
OUT: Final = Path("build/bench/submissions.json")


def files(ids: Sequence[str]) -> list[bytes]:
    """Honest submissions in random order of rows, every second one in Parquet."""
    stream = np.random.default_rng(1)
    found = []
    for number in range(DISTINCT):
        frame = pd.DataFrame({"id": ids, "prediction": stream.random(len(ids))})
        frame = frame.sample(frac=1, random_state=number)
        buffer = io.BytesIO()
        if number % 2:
            frame.to_parquet(buffer, index=False)
        else:
            frame.to_csv(buffer, index=False)
        found.append(buffer.getvalue())
    return found


def seconds(act: Callable[[], object]) -> float:
    """Wall time."""
    before = time.perf_counter()
    act()
    return time.perf_counter() - before


def compare(count: int) -> dict[str, float]:
    """Read so many files both ways; seconds of each, a file, and their ratio."""
    universe = Universe(tuple(sorted(f"n{number:015x}" for number in range(IDS))), {})
    contents = files(universe.ids)
    here = there = 0.0
    with IsolatedReader() as pool, ThreadPoolExecutor(pool.workers) as threads:
        reader = SubmissionReader(pool, None, universe)
        reader.read(contents[0], "warm")
        for start in range(0, count, BLOCK):
            block = [contents[number % DISTINCT] for number in range(start, min(start + BLOCK, count))]
            here += seconds(lambda b=block: [read_for(None, each, universe, "f") for each in b])  # type: ignore[misc]
            there += seconds(lambda b=block: list(threads.map(lambda each: reader.read(each, "f"), b)))  # type: ignore[misc]
    return {
        "files": count,
        "workers": pool.workers,
        "in_process_ms": round(1e3 * here / count, 2),
        "child_processes_ms": round(1e3 * there / count, 2),
        "ratio": round(there / here, 3),
    }


def main() -> int:
    """Print and keep the figures; the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    found = compare(parser.parse_args().files)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found))
    print(f"{found['ratio']} times in process, at most {MOST}")
    return 0 if found["ratio"] <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
