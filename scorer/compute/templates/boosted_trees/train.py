"""Fits the trees: ``python train.py DATA``, a version's folder with train.parquet. Run it at home."""

import sys
from pathlib import Path

import joblib
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor


def fit(train: pd.DataFrame) -> HistGradientBoostingRegressor:
    """Return fitted trees."""
    features = [name for name in train.columns if name.startswith("feature")]
    train = train.dropna(subset=["target"])
    trees = HistGradientBoostingRegressor(max_iter=200, learning_rate=0.05, max_leaf_nodes=31, random_state=1)
    return trees.fit(train[features], train["target"])


if __name__ == "__main__":
    fitted = fit(pd.read_parquet(Path(sys.argv[1]) / "train.parquet"))
    joblib.dump(fitted, Path(__file__).parent / "trees.joblib")
