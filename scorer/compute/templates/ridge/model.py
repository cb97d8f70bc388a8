"""A ridge regression on all features, fitted on the training data when `train.py` was run."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

WEIGHTS = Path(__file__).parent / "weights.json"


def predict(live: pd.DataFrame) -> pd.Series:
    """Return a prediction for each id of the live data, in (0, 1)."""
    features = [name for name in live.columns if name.startswith("feature")]
    values = live[features].to_numpy(dtype=float)
    values = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-9)
    scores = values @ weights(features)
    ranks = np.argsort(np.argsort(scores, kind="stable"), kind="stable")
    return pd.Series((ranks + 0.5) / len(ranks), index=live.index)


def weights(features: list[str]) -> np.ndarray:
    """Return the fitted weight of each feature; before the first fit, all features count the same."""
    if not WEIGHTS.is_file():
        return np.full(len(features), 1 / len(features))
    known = json.loads(WEIGHTS.read_text())
    return np.array([known.get(name, 0.0) for name in features])
