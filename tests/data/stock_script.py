"""A script in the manner of Numerai's examples: it knows nothing of Cupel."""

# mypy: ignore-errors
# ruff: noqa: PTH123, SIM115

import json
import sys
from pathlib import Path

import pandas as pd
from sklearn.linear_model import Ridge

data, out = Path(sys.argv[1]), Path(sys.argv[2])

feature_metadata = json.load(open(data / "features.json"))
feature_cols = feature_metadata["feature_sets"]["small"]
target_cols = feature_metadata["targets"]

train = pd.read_parquet(data / "train.parquet", columns=["era", *feature_cols, *target_cols])
train = train[train["era"].isin(train["era"].unique()[::4])]
model = Ridge().fit(train[feature_cols], train["target"])

columns = ["era", "data_type", *feature_cols, *target_cols]
validation = pd.read_parquet(data / "validation.parquet", columns=columns)
validation = validation[validation["data_type"] == "validation"]
validation["prediction"] = model.predict(validation[feature_cols])

live_features = pd.read_parquet(data / "live.parquet", columns=feature_cols)
live_predictions = model.predict(live_features[feature_cols])
submission = pd.Series(live_predictions, index=live_features.index).to_frame("prediction")
submission.to_csv(out / "submission.csv")
