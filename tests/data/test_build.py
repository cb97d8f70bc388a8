"""Versions are whole or not there, the same to the byte for everyone, and read by a stock script."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from eth_account import Account

from scorer.data.build import Build
from scorer.data.eras import era_digest
from scorer.data.faults import DataError
from scorer.data.layout import PREDICTION
from scorer.data.manifest import SIGNATURE, Manifest, key_file_signer, read_manifest, signer_of_version
from scorer.data.mappers import in_processes, over_dask
from scorer.data.panel import Panel
from scorer.data.recipe import Recipe
from tests.data.markets import KEY, panel, recipe


def build(
    root: Path, version: str = "v1.0", rules: Recipe | None = None, found: Panel | None = None
) -> Manifest:
    return Build(rules or recipe(), KEY, panel() if found is None else found, root, version).run()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one version."""
    folder = tmp_path_factory.mktemp("data")
    build(folder)
    return folder


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a version before, to be copied."""
    folder = tmp_path_factory.mktemp("before")
    build(folder, "v0.9")
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_files_are_those_that_data_scientists_know(root: Path) -> None:
    assert names_in(root / "v1.0") == [
        "benchmark.json",
        "features.json",
        "live.parquet",
        "live_benchmark_models.parquet",
        "live_example_preds.parquet",
        "manifest.json",
        "meta_model.parquet",
        "train.parquet",
        "validation.parquet",
        "validation_benchmark_models.parquet",
        "validation_example_preds.parquet",
    ]
    train = pd.read_parquet(root / "v1.0/train.parquet")
    features = [name for name in map(str, train) if name.startswith("feature_")]
    assert train.index.name == "id"
    assert train.index.is_unique
    assert {str(train[name].dtype) for name in features} == {"int8"}
    assert set(np.unique(train[features])) == {0, 1, 2, 3, 4}
    assert set(train["data_type"]) == {"train"}
    assert [name for name in map(str, train) if name.startswith("target")] == [
        "target",
        "target_sector20",
        "target_beta20",
        "target_rank10",
    ]
    assert (train["target"] == train["target_sector20"]).all()
    assert sorted(train["target"].unique()) == [0, 0.25, 0.5, 0.75, 1]
    assert str(train["target"].dtype) == "float32"
    assert train["era"].is_monotonic_increasing
    assert pd.read_parquet(root / "v1.0/live.parquet")["target"].isna().all()


def test_a_stock_script_runs_unchanged(root: Path, tmp_path: Path) -> None:
    script = Path(__file__).with_name("stock_script.py")
    subprocess.run([sys.executable, script, root / "v1.0", tmp_path], check=True, cwd=tmp_path)
    submission = pd.read_csv(tmp_path / "submission.csv")
    live = pd.read_parquet(root / "v1.0/live.parquet")
    assert list(submission.columns) == ["id", "prediction"]
    assert set(submission["id"]) == set(live.index)


def test_digests_are_of_what_any_reader_reads(root: Path) -> None:
    manifest = read_manifest(root / "v1.0")
    for split in ("train", "validation", "live"):
        table = pq.read_table(root / f"v1.0/{split}.parquet").to_pandas()
        features = [name for name in map(str, table) if name.startswith("feature_")]
        for label, era in table.groupby("era"):
            targets = {
                name[7:]: era[name].to_numpy("float64")
                for name in map(str, table)
                if name.startswith("target_")
            }
            codes = era[features].to_numpy("uint8").T
            assert (
                era_digest(str(label), list(era.index), features, codes, targets)
                == manifest.eras[str(label)].digest
            )


def test_the_same_data_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    build(tmp_path)
    assert contents(tmp_path / "v1.0") == contents(root / "v1.0")


# As numpy names them since 2.4, and before.
NO_SIMD = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL"


@pytest.mark.parametrize(
    "environment",
    [
        {"OPENBLAS_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Nehalem"},
        {"NPY_DISABLE_CPU_FEATURES": NO_SIMD},
    ],
)
def test_another_processor_gives_the_same_bytes(
    root: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    code = (
        "import sys, warnings; warnings.simplefilter('ignore'); from pathlib import Path;"
        "from tests.data.test_build import build; build(Path(sys.argv[1]))"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        check=True,
        env=os.environ | environment,
        cwd=Path(__file__).parents[2],
        stderr=subprocess.PIPE,
    )
    assert contents(tmp_path / "v1.0") == contents(root / "v1.0")


def test_two_processes_give_the_same_bytes(root: Path, tmp_path: Path) -> None:
    Build(recipe(), KEY, panel(), tmp_path, "v1.0", mapper=in_processes(2)).run()
    assert contents(tmp_path / "v1.0") == contents(root / "v1.0")


def test_a_build_that_is_done_is_done_again_for_nothing(root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (root / "v1.0").iterdir()}
    assert build(root) == read_manifest(root / "v1.0")
    assert {path: path.stat().st_mtime_ns for path in (root / "v1.0").iterdir()} == before


def test_a_version_is_never_changed(root: Path) -> None:
    before = contents(root / "v1.0")
    with pytest.raises(
        DataError, match="found one of another recipe; versions are never changed: name a new one"
    ):
        build(root, rules=recipe(obfuscation={"flips": True}))
    with pytest.raises(DataError, match="found one of another panel"):
        build(root, found=panel(days=219))
    assert contents(root / "v1.0") == before


@pytest.mark.parametrize("name", ["", "../v1", ".v1", "v 1", "V1", "a/b"])
def test_a_version_must_have_a_name_of_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="version: expected a name"):
        build(tmp_path, name)


class KilledError(Exception):
    """Stands in for the end of the process."""


STEPS = ["eras", "train", "era", "validation", "live", "features", "benchmark", "manifest", "publish", "tidy"]
TASKS = 2
"""Tasks of ten eras in the test's build."""


