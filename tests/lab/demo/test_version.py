"""A version of the demo's prices is one that scripts for Numerai take as it is."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

from scorer.cli import app
from scorer.data.obfuscation import new_key
from scorer.lab.dataset import RECIPE, SOURCE
from scorer.lab.demo.dataset import FOLDER
from scorer.scoring import numerai_corr

SCRIPT = Path(__file__).parents[2] / "data/stock_script.py"


def test_a_stock_script_runs_unchanged_on_a_build_from_the_demos_prices(tmp_path: Path) -> None:
    new_key(tmp_path / "data.key")
    documents = ["--recipe", FOLDER / RECIPE, "--source", FOLDER / SOURCE, "--key", tmp_path / "data.key"]
    arguments = ["data", "build", *documents, "--version", "v1.0", "--out", tmp_path / "versions", "--csv"]
    built = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert built.exit_code == 0, built.output
    version = tmp_path / "versions/v1.0"
    subprocess.run([sys.executable, SCRIPT, version, tmp_path], check=True, cwd=tmp_path)
    submission = pd.read_csv(tmp_path / "submission.csv", index_col="id")["prediction"]
    live = pd.read_parquet(version / "live.parquet")
    assert set(submission.index) == set(live.index)
    assert len(live) == 452
    assert submission.nunique() > 300
    validation = pd.read_parquet(version / "validation.parquet").join(
        pd.read_parquet(version / "validation_benchmark_models.parquet")["benchmark_ridge"]
    )
    scores = [
        numerai_corr(era[["benchmark_ridge"]], era["target"])["benchmark_ridge"]
        for _, era in validation.groupby("era")
    ]
    # Real prices reward the ridge out of its sample: an era's target is not shuffled against its ids.
    assert len(scores) > 50
    assert pd.Series(scores).mean() > 0.005
