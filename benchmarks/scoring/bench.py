"""Speed of the scores against numerai-tools and numpy's argsort, on the same data in the same process.

Everything is warmed up once and then timed several times; the smallest time counts. Keys with ``cpu`` are CPU
seconds, which a busy machine changes less. Writes build/bench/scoring.json. ``corr_mmc_vs_argsort`` is
against argsort by id of the (ids, models) matrix that the reference is given, ``corr_mmc_vs_argsort_rowwise``
against that of the (models, ids) one that ours is. Run as ``python benchmarks/scoring/bench.py`` with the
names of parts to run only those: corr_mmc, fnc, tc, stream.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

import scorer.scoring as ours
from scorer.protocol.predictions import PredictionFile, PredictionRows, header
from scorer.scoring import summers

IDS = 6000
MOST_COMPARED = 10_000
"""Likeness grows with the square of the models: larger rounds are streamed without it."""

BINS, SHARES = (0.0, 0.25, 0.5, 0.75, 1.0), (0.05, 0.2, 0.5, 0.2, 0.05)
OUT = Path("build/bench/scoring.json")


def clocked(work: Callable[[], Any], times: int) -> tuple[float, float]:
    """Seconds by the wall and of the CPU, each of the fastest of several runs after one to warm up."""
    work()
    runs = []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        runs.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(wall for wall, _ in runs), min(cpu for _, cpu in runs)


def smallest(work: Callable[[], Any], times: int = 5) -> float:
    """Seconds of the fastest of several runs."""
    return clocked(work, times)[0]


def with_cpu(name: str, work: Callable[[], Any], times: int) -> dict[str, float]:
    """Seconds by the wall and of the CPU, by name."""
    wall, cpu = clocked(work, times)
    return {f"{name}_s": wall, f"{name}_cpu_s": cpu}


@contextmanager
def adding_up(*, compiled: bool) -> Iterator[None]:
    """Score by the compiled pass meanwhile, where numba is installed, or by numpy alone."""
    before = summers.COMPILED_AFTER
    summers.COMPILED_AFTER = 0 if compiled else sys.maxsize
    try:
        yield
    finally:
        summers.COMPILED_AFTER = before


def make_round(models: int, ids: int = IDS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    submissions, target = rng.random((models, ids)), rng.choice(BINS, ids, p=SHARES)
    stakes = rng.integers(10**9, 10**12, models).astype(np.uint64)
    return submissions, target, ours.stake_weighted_meta_model(submissions, stakes)


def frames(submissions: np.ndarray, target: np.ndarray) -> tuple[pd.DataFrame, pd.Series]:
    ids = pd.Index([f"n{row:015x}" for row in range(submissions.shape[1])])
    columns = [f"model_{row}" for row in range(len(submissions))]
    return pd.DataFrame(submissions.T, index=ids, columns=columns), pd.Series(
        target, index=ids, name="target"
    )


def time_corr_mmc(
    submissions: np.ndarray, target: np.ndarray, meta: np.ndarray, times: int
) -> dict[str, float]:
    """Seconds of CORR and MMC as arrays, in one thread, with ties, and as pandas' tables."""
    predictions, targets = frames(submissions, target)
    meta_model = pd.Series(meta, index=predictions.index, name="meta_model")
    tied = np.round(submissions, 3)
    found = with_cpu("corr_mmc", lambda: ours.score_submissions(submissions, target, meta), times)
    found["corr_mmc_one_thread_s"] = smallest(
        lambda: ours.score_submissions(submissions, target, meta, threads=1), times
    )
    found["corr_mmc_ties_s"] = smallest(lambda: ours.score_submissions(tied, target, meta), times)
    found["corr_mmc_pandas_s"] = smallest(
        lambda: (
            ours.numerai_corr(predictions, targets),
            ours.correlation_contribution(predictions, meta_model, targets),
        ),
        times,
    )
    return found


def bench_corr_mmc(models: int, times: int) -> dict[str, float]:
    import numerai_tools.scoring as reference

    submissions, target, meta = make_round(models)
    predictions, targets = frames(submissions, target)
    meta_model = pd.Series(meta, index=predictions.index, name="meta_model")
    with adding_up(compiled=False):
        found = with_cpu("corr_mmc_numpy", lambda: ours.score_submissions(submissions, target, meta), times)
    with adding_up(compiled=True):
        found |= time_corr_mmc(submissions, target, meta, times)
    by_id = np.ascontiguousarray(submissions.T)
    found["argsort_s"] = smallest(lambda: np.argsort(by_id, axis=0), times)
    found["argsort_rowwise_s"] = smallest(lambda: np.argsort(submissions, axis=1), times)
    found |= with_cpu(
        "corr_mmc_reference",
        lambda: (
            reference.numerai_corr(predictions, targets),
            reference.correlation_contribution(predictions, meta_model, targets),
        ),
        times,
    )
    again = ours.score_submissions(submissions, target, meta)
    expected = reference.numerai_corr(predictions, targets).to_numpy()
    found["corr_difference"] = float(np.abs(again.corr - expected).max())
    expected = reference.correlation_contribution(predictions, meta_model, targets).to_numpy()
    found["mmc_difference"] = float(np.abs(again.mmc - expected).max())
    found["corr_mmc_speedup"] = found["corr_mmc_reference_s"] / found["corr_mmc_s"]
    found["corr_mmc_numpy_speedup"] = found["corr_mmc_reference_s"] / found["corr_mmc_numpy_s"]
    found["corr_mmc_compiled"] = float(summers.compiled_pass() is not None)
    found["corr_mmc_compiled_vs_numpy"] = found["corr_mmc_numpy_s"] / found["corr_mmc_s"]
    found["corr_mmc_cpu_speedup"] = found["corr_mmc_reference_cpu_s"] / found["corr_mmc_cpu_s"]
    found["corr_mmc_vs_argsort"] = found["corr_mmc_s"] / found["argsort_s"]
    found["corr_mmc_vs_argsort_rowwise"] = found["corr_mmc_s"] / found["argsort_rowwise_s"]
    return found


