"""A script in the form of Numerai's examples: it downloads live data and uploads predictions by numerapi.

In a node's sandbox, numerapi answers from the files that the node fetched, and what is uploaded is checked,
signed and submitted by the node afterwards. The same script runs at home with the real numerapi.
"""

import json
import os
from pathlib import Path

import numerapi
import pandas as pd

DATA_VERSION = "v5.0"
MODEL_ID = os.getenv("MODEL_ID")

napi = numerapi.NumerAPI(os.getenv("NUMERAI_PUBLIC_ID"), os.getenv("NUMERAI_SECRET_KEY"))


def predict() -> pd.DataFrame:
    """Return the rank of each id by the mean of its features."""
    napi.download_dataset(f"{DATA_VERSION}/features.json")
    features = json.loads(Path(f"{DATA_VERSION}/features.json").read_text())["feature_sets"]["small"]
    napi.download_dataset(f"{DATA_VERSION}/live.parquet")
    live = pd.read_parquet(f"{DATA_VERSION}/live.parquet")
    live = live.set_index("id") if "id" in live.columns else live
    ranks = live[features].mean(axis=1).rank(method="first")
    return ((ranks - 0.5) / len(ranks)).to_frame("prediction")


if __name__ == "__main__":
    predict().to_csv("predictions.csv")
    napi.upload_predictions("predictions.csv", model_id=MODEL_ID)
