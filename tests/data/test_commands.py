"""``cupel data``: from a CSV of one's own to files, compared, checked, attacked and reported on."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from scorer.cli import app
from scorer.storage.bundle import Bundle
from tests.data.test_weekly import RECIPE, RULES, SOURCE, prices


def cupel(*arguments: object, code: int = 0) -> str:
    found = CliRunner().invoke(app, ["data", *map(str, arguments)])
    assert found.exit_code == code, found.output
    return found.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of one's own with raw data, documents, a key and a version."""
    path = tmp_path_factory.mktemp("own")
    for name, text in {"recipe": RECIPE, "rules": RULES, "source": SOURCE}.items():
        (path / f"{name}.toml").write_text(text)
    prices(path, 200)
    cupel("key", "new", "--out", path / "data.key")
    cupel("build", *documents(path), "--version", "v1.0", "--out", path / "versions", "--csv")
    return path


def documents(path: Path) -> list[object]:
    return ["--recipe", path / "recipe.toml", "--source", path / "source.toml", "--key", path / "data.key"]


def test_a_recipe_and_raw_data_are_described(folder: Path) -> None:
    assert "3 features, targets raw20\ncoins: valid, recipe hash " in cupel("recipe", folder / "recipe.toml")
    output = cupel("panel", "--source", folder / "source.toml")
    assert "30 names, 200 sessions from 2020-01-01 to 2020-07-18" in output
    described = json.loads(cupel("recipe", folder / "recipe.toml", "--json"))
    assert (described["name"], described["features"], described["targets"]) == ("coins", 3, ["raw20"])
    raw = json.loads(cupel("panel", "--source", folder / "source.toml", "--json"))
    assert (raw["names"], raw["sessions"], raw["last"]) == (30, 200, "2020-07-18")
    assert raw["digest"] in output


def test_a_version_is_built_with_its_live_era_as_csv(folder: Path) -> None:
    live = pd.read_csv(folder / "versions/v1.0/live.csv", index_col="id")
    pd.testing.assert_index_equal(live.index, pd.read_parquet(folder / "versions/v1.0/live.parquet").index)


def test_a_version_is_checked_against_its_manifest(folder: Path, tmp_path: Path) -> None:
    assert "signed by nobody" in cupel("check", folder / "versions/v1.0")
    for path in (folder / "versions/v1.0").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    train = pd.read_parquet(tmp_path / "train.parquet")
    column = next(name for name in map(str, train) if name.startswith("feature_"))
    values = train[column].to_numpy().copy()
    values[5] = (values[5] + 1) % 5
    train[column] = values
    train.to_parquet(tmp_path / "train.parquet")
    assert "train.parquet: era 0001: expected" in cupel("check", tmp_path, code=1)
    document = json.loads(cupel("check", tmp_path, "--json", code=1))
    assert document["signer"] is None
    assert any(line.startswith("train.parquet: era 0001: expected") for line in document["problems"])


def test_versions_are_compared_down_to_values(folder: Path) -> None:
    flipped = folder / "flipped.toml"
    flipped.write_text(RECIPE + "[obfuscation]\nflips = true\n")
    arguments = ["--recipe", flipped, *documents(folder)[2:]]
    built = json.loads(
        cupel("build", *arguments, "--version", "v1.1", "--out", folder / "versions", "--json")
    )
    assert built["folder"] == str(folder / "versions/v1.1")
    assert built["digest"] == json.loads(cupel("check", built["folder"], "--json"))["digest"]
    output = cupel("diff", folder / "versions/v1.0", folder / "versions/v1.1")
    assert output.startswith("recipe: ")
    count = len(output.splitlines()) - 1
    assert output.splitlines()[-1] == f"{count} difference{'s' * (count > 1)}"
    found = cupel("diff", folder / "versions/v1.0", folder / "versions/v1.1", "--json")
    assert json.loads(found)["differences"] == output.splitlines()[:-1]
    assert "no difference" in cupel("diff", folder / "versions/v1.0", folder / "versions/v1.0")


def test_a_members_targets_are_made_and_compared(folder: Path, tmp_path: Path) -> None:
    output = cupel("targets", *documents(folder), "--session", "2020-06-14", "--out", tmp_path)
    assert "era 0018, decided on 2020-06-14: 30 ids" in output
    written = pd.read_parquet(tmp_path / "targets.parquet")
    Bundle(tmp_path).write_universe(tuple(written["id"]))
    assert "era 0018" in cupel("targets", *documents(folder), "--round", tmp_path, "--against", tmp_path)
    ids = Bundle(tmp_path).universe()
    targets = Bundle(tmp_path).targets(ids)
    targets["target_raw20"][4] = 1 - targets["target_raw20"][4] if targets["target_raw20"][4] != 0.5 else 0.0
    Bundle(tmp_path).write_targets(ids, targets)
    output = cupel("targets", *documents(folder), "--round", tmp_path, "--against", tmp_path, code=1)
    assert "target_raw20: ours" in output
    assert "1 differences" in output
    found = cupel("targets", *documents(folder), "--round", tmp_path, "--against", tmp_path, "--json", code=1)
    assert [line in output for line in json.loads(found)["differences"]] == [True]


def test_a_key_says_as_json_where_it_is(tmp_path: Path) -> None:
    assert json.loads(cupel("key", "new", "--out", tmp_path / "key", "--json")) == {
        "written": str(tmp_path / "key")
    }


def test_the_attack_prints_its_table(folder: Path) -> None:
    assert "by chance" in cupel("attack", *documents(folder), "--eras", 2)
    rows = json.loads(cupel("attack", *documents(folder), "--eras", 2, "--json"))
    assert len(rows) == 10
    assert np.mean([row["rows"] for row in rows[:5]]) > 0.5


def test_a_report_is_one_page(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    cupel("report", folder / "versions/v1.0", "--out", folder / "report.html")
    page = (folder / "report.html").read_text()
    assert page.count("<img") >= 5
    assert "benchmark_ridge" in page
    assert "http" not in page


def test_a_report_says_as_json_of_which_version_it_is_and_where(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    version, out = folder / "versions/v1.0", tmp_path / "report.html"
    said = json.loads(cupel("report", version, "--out", out, "--json"))
    checked = json.loads(cupel("check", version, "--json"))
    assert (said["version"], said["digest"], said["written"]) == ("v1.0", checked["digest"], str(out))
    assert said["eras"] > 0
    assert out.is_file()


def test_errors_are_one_line_and_change_nothing(folder: Path) -> None:
    result = CliRunner().invoke(app, ["data", "recipe", str(folder / "none.toml")])
    assert result.exit_code == 1
    assert "expected a recipe in TOML, found No such file" in result.output
    cupel("diff", folder / "versions/v1.0", folder / "nowhere", code=1)
    cupel("targets", *documents(folder), code=1)
