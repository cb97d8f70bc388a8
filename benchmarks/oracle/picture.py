"""The picture of where the time goes from outcome known to the last chunk settled."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from scorer.lab.demo.pictures import BLUE, ORANGE, new_axes, save

WAITS: Final = "sign, send, and wait for blocks"
"""The part in which a member mostly waits; it has a colour of its own."""


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw a bar for each call of each part, a line a part, from ``spans`` of build/bench/oracle.json."""
    spans = results["spans"]
    parts = [part for part in dict.fromkeys(span["part"] for span in spans) if _seconds(spans, part) >= 0.05]
    title = f"{results['models']:,} models x {results['ids']:,} ids: seconds of one member since the outcome"
    figure, axes = new_axes(10, 0.6 * len(parts) + 1.4, title)
    for place, part in enumerate(parts):
        bars = [(span["begin"], span["end"] - span["begin"]) for span in spans if span["part"] == part]
        axes.broken_barh(bars, (place - 0.35, 0.7), color=ORANGE if part == WAITS else BLUE)
        last = max(span["end"] for span in spans if span["part"] == part)
        axes.annotate(f" {_seconds(spans, part):.1f} s", (last, place), va="center")
    axes.set_yticks(range(len(parts)), parts)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.08 * max(span["end"] for span in spans))
    axes.set_xlabel("seconds; the challenge window, in which evidence is posted, is left out")
    axes.grid(axis="x", color="#E6E6E6", linewidth=0.8)
    save(figure, path)


def _seconds(spans: list[dict[str, Any]], part: str) -> float:
    return sum(float(span["end"] - span["begin"]) for span in spans if span["part"] == part)
