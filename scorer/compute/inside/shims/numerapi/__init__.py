"""Answers inside a sandbox as numerapi does, from ``/in``, so that an example script runs unchanged.

Downloads are files that the node fetched before; an upload is what the node checks, signs and submits after.
"""

import json
import os
import shutil
from typing import Any

IN = os.environ.get("CUPEL_IN", "/in")
OUT = os.environ.get("CUPEL_OUT", "/out")
ROUND = int(os.environ.get("CUPEL_ROUND", "0"))
NUMBER = os.environ.get("CUPEL_MODEL", "0")
PREDICTIONS = "predictions.parquet"


class NumerAPI:
    """A client without a network: it knows the round and the model of this run."""

    def __init__(self, *_given: Any, **_named: Any) -> None:
        return

    def get_current_round(self, *_given: Any, **_named: Any) -> int:
        """Return the number of the round."""
        return ROUND

    def check_round_open(self, *_given: Any, **_named: Any) -> bool:
        """Return True: a run is made for a round that takes submissions."""
        return True

    def check_new_round(self, *_given: Any, **_named: Any) -> bool:
        """Return True, likewise."""
        return True

    def get_models(self, *_given: Any, **_named: Any) -> dict[str, str]:
        """Return the model of this run under any name that a script looks up."""
        return _AnyName()

    def list_datasets(self, *_given: Any, **_named: Any) -> list[str]:
        """Return the files that the node has, as ``version/file``."""
        found = []
        for folder, _, names in os.walk(IN):
            found += [os.path.relpath(os.path.join(folder, name), IN) for name in names]  # noqa: PTH118
        return sorted(found)

    def download_dataset(
        self, filename: str, dest_path: str | None = None, *_given: Any, **_named: Any
    ) -> str:
        """Copy a file to where a script expects it: ``live.parquet`` is the round's, whatever its version."""
        target = dest_path or filename
        os.makedirs(os.path.dirname(target) or ".", exist_ok=True)  # noqa: PTH103, PTH120
        source = _source(filename)
        if source is None:
            _write_features(target)
        else:
            shutil.copyfile(source, target)
        return target

    def upload_predictions(
        self, file_path: str = "predictions.csv", *_given: Any, df: Any = None, **_named: Any
    ) -> str:
        """Leave predictions, a file or a frame, for the node."""
        target = os.path.join(OUT, PREDICTIONS)  # noqa: PTH118
        if df is not None:
            _plain(df).to_parquet(target, index=False)
        else:
            shutil.copyfile(file_path, target)
        return "of-this-run"

    def __getattr__(self, name: str) -> Any:
        """Refuse what needs a network."""
        raise AttributeError(
            f"numerapi in a sandbox: expected downloads and an upload, found {name}, which needs a network"
        )


class SignalsAPI(NumerAPI):
    """The same for a tournament of tickers."""


class CryptoAPI(NumerAPI):
    """The same for a tournament of coins."""


class _AnyName(dict[str, str]):
    def __missing__(self, _name: str) -> str:
        return NUMBER


def _source(filename: str) -> str | None:
    """Return the path of a file by its name, whatever version is asked for; None: its list of features."""
    name = os.path.basename(filename)  # noqa: PTH119
    if name in ("live.parquet", "live_int8.parquet"):
        name = "live.parquet"
    path = os.path.join(IN, name)  # noqa: PTH118
    if os.path.isfile(path):  # noqa: PTH113
        return path
    if name == "features.json":
        return None
    raise FileNotFoundError(
        f"{filename}: expected a file that the node fetched, found none of that name in {IN}"
    )


def _write_features(target: str) -> None:
    """Write a list of features in the form of a data set's features.json: every set is all of them."""
    import pyarrow.parquet

    names = pyarrow.parquet.read_schema(os.path.join(IN, "live.parquet")).names  # noqa: PTH118
    found = [name for name in names if name.startswith("feature")]
    with open(target, "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump({"feature_sets": dict.fromkeys(("small", "medium", "all"), found)}, file)


def _plain(frame: Any) -> Any:
    return frame.reset_index() if frame.index.name else frame
