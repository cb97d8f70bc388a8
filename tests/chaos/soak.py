"""``make soak``: 200 rounds of 1,000 models, ten at a time, under random faults; memory must not grow.

``python tests/chaos/soak.py 60`` for fewer rounds, ``60 100`` for fewer models too.
"""

import sys
from pathlib import Path

from scorer.lab.drill.soak import soak


def main(rounds: int = 200, models: int = 1000) -> int:
    """Soak; the exit code."""
    result = soak(Path("build/soak"), rounds, models)
    sys.stdout.write(f"{result}\n")
    counts = f"{result.duplicated} duplicated, {result.lost} lost, {result.stuck} stuck"
    sys.stdout.write(f"soak: {rounds} rounds, {counts}\n")
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
