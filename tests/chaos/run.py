"""``make chaos``: every scenario, to the end, and one line that counts what went wrong."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from scorer.chain.killpoints import LABELS
from scorer.drill.playground import Playground
from scorer.drill.proxy import Proxy
from scorer.drill.scenarios import (
    Result,
    endpoint_is_lost,
    finality_stands_still,
    five_daemons,
    killed_everywhere,
    on_a_chain,
    reorganised,
    wrong_report_overturned,
)

DEPTHS = range(1, 9)


def main(out: Path, only: str = "") -> int:
    """Run the scenarios whose names contain `only`; the exit code."""
    results: list[Result] = []

    def play(name: str, scenario: Callable[[Playground, Proxy], Result], *, members: int = 3) -> None:
        if only not in name:
            return
        began = time.monotonic()
        with on_a_chain(out, members=members, deep=members == 3) as (ground, proxy):
            results.append(scenario(ground, proxy))
        sys.stdout.write(f"{results[-1]} ({time.monotonic() - began:.0f} s)\n")
        sys.stdout.flush()

    for label in LABELS:
        play(f"killed at {label}", lambda ground, _, at=label: killed_everywhere(at, ground))  # type: ignore[misc]
    for depth in DEPTHS:
        play(f"reorganised {depth} deep", lambda ground, _, d=depth: reorganised(d, ground))  # type: ignore[misc]
    play("endpoint is lost", endpoint_is_lost)
    play("finality stands still", finality_stands_still)
    play("wrong report overturned", lambda ground, _: wrong_report_overturned(ground))
    for seed in range(2):
        play(f"five daemons {seed}", lambda ground, _, s=seed: five_daemons(ground, s), members=5)  # type: ignore[misc]
    return _tell(results)


def _tell(results: list[Result]) -> int:
    duplicated = sum(result.duplicated for result in results)
    lost = sum(result.lost for result in results)
    stuck = sum(result.stuck for result in results)
    sys.stdout.write(
        f"chaos: {len(results)} scenarios, {duplicated} duplicated, {lost} lost, {stuck} stuck\n"
    )
    return 1 if duplicated + lost + stuck else 0


if __name__ == "__main__":
    sys.exit(main(Path("build/chaos"), sys.argv[1] if len(sys.argv) > 1 else ""))
