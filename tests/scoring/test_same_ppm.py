"""Scores that need a linear solve are the same to the ppm on every kernel and with any number of threads.

docs/scoring.md says why that cannot be proven for each single score, and how rarely it could fail.
"""

import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scorer.scoring as ours
from scorer.scoring.exact import Floats

from .kernels import KERNELS, runnable, runs_here
from .rounds import BINS, SHARES

SETTINGS = [
    {"OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": threads}
    for kernel in KERNELS
    for threads in ("1", "2", "5")
]


def features_of(kind: int, ids: int, rng: np.random.Generator) -> Floats:
    bins = rng.integers(0, 5, (ids, 200)) / 4.0
    scaled = rng.normal(size=(ids, 200)) * np.exp(rng.normal(size=200))
    return [bins, scaled, np.eye(30)[rng.integers(0, 30, ids)]][kind]


@cache
def digest(models: int, ids: int = 1500) -> str:
    """A hash of FNC, TC and MPC, in ppm, of 9 x models scores; a fifth of the submissions have ties."""
    rng = np.random.default_rng(5)
    seen = hashlib.sha256()
    for kind in range(3):
        features, target = features_of(kind, ids, rng), rng.choice(BINS, ids, p=SHARES)
        submissions = rng.random((models, ids))
        submissions[::5] = np.round(submissions[::5], 2)
        stakes = rng.integers(1, 10**12, models).astype(np.uint64)
        seen.update(ours.to_ppm(ours.feature_neutral_scores(submissions, features, target).corr).tobytes())
        seen.update(ours.to_ppm(contributions(submissions, stakes, rng)).tobytes())
        index = pd.RangeIndex(ids)
        portfolio = ours.meta_portfolio_contribution(
            pd.DataFrame(submissions.T, index=index),
            pd.Series(stakes.astype(np.float64)),
            pd.DataFrame(features / 50, index=index),
            pd.Series(1.0, index=index),
            pd.Series(target, index=index),
        )
        seen.update(ours.to_ppm(portfolio.to_numpy()).tobytes())
    return seen.hexdigest()


def contributions(submissions: Floats, stakes: np.ndarray, rng: np.random.Generator) -> Floats:
    ids: int = submissions.shape[1]
    factors = rng.normal(size=(ids, 20)) * 0.05
    neutral_to = np.column_stack([np.eye(11)[rng.integers(0, 11, ids)], factors[:, :3]])
    variance = rng.uniform(0.001, 0.006, ids)
    problem = ours.PortfolioProblem(variance, factors, neutral_to, 20 / ids, 1.0, 2000.0)
    returns = rng.normal(size=ids) / 10
    return ours.true_contribution(submissions, stakes, returns, problem).scores


def digest_under(setting: dict[str, str], models: int) -> str:
    code = f"from {__name__} import digest; print(digest({models}))"
    environment = {**os.environ, **setting, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    "setting", [runnable(each, each["OPENBLAS_CORETYPE"]) for each in SETTINGS[1:9:3]], ids=str
)
def test_a_few_scores_are_the_same(setting: dict[str, str]) -> None:
    assert digest_under(setting, 60) == digest(60)


@pytest.mark.long
def test_ten_thousand_scores_are_the_same() -> None:
    runnable_here = [each for each in SETTINGS if runs_here(each["OPENBLAS_CORETYPE"])]
    assert len({digest_under(setting, 1200) for setting in runnable_here}) == 1