def bench_fnc(models: int, times: int, width: int = 2700) -> dict[str, float]:
    import numerai_tools.scoring as reference

    submissions, target, _ = make_round(models)
    features = np.random.default_rng(1).integers(0, 5, (IDS, width)) / 4.0
    predictions, targets = frames(submissions, target)
    table = pd.DataFrame(features, index=predictions.index, columns=[f"f{i}" for i in range(width)])
    coefficients = np.random.default_rng(2).normal(size=(models, width))
    found = with_cpu("fnc", lambda: ours.feature_neutral_scores(submissions, features, target), times)
    products: tuple[Callable[[], Any], ...] = (
        lambda: features.T @ features,
        lambda: submissions @ features,
        lambda: coefficients @ features.T,
    )
    walls, cpus = zip(*(clocked(product, times) for product in products), strict=True)
    found |= {"fnc_products_floor_s": sum(walls), "fnc_products_floor_cpu_s": sum(cpus)}
    found |= with_cpu("fnc_reference", lambda: reference.feature_neutral_corr(predictions, table, targets), 1)
    found["fnc_cpu_speedup"] = found["fnc_reference_cpu_s"] / found["fnc_cpu_s"]
    found["fnc_cpu_vs_floor"] = found["fnc_cpu_s"] / found["fnc_products_floor_cpu_s"]
    found["fnc_speedup"] = found["fnc_reference_s"] / found["fnc_s"]
    found["fnc_vs_floor"] = found["fnc_s"] / found["fnc_products_floor_s"]
    return found


def bench_tc(models: int, times: int, assets: int = 3000) -> dict[str, float]:
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(assets, 40)) * 0.05
    neutral_to = np.column_stack([np.eye(11)[rng.integers(0, 11, assets)], factors[:, :3]])
    problem = ours.PortfolioProblem(
        rng.uniform(0.001, 0.006, assets), factors, neutral_to, 20 / assets, 1.0, 2000.0
    )
    submissions, returns = rng.random((models, assets)), rng.normal(size=assets) / 10
    stakes = rng.integers(10**9, 10**12, models).astype(np.uint64)
    signal = rng.normal(size=assets) / 40
    found = {
        "tc_s": smallest(lambda: ours.true_contribution(submissions, stakes, returns, problem), times),
        "tc_solve_s": smallest(lambda: ours.optimise(problem, signal), times),
    }
    found["tc_vs_solve"] = found["tc_s"] / found["tc_solve_s"]
    return found


def stream(path: str) -> dict[str, float]:
    """Score a round from disk; run in a process of its own, so that the peak memory is its own.

    Read as a member reads it: the pages of a memory map would count as this process's memory.
    """
    stored = PredictionFile(Path(path))
    submissions = PredictionRows(stored.rows(), stored.shape[1])
    rng = np.random.default_rng(0)
    target = rng.choice(BINS, submissions.shape[1], p=SHARES)
    stakes = np.ones(len(submissions), dtype=np.uint64)
    meta = ours.stake_weighted_meta_model(submissions, stakes)
    found = {
        "meta_model_s": smallest(lambda: ours.stake_weighted_meta_model(submissions, stakes)),
        "scores_s": smallest(lambda: ours.score_submissions(submissions, target, meta, with_cwmm=True)),
    }
    if len(submissions) <= MOST_COMPARED:
        start = time.perf_counter()
        ours.likeness(submissions)
        found["likeness_s"] = time.perf_counter() - start
    found["all_s"] = sum(found.values())
    return found | {"peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def bench_stream(sizes: tuple[int, ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    for models in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "submissions.npy"
            rng = np.random.default_rng(0)
            with path.open("wb") as file:
                file.write(header(models, IDS))
                for begin in range(0, models, 1000):
                    file.write(rng.random((min(1000, models - begin), IDS)).tobytes())
            command = [sys.executable, __file__, "--stream-from", str(path)]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        measured = json.loads(printed)
        found |= {f"stream_{models}_{name}": value for name, value in measured.items()}
        # Averaging and scoring: likeness grows with the square of the models.
        cost = measured["meta_model_s"] + measured["scores_s"]
        found[f"stream_{models}_us_per_model"] = cost / models * 1e6
    costs = [found[f"stream_{models}_us_per_model"] for models in sizes]
    return found | {"stream_dearest_to_cheapest_model": max(costs) / min(costs)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["corr_mmc", "fnc", "tc", "stream"])
    parser.add_argument("--models", type=int, default=2000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 10_000, 50_000])
    parser.add_argument("--stream-from", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stream_from:
        with adding_up(compiled=True):
            print(json.dumps(stream(arguments.stream_from)))
        return
    parts: dict[str, Callable[[], dict[str, float]]] = {
        "corr_mmc": lambda: bench_corr_mmc(arguments.models, arguments.times),
        "fnc": lambda: bench_fnc(arguments.models, arguments.times),
        "tc": lambda: bench_tc(arguments.models, arguments.times),
        "stream": lambda: bench_stream(tuple(arguments.sizes)),
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = json.loads(OUT.read_text()) if OUT.exists() else {}
    found |= {"models": arguments.models, "ids": IDS, "numpy": np.__version__}
    for part in arguments.parts:
        measured = parts[part]()
        found |= measured
        OUT.write_text(json.dumps(found, indent=1) + "\n")
        for name, value in measured.items():
            print(f"{name:36} {value:.4g}")


if __name__ == "__main__":
    with threadpool_limits(None):
        main()
