"""Runs one model inside a sandbox, with nothing but the standard library and the user's own packages.

``python -I -B runner.py KIND ENTRY``: the model's folder is ``/model``, its input ``/in``. It must not import
anything of Cupel: the user's environment need not have it.
"""

import json
import os
import resource
import runpy
import subprocess
import sys
from collections.abc import Callable
from typing import Any

IN = os.environ.get("CUPEL_IN", "/in")
OUT = os.environ.get("CUPEL_OUT", "/out")
MODEL = os.environ.get("CUPEL_MODEL_FOLDER", "/model")
WORK = "/tmp/work"  # noqa: S108 - the sandbox's own
PREDICTIONS = "predictions.parquet"
SHIMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shims")  # noqa: PTH100, PTH118, PTH120


def live() -> Any:
    """Return the live data as a data frame, its index the ids."""
    import pandas

    frame = pandas.read_parquet(os.path.join(IN, "live.parquet"))  # noqa: PTH118
    return frame.set_index("id") if "id" in frame.columns else frame


def features(model: Any = None) -> tuple[list[str], Any]:
    """Return the ids, and the features that a model names, else all, shape (ids, features).

    By pyarrow: importing pandas takes longer than most models.
    """
    import numpy
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(os.path.join(IN, "live.parquet"))  # noqa: PTH118
    named = getattr(model, "feature_names_in_", None)
    names = list(named) if named is not None else [n for n in table.column_names if n.startswith("feature")]
    columns = [numpy.asarray(table.column(name), dtype=numpy.float64) for name in names]
    return [str(name) for name in table.column("id").to_pylist()], numpy.column_stack(columns)


def write_values(ids: list[str], values: Any) -> None:
    """Write a prediction for each id."""
    import pyarrow.parquet

    table = pyarrow.table({"id": ids, "prediction": _flat(values)})
    pyarrow.parquet.write_table(table, os.path.join(OUT, PREDICTIONS))  # noqa: PTH118


def write(predictions: Any, ids: Any) -> None:
    """Write what a function returned: a frame or a series by id, or numbers in the order of the ids."""
    import pandas

    if isinstance(predictions, pandas.DataFrame):
        name = "prediction" if "prediction" in predictions.columns else predictions.columns[-1]
        predictions = predictions[name]
    named = predictions.index if isinstance(predictions, pandas.Series) else ids
    write_values([str(name) for name in named], predictions)


def _flat(values: Any) -> Any:
    import numpy

    return numpy.asarray(values, dtype=numpy.float64).reshape(-1)


def ranked(scores: Any) -> Any:
    """Return the ranks of scores, scaled into (0, 1): what a regression says may be any number."""
    import numpy

    flat = _flat(scores)
    return (numpy.argsort(numpy.argsort(flat, kind="stable"), kind="stable") + 0.5) / len(flat)


def _path(entry: str) -> str:
    return os.path.join(MODEL, entry)  # noqa: PTH118


def run_function(entry: str) -> None:
    """Call ``file.py:name`` with the live data, as Numerai's model uploads are called."""
    file, _, name = entry.partition(":")
    function = runpy.run_path(_path(file))[name or "predict"]
    frame = live()
    write(_called(function, frame), frame.index)


def _called(function: Callable[..., Any], frame: Any) -> Any:
    """Call with as many arguments as it takes: live data, and an empty frame of benchmark models."""
    import inspect

    import pandas

    takes = [
        each
        for each in inspect.signature(function).parameters.values()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) and each.default is each.empty
    ]
    return function(frame, *([pandas.DataFrame(index=frame.index)] if len(takes) > 1 else []))


def _work() -> None:
    """Go to a folder that can be written and shows the model's files, as scripts expect of where they run."""
    os.makedirs(WORK)  # noqa: PTH103
    for name in os.listdir(MODEL):  # noqa: PTH208
        os.symlink(_path(name), os.path.join(WORK, name))  # noqa: PTH118, PTH211
    os.chdir(WORK)
    os.environ.setdefault("MODEL_ID", os.environ.get("CUPEL_MODEL", "0"))


