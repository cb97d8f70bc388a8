"""``make chaos``: every scenario, to the end, two at a time, and one line that counts what went wrong.

``python tests/chaos/run.py reorganised`` plays those whose names contain a word.
"""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from scorer.lab.drill.outcome import ScenarioResult
from scorer.lab.drill.plan import chaos

OUT = Path("build/chaos")
AT_A_TIME = 2


def main(only: str = "") -> int:
    """Play the scenarios whose names contain `only`; the exit code."""
    results = []
    for result, seconds in _played([each.name for each in chaos() if only in each.name]):
        results.append(result)
        sys.stdout.write(f"{result} ({seconds:.0f} s)\n")
        sys.stdout.flush()
    return _tell(results)


def _played(names: list[str]) -> Iterator[tuple[ScenarioResult, float]]:
    """Each in a process that plays one after the other: daemons are copies of it."""
    with ProcessPoolExecutor(AT_A_TIME, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(play, name) for name in names]):
            yield future.result()


def play(name: str) -> tuple[ScenarioResult, float]:
    """Play one scenario; how it ended, and seconds."""
    began = time.monotonic()
    (scenario,) = (each for each in chaos() if each.name == name)
    try:
        result = scenario.on_a_chain(OUT / name.replace(" ", "-"))
    except Exception as error:  # noqa: BLE001 - a scenario that breaks is counted, and the others go on
        result = ScenarioResult(name, stuck=1, detail=f"{type(error).__name__}: {error}")
    return result, time.monotonic() - began


def _tell(results: list[ScenarioResult]) -> int:
    duplicated = sum(result.duplicated for result in results)
    lost = sum(result.lost for result in results)
    stuck = sum(result.stuck for result in results)
    sys.stdout.write(
        f"chaos: {len(results)} scenarios, {duplicated} duplicated, {lost} lost, {stuck} stuck\n"
    )
    return 0 if results and not duplicated + lost + stuck else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
