"""The further inputs of the small round, and rules that need them."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.protocol.rules import Rules, preset, rules_from
from scorer.protocol.tables import Table
from tests.small_round import IDS, SUBMITTERS, in_the_clear, uniform

ALL_SCORES = ("corr", "mmc", "fnc", "bmc", "tc", "alpha", "mpc")
PORTFOLIO = {"max_position": "0.02", "max_leverage": "1", "risk_aversion": "10"}
ADJUSTERS = {
    "dynamic_eras": {"target_volatility": "0.02", "least": "0.25", "most": "1.5"},
    "burn_hardening": {"start": "0", "most": "2"},
    "neutral_churn": {"threshold": "0.1", "scale": "10"},
}
SECOND = {
    "dynamic_eras": ADJUSTERS["dynamic_eras"],
    "originality": {"exponent": 2},
    "burn": {"multiplier": "1.1"},
    "neutral_churn": ADJUSTERS["neutral_churn"],
}
"""Those of version 2 of the rules."""


def rules_with(*scores: str, adjusters: Mapping[str, Any] | None = None, **sections: Any) -> Rules:
    """The classic rules with these scores on the target, each once, and adjusters."""
    document = json.loads(in_the_clear(preset("classic")).canonical_json())
    document["factors"] = [{"score": score, "target": "target_20d2l", "multiplier": "1"} for score in scores]
    document["name"] = "everything"
    if "tc" in scores:
        document["portfolio"] = PORTFOLIO
    document["version"] = 2 if {"originality", "burn"} & set(adjusters or {}) else 1
    return rules_from({**document, "adjusters": dict(adjusters or {}), **sections}, "test")


def normal(seed: int) -> NDArray[np.float64]:
    """Sums of twelve uniform numbers: bell-shaped, and the same on every machine."""
    return np.asarray(sum(uniform(1000 * seed + number) for number in range(12))) - 6.0


def dot(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Rounded once, so that it is the same on every machine, as golden values need it."""
    return math.fsum((left * right).tolist())


def tables() -> dict[str, Table]:
    """Every input that any rules need, for the small round."""
    weights = 0.5 + uniform(301)
    weights = weights / math.sqrt(dot(weights, weights))
    first = np.ones(len(IDS)) / math.sqrt(dot(weights, weights))
    second = normal(302)
    second = second - first * dot(weights * first, weights * second)
    second = second / math.sqrt(dot(weights * second, weights * second))
    return {
        "features": {f"feature_{n}": np.floor(5 * uniform(310 + n)) / 4 for n in range(4)},
        "benchmark_meta_model": {"benchmark_meta_model": uniform(320)},
        "sample_weights": {"sample_weights": weights},
        "neutralizers": {"market": first, "style": second},
        "risk_model": {
            "specific_variance": 0.5 + uniform(330),
            "factor_style": normal(331) / 4,
            "neutral_money": np.ones(len(IDS)),
        },
        "session_returns": {f"2026-10-{day:02}": normal(340 + day) / 40 for day in range(1, 21)},
        "neutral_churn": {
            "model_id": np.array(SUBMITTERS, dtype=np.int64),
            "neutral_churn": np.array([0.05 * row for row in range(len(SUBMITTERS))]),
        },
    }
