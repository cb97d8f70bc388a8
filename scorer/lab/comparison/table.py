"""A comparison as figures with intervals: a table for people, compare.json, and a page with pictures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.stats import t as student

from scorer.lab.comparison.attackers import WHAT_THEY_DO
from scorer.lab.comparison.pictures import draw_all
from scorer.lab.comparison.runner import AttackComparison
from scorer.owned_files import make_owned_folder

CONFIDENCE: Final = 0.95
MADE_BY: Final = "cupel simulate --compare"
CONTENTS: Final = ("compare.json", "compare.md", "*.png")
MEASURES: Final[Mapping[str, str]] = {
    "gross_payout": "all payouts, in percent of all stake",
    "multipliers": "mean multipliers, in percent of those that the rules state",
    "burned": "all burns, in percent of all stake",
    "skill_weight": "weight of the skilled in the meta model, in percent, beside people who copy it and "
    "began with a tenth of all stake",
}
Figures = Mapping[str, Mapping[str, Mapping[str, float]]]
"""return, low and high in percent, by rule and kind."""


def figures(comparison: AttackComparison) -> dict[str, dict[str, dict[str, float]]]:
    """Return means over all seeds with their intervals, by rule and kind."""
    kinds = (*WHAT_THEY_DO, *MEASURES)
    return {
        name: {kind: _interval([outcome[name][kind] for outcome in comparison.outcomes]) for kind in kinds}
        for name in comparison.rules
    }


def _interval(values: list[float]) -> dict[str, float]:
    """Student's interval of the mean."""
    mean, count = float(np.mean(values)), len(values)
    error = float(np.std(values, ddof=1)) / count**0.5
    reach = float(student.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    return {"return": mean, "low": mean - reach, "high": mean + reach}


def document(comparison: AttackComparison) -> dict[str, Any]:
    """Return the content of compare.json."""
    markets = comparison.markets
    return {
        "shipped": next(iter(comparison.rules)),
        "data": markets.data,
        "rounds": markets.rounds,
        "models": markets.models,
        "ids": markets.ids,
        "seeds": len(comparison.outcomes),
        "confidence": CONFIDENCE,
        "rules": figures(comparison),
    }


def write_comparison(comparison: AttackComparison, out: Path) -> dict[str, Any]:
    """Write compare.json, compare.md and the pictures into a folder; return the content of compare.json."""
    make_owned_folder(out, MADE_BY, CONTENTS)
    content = document(comparison)
    (out / "compare.json").write_text(json.dumps(content, indent=1) + "\n")
    (out / "compare.md").write_text(_markdown(content))
    draw_all(content, out)
    return content


def cell(figure: Mapping[str, float]) -> str:
    """Return a mean and the reach of its interval as text."""
    digits = 1 if abs(figure["return"]) >= 10 else 2
    reach = figure["high"] - figure["return"]
    # Adding zero takes the sign from a rounded zero.
    return f"{round(figure['return'], digits) + 0.0:.{digits}f} ± {reach:.{digits}f}"


def _markdown(content: Mapping[str, Any]) -> str:
    rules: Figures = content["rules"]
    lines = [
        f"# Attackers against rules: {content['seeds']} markets of {content['rounds']} rounds and "
        f"{content['models']} models",
        "",
        f"Markets are made of {content['data']}.",
        "",
        "Returns in percent of the stake over all rounds, without compounding, with 95 % intervals over "
        "markets. All rules have the same cap, and multipliers that move until they pay out as much as the "
        "first.",
        "",
        f"| | {' | '.join(rules)} |",
        "|---" + "|---:" * len(rules) + "|",
        *(
            f"| {kind.replace('_', ' ')} | {' | '.join(cell(rule[kind]) for rule in rules.values())} |"
            for kind in (*WHAT_THEY_DO, *MEASURES)
        ),
        "",
        *(f"- **{kind.replace('_', ' ')}**: {text}" for kind, text in {**WHAT_THEY_DO, **MEASURES}.items()),
        "",
    ]
    return "\n".join(lines)
