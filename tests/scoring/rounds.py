"""Small rounds to score, made from a seed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scorer.scoring.exact import Floats

if TYPE_CHECKING:
    from collections.abc import Callable

BINS = (0.0, 0.25, 0.5, 0.75, 1.0)
SHARES = (0.05, 0.2, 0.5, 0.2, 0.05)


@dataclass(frozen=True)
class Round:
    submissions: Floats
    target: Floats
    meta_model: Floats

    @property
    def ids(self) -> pd.Index:
        return pd.Index([f"id{row:06d}" for row in range(len(self.target))], name="id")

    @property
    def predictions(self) -> pd.DataFrame:
        columns = [f"model_{row}" for row in range(len(self.submissions))]
        return pd.DataFrame(self.submissions.T, index=self.ids, columns=columns)

    @property
    def targets(self) -> pd.Series:
        return pd.Series(self.target, index=self.ids, name="target")

    @property
    def meta(self) -> pd.Series:
        return pd.Series(self.meta_model, index=self.ids, name="meta_model")


def target_of(kind: str, ids: int, rng: np.random.Generator) -> Floats:
    if kind == "bins":
        target = rng.choice(BINS, size=ids, p=SHARES)
        target[0], target[-1] = 0.0, 1.0
        return target
    return rng.standard_t(4, ids) * 0.03 if kind == "returns" else rng.random(ids)


def make_round(
    models: int = 7, ids: int = 200, seed: int = 0, values: str = "uniform", target: str = "bins"
) -> Round:
    rng = np.random.default_rng(seed)
    outcome = target_of(target, ids, rng)
    signal = rng.normal(size=(models, 1)) * outcome / np.ptp(outcome)
    raw = signal + rng.normal(size=(models, ids))
    made: dict[str, Callable[[], Floats]] = {
        "uniform": lambda: (raw - raw.min()) / np.ptp(raw),
        "signed": lambda: raw,
        "rounded": lambda: np.round(raw, 1),
        "few_values": lambda: np.sign(raw) * (np.abs(raw) > 1.2),
        "float32": lambda: raw.astype(np.float32).astype(np.float64),
        "heavy": lambda: np.sign(raw) * np.exp(20 * np.abs(raw)),
        "one_ulp": lambda: 0.5 + np.argsort(np.argsort(raw, axis=1), axis=1).astype(np.float64) * 2.0**-53,
    }
    submissions = made[values]()
    return Round(submissions, outcome, submissions.mean(axis=0) + 0.3 * rng.random(ids))


VALUES = ("uniform", "signed", "rounded", "few_values", "float32", "heavy", "one_ulp")
TARGETS = ("bins", "returns", "uniform")
