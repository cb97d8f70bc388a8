"""Fits the ridge regression: ``python train.py DATA``, a version's folder with train.parquet. Run at home."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

PENALTY = 1_000.0


def fit(train: pd.DataFrame) -> dict[str, float]:
    """Return the weight of each feature, from features and targets centred in each era."""
    features = [name for name in train.columns if name.startswith("feature")]
    train = train.dropna(subset=["target"])
    by_era = train.groupby("era")
    values = train[features] - by_era[features].transform("mean")
    target = train["target"] - by_era["target"].transform("mean")
    matrix = values.to_numpy(dtype=float)
    gram = matrix.T @ matrix + PENALTY * np.eye(len(features))
    solved = np.linalg.solve(gram, matrix.T @ target.to_numpy(dtype=float))
    return dict(zip(features, solved.tolist(), strict=True))


if __name__ == "__main__":
    weights = fit(pd.read_parquet(Path(sys.argv[1]) / "train.parquet"))
    (Path(__file__).parent / "weights.json").write_text(json.dumps(weights))