@pytest.mark.parametrize("step", STEPS)
def test_a_build_that_is_killed_goes_on_and_leaves_old_versions_whole(
    root: Path, before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr("scorer.data.parts.ERAS_AT_ONCE", 10)
    shutil.copytree(before, tmp_path, dirs_exist_ok=True)
    old, reached = contents(tmp_path / "v0.9"), []

    def kill(name: str) -> None:
        reached.append(name)
        if name == step:
            raise KilledError

    with pytest.raises(KilledError):
        Build(recipe(), KEY, panel(), tmp_path, "v1.0", step=kill).run()
    assert (tmp_path / "v1.0").exists() == (step == "tidy")
    assert contents(tmp_path / "v0.9") == old
    built: list[str] = []
    found = Build(recipe(), KEY, panel(), tmp_path, "v1.0", step=built.append).run()
    assert found.files == read_manifest(root / "v1.0").files
    assert names_in(tmp_path / "v1.0") == names_in(root / "v1.0")
    # Files are written while eras are built: what was built before is not built again.
    assert reached.count("era") + built.count("era") == TASKS


def test_files_are_written_while_eras_are_still_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scorer.data.parts.ERAS_AT_ONCE", 10)
    steps: list[str] = []
    Build(recipe(), KEY, panel(), tmp_path, "v1.0", step=steps.append).run()
    assert steps.count("era") == TASKS
    assert "era" in steps[steps.index("validation") :]


def test_a_build_that_is_killed_by_the_system_goes_on(root: Path, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from scorer.data.build import Build;"
        "from tests.data.markets import *;"
        "kill = lambda step: step == 'validation' and os.kill(os.getpid(), signal.SIGKILL);"
        "Build(recipe(), KEY, panel(), Path(sys.argv[1]), 'v1.0', step=kill).run()"
    )
    here = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, cwd=here)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "v1.0").exists()
    build(tmp_path)
    assert contents(tmp_path / "v1.0") == contents(root / "v1.0")


def test_a_dask_cluster_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        Build(recipe(), KEY, panel(), tmp_path, "v1.0", mapper=over_dask(client)).run()
    assert contents(tmp_path / "v1.0") == contents(root / "v1.0")


def test_every_version_of_a_file_has_another_size(tmp_path: Path) -> None:
    for version in ("v1.0", "v1.1", "v1.2"):
        build(tmp_path, version)
    names = set(names_in(tmp_path / "v1.0")) - {"manifest.json"}
    for name in names:
        assert len({path.stat().st_size for path in tmp_path.glob(f"*/{name}")}) == 3, name
    one, two = (pd.read_parquet(tmp_path / version / "live.parquet") for version in ("v1.0", "v1.2"))
    pd.testing.assert_frame_equal(one, two)


def test_the_operator_signs_the_manifest(tmp_path: Path) -> None:
    account = Account.create()
    key = tmp_path / "operator.key"
    key.write_text(account.key.hex())
    Build(recipe(), KEY, panel(), tmp_path, "v1.0", sign=key_file_signer(key)).run()
    assert signer_of_version(tmp_path / "v1.0") == account.address
    path = tmp_path / "v1.0/manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"train"', b'"trein"', 1))
    with pytest.raises(DataError, match=f"expected the signature of {account.address}"):
        signer_of_version(tmp_path / "v1.0")
    (tmp_path / "v1.0" / SIGNATURE).unlink()
    assert signer_of_version(tmp_path / "v1.0") is None


def test_benchmark_predictions_are_ranks_of_every_id(root: Path) -> None:
    preds = pd.read_parquet(root / "v1.0/live_example_preds.parquet")
    live = pd.read_parquet(root / "v1.0/live.parquet")
    assert list(preds.index) == list(live.index)
    assert preds[PREDICTION].between(0, 1).all()
    assert preds[PREDICTION].nunique() > 30


@pytest.mark.parametrize(("shape", "index"), [("signals", "numerai_ticker"), ("crypto", "symbol")])
def test_open_shapes_name_assets_and_dates(tmp_path: Path, shape: str, index: str) -> None:
    build(tmp_path, rules=recipe(shape=shape, obfuscation={"ids": "open", "features": False}))
    live = pd.read_parquet(tmp_path / "v1.0/live.parquet")
    assert list(live.columns[:3]) == [index, "date", "data_type"]
    assert live[index].str.startswith("C000").all()
    assert set(live["date"]) == {"2020-08-02"}
    assert "feature_momentum_10" in live


def test_feature_sets_name_columns(root: Path) -> None:
    document = json.loads((root / "v1.0/features.json").read_text())
    columns = set(pd.read_parquet(root / "v1.0/live.parquet").columns)
    assert set(document["feature_sets"]) == {"small", "medium", "all"}
    assert len(document["feature_sets"]["small"]) == 3
    assert set(document["feature_sets"]["all"]) <= columns
    assert set(document["targets"]) <= columns
