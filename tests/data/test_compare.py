"""A version is what its manifest says, or each difference is named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scorer.data.build import Build
from scorer.data.compare import problems
from scorer.data.faults import DataError
from scorer.data.manifest import read_manifest
from tests.data.markets import KEY, panel, recipe


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("versions")
    Build(recipe(), KEY, panel(), root, "v1.0").run()
    return root / "v1.0"


def changed(file: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        change(pd.read_parquet(folder / file)).to_parquet(folder / file)

    return harm


def write(path: Path, text: str) -> None:
    path.write_text(text)


def with_first_feature(frame: pd.DataFrame) -> pd.DataFrame:
    name = next(column for column in frame if str(column).startswith("feature_"))
    return frame.assign(**{str(name): frame[name] + 0.9})


HARMS: dict[str, tuple[Callable[[Path], None], str]] = {
    "the main target": (
        changed("train.parquet", lambda frame: frame.assign(target=1 - frame["target"])),
        "expected target_sector20 in the column target, found other values",
    ),
    "labels of eras": (
        changed("train.parquet", lambda frame: frame.assign(era="9" + frame["era"].astype(str).str[1:])),
        "train.parquet: era 0001: expected",
    ),
    "the data type": (
        changed("train.parquet", lambda frame: frame.assign(data_type="live")),
        "expected the data type train in every row",
    ),
    "a further column": (
        changed("live.parquet", lambda frame: frame.assign(extra=1.0)),
        "expected the columns of a data set in their order, found",
    ),
    "features as floats": (
        changed("live.parquet", with_first_feature),
        "expected features of the type int8, found another",
    ),
    "a prediction": (
        changed("live_example_preds.parquet", lambda frame: frame.assign(prediction=0.5)),
        "live_example_preds.parquet: expected",
    ),
    "a missing file": (
        lambda folder: (folder / "validation_benchmark_models.parquet").unlink(),
        "validation_benchmark_models.parquet: expected the file, found none",
    ),
    "a file that is none": (
        lambda folder: write(folder / "live.parquet", "junk"),
        "live.parquet: expected what can be read",
    ),
    "the benchmark": (
        lambda folder: write(folder / "benchmark.json", "{}"),
        "benchmark.json: expected",
    ),
    "a further file": (
        lambda folder: write(folder / "more.parquet", "x"),
        "more.parquet: expected no file that the manifest does not name",
    ),
    "an era less": (
        changed("train.parquet", lambda frame: frame[frame["era"] != "0001"]),
        "train.parquet: era 0001: expected",
    ),
}


def test_a_version_is_what_its_manifest_says(version: Path) -> None:
    assert list(problems(version)) == []
    main, targets = read_manifest(version).target, pd.read_parquet(version / "live.parquet")
    np.testing.assert_array_equal(targets["target"], targets[f"target_{main}"])


@pytest.mark.parametrize("harm", HARMS)
def test_whatever_was_changed_in_a_version_is_named(version: Path, tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "v1.0"
    shutil.copytree(version, folder)
    do, expected = HARMS[harm]
    do(folder)
    assert any(expected in problem for problem in problems(folder)), list(problems(folder))


@pytest.mark.parametrize(
    "change", [{"format": True}, {"files": ["a"]}, {"files": {"train.parquet": 1}}, {"eras": 1}]
)
def test_a_manifest_of_other_types_is_none(version: Path, tmp_path: Path, change: dict[str, object]) -> None:
    document = json.loads((version / "manifest.json").read_text()) | change
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match="expected a manifest of"):
        list(problems(tmp_path))


def test_a_manifest_that_names_other_files_reads_none_of_them(version: Path, tmp_path: Path) -> None:
    document = json.loads((version / "manifest.json").read_text())
    document["files"] = {"../secret": "00"}
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    assert list(problems(tmp_path)) == ["manifest.json: expected files of a data set, found ../secret"]
