"""Memory and time of a round so large that its predictions do not fit in memory: stored and scored by blocks.

Usage: python benchmarks/rewards/large.py [--models 100000] [--ids 6000] [--limit 2.0]

Writes build/bench/large.json and exits 1 where the process that wrote, verified and scored the round ever
held more than `limit` GiB. The seconds stand beside those of one read of the file.
"""

import argparse
import json
import resource
import shutil
import sys
import time
from pathlib import Path

from benchmarks.rewards.bench import round_of
from scorer.evaluation.evaluate import evaluate
from scorer.storage.bundle import SUBMISSIONS, Bundle

GIB = 2**30


def seconds_to_read(path: Path) -> float:
    start = time.perf_counter()
    with path.open("rb") as file:
        while file.read(1 << 22):
            pass
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=100_000)
    parser.add_argument("--ids", type=int, default=6_000)
    parser.add_argument("--limit", type=float, default=2.0)
    arguments = parser.parse_args()
    folder = Path("build/bench/large")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    inputs = round_of(arguments.models, arguments.ids, folder)
    start = time.perf_counter()
    result = evaluate(inputs)
    evaluated = time.perf_counter() - start
    bundle = Bundle(folder / "bundle")
    bundle.write(inputs, result)
    again = evaluate(bundle.inputs()).report
    report = {
        "models": arguments.models,
        "ids": arguments.ids,
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB, 3),
        "limit_gib": arguments.limit,
        "seconds_to_evaluate": round(evaluated, 1),
        "seconds_to_read_the_file": round(seconds_to_read(bundle.folder / SUBMISSIONS), 1),
        "same_report_from_the_bundle": again == result.report,
    }
    shutil.rmtree(folder)
    Path("build/bench/large.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))
    return 0 if report["peak_gib"] <= arguments.limit and again == result.report else 1


if __name__ == "__main__":
    sys.exit(main())