def run_script(entry: str) -> None:
    """Run a Python script as the main program, or any other file as a program of its own."""
    _work()
    if entry.endswith(".py"):
        sys.argv = [_path(entry)]
        runpy.run_path(_path(entry), run_name="__main__")
        return
    done = subprocess.run([_path(entry)], check=False)  # noqa: S603 - that is what the sandbox is for
    sys.exit(done.returncode)


def run_notebook(entry: str) -> None:
    """Run the code cells of a notebook in order; lines for IPython alone are left out."""
    _work()
    with open(_path(entry), encoding="utf-8") as file:  # noqa: PTH123
        cells = json.load(file)["cells"]
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(cells, start=1):
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            exec(compile(_without_magics(source, number), f"{entry}[{number}]", "exec"), names)  # noqa: S102


def _without_magics(source: str, number: int) -> str:
    lines: list[str] = []
    for line in source.splitlines():
        is_magic = line.lstrip().startswith(("%", "!"))
        if is_magic:
            print(f"cell {number}: left out: {line.strip()}", file=sys.stderr)  # noqa: T201
        lines.append(f"{line[: len(line) - len(line.lstrip())]}pass" if is_magic else line)
    return "\n".join(lines)


def run_onnx(entry: str) -> None:
    """Run an ONNX graph of one input, the features as float32, whose first output of numbers is taken."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    session = onnxruntime.InferenceSession(_path(entry), options, providers=["CPUExecutionProvider"])
    ids, given = features()
    (found, *_) = session.run(None, {session.get_inputs()[0].name: given.astype(numpy.float32)})
    write_values(ids, ranked(found))


def run_skops(entry: str) -> None:
    """Run an estimator of scikit-learn that skops stored; unknown types are refused, as none is trusted."""
    import skops.io

    _run_estimator(skops.io.load(_path(entry), trusted=[]))


def run_pickle(entry: str) -> None:
    """Run a pickled function or estimator: code of whoever wrote it, for which the sandbox is there."""
    import pickle

    with open(_path(entry), "rb") as file:  # noqa: PTH123
        model = pickle.load(file)  # noqa: S301
    if hasattr(model, "predict"):
        _run_estimator(model)
        return
    frame = live()
    write(_called(model, frame), frame.index)


def _run_estimator(model: Any) -> None:
    ids, given = features(model)
    write_values(ids, ranked(model.predict(given)))


def run_safetensors(entry: str) -> None:
    """Run a network whose tensors are ``N.weight`` (out, in) and ``N.bias``, with ReLU between the layers."""
    import numpy

    tensors = _tensors(_path(entry))
    layers = sorted({int(name.partition(".")[0]) for name in tensors})
    ids, values = features()
    for place, layer in enumerate(layers):
        values = numpy.maximum(values, 0.0) if place else values
        values = values @ tensors[f"{layer}.weight"].T + tensors.get(f"{layer}.bias", 0.0)
    write_values(ids, ranked(values))


def _tensors(path: str) -> dict[str, Any]:
    """Read a file of safetensors: eight bytes of a length, a JSON header, and the numbers."""
    import numpy

    kinds = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
    with open(path, "rb") as file:  # noqa: PTH123
        content = file.read()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    tensors: dict[str, Any] = {}
    for name, about in header.items():
        begin, end = about["data_offsets"]
        flat = numpy.frombuffer(content[start + begin : start + end], kinds[about["dtype"]])
        tensors[name] = flat.reshape(about["shape"]).astype(numpy.float64)
    return tensors


RUN = {
    "function": run_function,
    "script": run_script,
    "notebook": run_notebook,
    "onnx": run_onnx,
    "skops": run_skops,
    "safetensors": run_safetensors,
    "pickle": run_pickle,
}


def _limit_processes() -> None:
    """Limit processes inside of the sandbox: outside of it, those of the whole user would count."""
    most = int(os.environ.pop("CUPEL_PROCESSES", "0"))
    if most:
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def main() -> None:
    """Run the model that the command line names."""
    kind, entry = sys.argv[1:]
    _limit_processes()
    # After the standard library: a model's folder must not replace what the runner itself imports.
    sys.path[:0] = [MODEL, SHIMS]
    RUN[kind](entry)


if __name__ == "__main__":
    main()
