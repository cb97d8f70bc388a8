"""The pictures of a comparison: what attackers earn beside skill, and what originality leaves of a reward."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.ticker import FuncFormatter

from scorer.lab.comparison.rules import CLASSIC
from scorer.lab.demo.pictures import BLACK, BLUE, GREEN, ORANGE, VERMILION, new_axes, save

SHOWN: Final = (
    "skilled",
    "best",
    "copy_of_meta_model",
    "noisy_copy",
    "reweighted_copy",
    "hedged_pair",
    "noise",
    "crowd",
)


def draw_all(content: Mapping[str, Any], out: Path) -> None:
    """Draw every picture of a comparison, the content of compare.json, into a folder."""
    _draw_returns(content, out / "originality-returns.png")
    _draw_factor(out / "originality-factor.png")


def _draw_returns(content: Mapping[str, Any], path: Path) -> None:
    rules = [name for name in dict.fromkeys((CLASSIC, content["shipped"])) if name in content["rules"]]
    figure, axes = new_axes(10, 4.8, "Return on the stake, in percent, at the same cap and gross payout")
    places = np.arange(len(SHOWN))
    height = 0.8 / len(rules)
    for number, (name, colour) in enumerate(zip(rules, (ORANGE, BLUE), strict=False)):
        found = [content["rules"][name][kind] for kind in SHOWN]
        returns = np.array([each["return"] for each in found])
        reach = np.array([each["high"] - each["return"] for each in found])
        axes.barh(places + number * height, returns, height, xerr=reach, color=colour, label=name)
    axes.set_yticks(places + height * (len(rules) - 1) / 2, [kind.replace("_", " ") for kind in SHOWN])
    axes.invert_yaxis()
    axes.axvline(0, color=BLACK, linewidth=0.8)
    axes.grid(axis="x", color="#E6E6E6", linewidth=0.8)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.legend(frameon=False, loc="lower right")
    save(figure, path)


def _draw_factor(path: Path) -> None:
    figure, axes = new_axes(8, 4.2, "The share of a reward that is a model's own")
    correlation = np.linspace(-0.5, 1.0, 301)
    own = 1 - np.maximum(correlation, 0.0) ** 2
    for exponent, colour, place in ((1, BLUE, (0.62, 65)), (2, GREEN, (0.24, 52))):
        axes.plot(correlation, 100 * own**exponent, color=colour)
        axes.annotate(f"exponent {exponent}", place, color=colour, fontweight="bold")
    axes.axvline(1, color=VERMILION, linewidth=0.8)
    axes.annotate("a copy", (1, 90), (0.86, 90), color=VERMILION, fontweight="bold")
    axes.set_xlabel("correlation of the gaussian ranks with the meta model's")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    save(figure, path)
