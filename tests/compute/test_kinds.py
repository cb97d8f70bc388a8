"""Each kind of model runs in the sandbox, with what its own environment has."""

import io
import json
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from scorer.compute.job import JobResult, ModelKind, RunOutcome
from scorer.compute.providers.process import ProcessProvider
from scorer.compute.setup import FOLDER, TEMPLATES
from scorer.scoring.exact import Floats
from tests.compute.models import job, result_of, script, write_live

IDS = tuple(f"n{number:03}" for number in range(30))


@pytest.fixture(scope="module")
def provider() -> Iterator[ProcessProvider]:
    made = ProcessProvider()
    yield made
    made.close()


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    write_live(tmp_path / "in", IDS)
    return tmp_path / "in"


def features(inputs: Path) -> Floats:
    """The live data as the models see them."""
    table = pq.read_table(inputs / "live.parquet")
    return np.column_stack([np.asarray(table.column(name)) for name in ("feature_a", "feature_b")])


def ranks(scores: Any) -> list[float]:
    flat = np.asarray(scores).reshape(-1)
    return [float(rank) for rank in (np.argsort(np.argsort(flat)) + 0.5) / len(flat)]


def predictions(result: JobResult) -> list[float]:
    """The predictions of a good run, in the order of the ids."""
    assert result.outcome is RunOutcome.GOOD, (result.reason, result.log.decode())
    read = pq.read_table if result.output.startswith(b"PAR1") else csv.read_csv
    table = read(io.BytesIO(result.output))
    found = dict(zip(table.column("id").to_pylist(), table.column("prediction").to_pylist(), strict=True))
    return [found[name] for name in IDS]


def run(provider: ProcessProvider, inputs: Path, folder: Path, kind: ModelKind, entry: str) -> JobResult:
    key = f"{folder.parent.name}-{folder.name}"
    return result_of(provider, job(inputs, folder, key, kind=kind, entry=entry))


FUNCTIONS = {
    "a series": "def predict(live):\n    return live['feature_a'].rank(pct=True)",
    "a frame": "def predict(live):\n    return live[['feature_a']].rank(pct=True)",
    "numbers": "def predict(live):\n    return live['feature_a'].rank(pct=True).to_numpy()",
    "with benchmarks": "def predict(live, other):\n    assert list(other.index) == list(live.index)\n"
    "    return live['feature_a'].rank(pct=True)",
}


@pytest.mark.parametrize("what", FUNCTIONS)
def test_a_function_returns_predictions_as_numerai_s_uploads_do(
    provider: ProcessProvider, inputs: Path, tmp_path: Path, what: str
) -> None:
    folder = script(tmp_path / "model", FUNCTIONS[what])
    found = predictions(run(provider, inputs, folder, ModelKind.FUNCTION, "model.py:predict"))
    assert np.argsort(found).tolist() == np.argsort(features(inputs)[:, 0]).tolist()


def test_a_notebook_s_cells_run_in_order_without_lines_for_ipython(
    provider: ProcessProvider, inputs: Path, tmp_path: Path
) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# nothing to run"]},
        {
            "cell_type": "code",
            "source": ["%matplotlib inline\n", "!pip install anything\n", "import pandas as pd\n"],
        },
        {"cell_type": "code", "source": "live = pd.read_parquet('/in/live.parquet')\n"},
        {"cell_type": "code", "source": "live['prediction'] = live['feature_b'].rank(pct=True)"},
        {"cell_type": "code", "source": "live[['id', 'prediction']].to_parquet('/out/predictions.parquet')"},
    ]
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.ipynb").write_text(json.dumps({"cells": cells}))
    result = run(provider, inputs, tmp_path / "model", ModelKind.NOTEBOOK, "model.ipynb")
    assert np.argsort(predictions(result)).tolist() == np.argsort(features(inputs)[:, 1]).tolist()
    assert b"left out: %matplotlib inline" in result.log


def test_a_program_that_is_no_python_runs_as_it_is(
    provider: ProcessProvider, inputs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.sh").write_text(
        "#!/bin/sh\nprintf 'id,prediction\\nn000,0.5\\n' > /out/predictions.parquet\n"
    )
    (folder / "model.sh").chmod(0o755)
    result = run(provider, inputs, folder, ModelKind.SCRIPT, "model.sh")
    assert result.output == b"id,prediction\nn000,0.5\n"


def test_safetensors_are_a_network_with_relu_between_its_layers(
    provider: ProcessProvider, inputs: Path, tmp_path: Path
) -> None:
    random = np.random.default_rng(5)
    first, second, bias = random.normal(size=(4, 2)), random.normal(size=(1, 4)), random.normal(size=4)
    (tmp_path / "model").mkdir()
    tensors = {"0.weight": first, "0.bias": bias, "1.weight": second}
    save_file(tensors, tmp_path / "model" / "model.safetensors", {"made": "by the library itself"})
    found = predictions(run(provider, inputs, tmp_path / "model", ModelKind.SAFETENSORS, "model.safetensors"))
    assert found == ranks(np.maximum(features(inputs) @ first.T + bias, 0) @ second.T)


def test_a_pickled_estimator_predicts_from_the_features(
    provider: ProcessProvider, inputs: Path, tmp_path: Path
) -> None:
    from sklearn.linear_model import Ridge

    fitted = Ridge().fit([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 0.8])
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.pkl").write_bytes(pickle.dumps(fitted))
    found = predictions(run(provider, inputs, tmp_path / "model", ModelKind.PICKLE, "model.pkl"))
    assert found == ranks(fitted.predict(features(inputs)))


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.place, "w")


