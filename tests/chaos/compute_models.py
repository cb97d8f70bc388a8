"""Fifty models of six kinds, all different, for a node that is killed at random."""

import json
import pickle
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from scorer.compute.job import ModelKind
from scorer.compute.setup import FOLDER as TEMPLATES
from tests.compute.models import safetensors

FUNCTION: Final = """
import numpy as np
import pandas as pd

def predict(live):
    features = [name for name in live.columns if name.startswith("feature")]
    scores = live[features].to_numpy(dtype=float) @ np.random.default_rng(SEED).normal(size=len(features))
    return pd.Series((np.argsort(np.argsort(scores)) + 0.5) / len(scores), index=live.index)
"""
SCRIPT: Final = """
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

table = pq.read_table("/in/live.parquet")
names = [name for name in table.column_names if name.startswith("feature")]
values = np.column_stack([np.asarray(table.column(name)) for name in names])
scores = values @ np.random.default_rng(SEED).normal(size=len(names))
ranks = (np.argsort(np.argsort(scores)) + 0.5) / len(scores)
pq.write_table(pa.table({"id": table.column("id"), "prediction": ranks}), "/out/predictions.parquet")
"""


def _function(folder: Path, seed: int, _features: int) -> tuple[ModelKind, str]:
    (folder / "model.py").write_text(FUNCTION.replace("SEED", str(seed)))
    return ModelKind.FUNCTION, "model.py:predict"


def _script(folder: Path, seed: int, _features: int) -> tuple[ModelKind, str]:
    (folder / "model.py").write_text(SCRIPT.replace("SEED", str(seed)))
    return ModelKind.SCRIPT, "model.py"


def _notebook(folder: Path, seed: int, _features: int) -> tuple[ModelKind, str]:
    cells = ["%matplotlib inline\n", *SCRIPT.replace("SEED", str(seed)).split("\n\n")]
    document = {"cells": [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]}
    (folder / "model.ipynb").write_text(json.dumps(document))
    return ModelKind.NOTEBOOK, "model.ipynb"


def _safetensors(folder: Path, seed: int, features: int) -> tuple[ModelKind, str]:
    weight = np.random.default_rng(seed).normal(size=(1, features))
    safetensors(folder, {"0.weight": weight, "0.bias": [0.5]})
    return ModelKind.SAFETENSORS, "model.safetensors"


def _pickle(folder: Path, seed: int, features: int) -> tuple[ModelKind, str]:
    from sklearn.linear_model import Ridge

    random = np.random.default_rng(seed)
    fitted = Ridge().fit(random.normal(size=(100, features)), random.normal(size=100))
    (folder / "model.pkl").write_bytes(pickle.dumps(fitted))
    return ModelKind.PICKLE, "model.pkl"


def _numerai(folder: Path, _seed: int, _features: int) -> tuple[ModelKind, str]:
    """Numerai's form of a script, which downloads and uploads by numerapi."""
    shutil.copyfile(TEMPLATES / "numerai_example" / "predict.py", folder / "predict.py")
    return ModelKind.SCRIPT, "predict.py"


KINDS: Final[Mapping[str, Callable[[Path, int, int], tuple[ModelKind, str]]]] = {
    "function": _function,
    "script": _script,
    "notebook": _notebook,
    "safetensors": _safetensors,
    "pickle": _pickle,
    "numerai": _numerai,
}


def write_models(root: Path, count: int, python: str, features: int) -> list[dict[str, Any]]:
    """Write so many models, of all kinds in turn; their sections of the configuration."""
    sections = []
    for number, name in zip(range(1, count + 1), list(KINDS) * count, strict=False):
        folder = root / f"{number:02}-{name}"
        folder.mkdir(parents=True)
        kind, entry = KINDS[name](folder, number, features)
        named = {"model": number, "folder": str(folder), "kind": str(kind), "entry": entry, "python": python}
        sections.append({**named, "limits": {"seconds": 120, "memory_mib": 1024}})
    return sections