def test_a_hostile_pickle_does_nothing_outside_of_the_sandbox(
    provider: ProcessProvider, inputs: Path, tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.pkl").write_bytes(pickle.dumps(Hostile(str(tmp_path / "written"))))
    assert (
        run(provider, inputs, tmp_path / "model", ModelKind.PICKLE, "model.pkl").outcome is RunOutcome.FAILED
    )
    assert not (tmp_path / "written").exists()


def test_an_onnx_graph_predicts_from_the_features(
    provider: ProcessProvider, inputs: Path, tmp_path: Path
) -> None:
    import onnx
    from onnx import TensorProto, helper

    weight = helper.make_tensor("w", TensorProto.FLOAT, [2, 1], [0.25, -0.5])
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph([node], "linear", [given], [made], [weight])
    (tmp_path / "model").mkdir()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, str(tmp_path / "model" / "model.onnx"))
    found = predictions(run(provider, inputs, tmp_path / "model", ModelKind.ONNX, "model.onnx"))
    assert found == ranks(features(inputs).astype(np.float32) @ np.array([0.25, -0.5], dtype=np.float32))


def test_a_skops_file_is_read_and_one_of_unknown_types_is_refused(
    provider: ProcessProvider, inputs: Path, tmp_path: Path
) -> None:
    import skops.io
    from sklearn.linear_model import Ridge

    fitted = Ridge().fit([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 0.8])
    (tmp_path / "model").mkdir()
    skops.io.dump(fitted, tmp_path / "model" / "model.skops")
    found = predictions(run(provider, inputs, tmp_path / "model", ModelKind.SKOPS, "model.skops"))
    assert found == ranks(fitted.predict(features(inputs)))
    (tmp_path / "other").mkdir()
    skops.io.dump({"model": Path("x")}, tmp_path / "other" / "model.skops")
    assert (
        run(provider, inputs, tmp_path / "other", ModelKind.SKOPS, "model.skops").outcome is RunOutcome.FAILED
    )


@pytest.mark.parametrize("name", ["ridge", "numerai_example"])
def test_a_template_runs_as_it_is(provider: ProcessProvider, inputs: Path, tmp_path: Path, name: str) -> None:
    kind, entry = TEMPLATES[name]
    shutil.copytree(FOLDER / name, tmp_path / name)
    found = predictions(run(provider, inputs, tmp_path / name, ModelKind(kind), entry))
    assert sorted(found) == pytest.approx(((np.arange(len(IDS)) + 0.5) / len(IDS)).tolist())


def test_boosted_trees_predict_once_they_were_trained(
    provider: ProcessProvider, inputs: Path, tmp_path: Path
) -> None:
    import pandas as pd

    from scorer.compute.templates.boosted_trees.train import fit
    from scorer.compute.templates.ridge.train import fit as fit_ridge

    random = np.random.default_rng(2)
    train = pd.DataFrame(random.random((400, 2)), columns=["feature_a", "feature_b"])
    train = train.assign(era=[f"{row // 100:04}" for row in range(400)], target=train["feature_a"].round(1))
    folder = tmp_path / "model"
    shutil.copytree(FOLDER / "boosted_trees", folder)
    import joblib

    joblib.dump(fit(train), folder / "trees.joblib")
    found = predictions(run(provider, inputs, folder, ModelKind.FUNCTION, "model.py:predict"))
    assert np.corrcoef(found, features(inputs)[:, 0])[0, 1] > 0.9
    weights = fit_ridge(train)
    assert weights["feature_a"] > 10 * abs(weights["feature_b"])


LIKE_NUMERAI_S = """
import json, logging, os
import joblib
import numerapi
import pandas as pd
logging.basicConfig(filename="log.txt", filemode="a")
MODEL_ID = os.getenv("MODEL_ID", None)
napi = numerapi.NumerAPI(public_id=os.getenv("NUMERAI_PUBLIC_ID"), secret_key=os.getenv("NUMERAI_SECRET_KEY"))
napi.download_dataset("v5.3/features.json")
names = json.load(open("v5.3/features.json"))["feature_sets"]["small"]
assert os.path.exists(f"./trained_model_{MODEL_ID}")
model = joblib.load(f"./trained_model_{MODEL_ID}")
napi.download_dataset("v5.3/live.parquet")
live = pd.read_parquet("v5.3/live.parquet", columns=names)
ids = pd.read_parquet("v5.3/live.parquet", columns=["id"])["id"] if live.index.name is None else live.index
predictions = pd.DataFrame(model.predict(live), columns=["prediction"], index=pd.Index(ids, name="id"))
predictions["prediction"] = predictions["prediction"].rank(pct=True)
predictions.to_csv("predictions.csv")
napi.upload_predictions("predictions.csv", model_id=MODEL_ID)
"""


def test_a_script_in_numerai_s_form_finds_its_trained_model_and_leaves_an_upload(
    provider: ProcessProvider, inputs: Path, tmp_path: Path
) -> None:
    import joblib
    from sklearn.linear_model import LinearRegression

    folder = script(tmp_path / "model", LIKE_NUMERAI_S)
    fitted = LinearRegression().fit([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 0.8])
    joblib.dump(fitted, folder / "trained_model_7")
    made = job(inputs, folder, "numerai", environment={"CUPEL_MODEL": "7", "CUPEL_ROUND": "3"})
    result = result_of(provider, made)
    assert result.outcome is RunOutcome.GOOD, result.log.decode()
    assert result.output.startswith(b"id,prediction\n")
    assert result.output.count(b"\n") == len(IDS) + 1


def test_what_needs_a_network_is_refused_by_name(
    provider: ProcessProvider, inputs: Path, tmp_path: Path
) -> None:
    folder = script(tmp_path / "model", "import numerapi\nnumerapi.NumerAPI().get_leaderboard()")
    result = run(provider, inputs, folder, ModelKind.SCRIPT, "model.py")
    assert "found get_leaderboard, which needs a network" in result.reason
