"""The weekly loop does what is left to do, whenever it looks, and no more."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scorer.data.obfuscation import new_key
from scorer.data.recipe import load_recipe
from scorer.data.weekly import Weekly
from scorer.data.weekly_document import load_weekly
from scorer.operator.plans import PlanFolder
from scorer.storage.bundle import Bundle
from scorer.storage.interim_files import day_bundle, known_days
from tests.data.markets import market

DAYS = 240
START = datetime(2020, 1, 1, tzinfo=UTC)
RECIPE = """
version = 1
name = "coins"
calendar = "24/7"
[universe]
history = 40
[[features]]
kind = "momentum"
windows = [10, 40]
[[features]]
kind = "volatility"
windows = [20]
[[targets]]
name = "raw20"
sessions = 20
lag = 2
[splits]
validation = "2020-05-01"
"""
RULES = """
version = 1
name = "coins"
scoring = 1
[[factors]]
score = "corr"
target = "target_raw20"
multiplier = "1"
[stake]
cap = "0.05"
threshold = "72000"
minimum_position = "0.01"
[horizon]
sessions = 20
lag = 2
[schedule]
calendar = "24/7"
timezone = "UTC"
resolve_hours = 2
report_days = 14
[[schedule.windows]]
days = ["monday"]
opens_at = "12:00"
closes_at = "20:00"
days_open = 0
"""
CONFIG = """
version = "v1.0"
source = "source.toml"
recipe = "recipe.toml"
key = "data.key"
versions = "versions"
rules = "rules.toml"
plans = "plans"
rounds = "rounds"
targets = "targets"
"""
SOURCE = """
version = 1
calendar = "24/7"
[[tables]]
kind = "csv"
path = "prices.csv"
fields = { close = "close" }
"""


def prices(folder: Path, until: int, revised: float = 1.0) -> None:
    """Raw data up to a day, with one price revised."""
    close = market(names=30, days=DAYS)["close"][:until].copy()
    close[100, 5] *= revised
    days = [(START + timedelta(days=n)).date().isoformat() for n in range(until)]
    frame = pd.DataFrame(close, index=days, columns=[f"A{n:02d}" for n in range(30)])
    frame.rename_axis("date").reset_index().melt("date", var_name="name", value_name="close").to_csv(
        folder / "prices.csv", index=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"recipe": RECIPE, "rules": RULES, "config": CONFIG, "source": SOURCE}
    for name, text in files.items():
        (tmp_path / f"{name}.toml").write_text(text)
    new_key(tmp_path / "data.key")
    (tmp_path / "rounds").mkdir()
    return tmp_path


def look(folder: Path, day: int, hour: int = 1) -> list[str]:
    """Look at an hour of the day after a session's."""
    now = int((START + timedelta(days=day + 1, hours=hour)).timestamp())
    return Weekly(load_weekly(folder / "config.toml"), folder, now).run()


# 2020-06-21, a Sunday, is day 172.
SUNDAY = 172


def test_a_first_look_builds_plans_and_a_second_does_nothing(folder: Path) -> None:
    prices(folder, SUNDAY + 1)
    lines = look(folder, SUNDAY)
    assert [line.split(",")[0].split(": ")[0] for line in lines] == [
        f"built {folder}/versions/v1.0",
        f"built {folder}/versions/v1.0.live/0019",
        "planned the round of era 0019",
    ]
    assert look(folder, SUNDAY) == []
    live = pd.read_parquet(folder / "versions/v1.0.live/0019/live.parquet")
    assert len(live) == 30
    preds = pd.read_parquet(folder / "versions/v1.0.live/0019/live_example_preds.parquet")
    assert list(preds.index) == list(live.index)


def test_the_operator_reads_the_plan_and_the_rules_name_the_recipe(folder: Path) -> None:
    prices(folder, SUNDAY + 1)
    look(folder, SUNDAY)
    alarms: list[tuple[str, str]] = []
    (plan,) = PlanFolder(folder / "plans").plans(lambda *alarm: alarms.append(alarm))
    assert not alarms
    assert datetime.fromtimestamp(plan.open_at, UTC).isoformat() == "2020-06-22T12:00:00+00:00"
    assert plan.rules.data == load_recipe(folder / "recipe.toml").hash()
    live = pd.read_parquet(folder / "versions/v1.0.live/0019/live.parquet")
    assert Bundle(plan.folder).universe() == tuple(sorted(live.index))


def test_a_session_that_is_not_over_does_not_count(folder: Path) -> None:
    prices(folder, SUNDAY + 1)
    lines = look(folder, SUNDAY - 1, hour=20)
    assert f"built {folder}/versions/v1.0.live/0018, decided on 2020-06-14" in lines


def test_downtime_is_caught_up(folder: Path) -> None:
    prices(folder, SUNDAY + 1)
    look(folder, SUNDAY)
    universe = Bundle(folder / "plans/0019").universe()
    (folder / "rounds/7").mkdir()
    Bundle(folder / "rounds/7").write_universe(universe)
    assert look(folder, SUNDAY) == []
    prices(folder, SUNDAY + 15)
    lines = look(folder, SUNDAY + 14)
    assert [line.split(",")[0] for line in lines] == [
        f"built {folder}/versions/v1.0.live/0021",
        "planned the round of era 0021",
        "wrote the interim targets of round 7",
    ]
    prices(folder, SUNDAY + 30)
    lines = look(folder, SUNDAY + 29)
    assert "wrote the targets of round 7, of era 0019" in lines
    targets = Bundle(folder / "targets/7").targets(universe)["target_raw20"]
    assert sorted(np.unique(targets)) == [0, 0.25, 0.5, 0.75, 1]
    assert look(folder, SUNDAY + 29) == []


def test_a_plan_whose_window_is_over_is_not_made(folder: Path) -> None:
    prices(folder, SUNDAY + 1)
    assert not any("planned" in line for line in look(folder, SUNDAY, hour=30))


def test_revised_raw_data_is_told_with_the_eras_it_touches(folder: Path) -> None:
    prices(folder, SUNDAY + 1)
    look(folder, SUNDAY)
    before = {path: path.read_bytes() for path in (folder / "versions/v1.0").iterdir()}
    prices(folder, SUNDAY + 1, revised=1.1)
    (line,) = look(folder, SUNDAY)
    assert line.startswith("3 values of the raw data were revised, which touches ")
    assert "2020-04-10,A05,price," in (folder / "versions/revisions.csv").read_text()
    assert look(folder, SUNDAY) == []
    assert {path: path.read_bytes() for path in (folder / "versions/v1.0").iterdir()} == before


def test_live_files_of_successive_weeks_differ_in_size(folder: Path) -> None:
    for week in range(3):
        prices(folder, SUNDAY + 7 * week + 1)
        look(folder, SUNDAY + 7 * week)
    for name in ("live.parquet", "live_example_preds.parquet", "live_benchmark_models.parquet"):
        assert len({path.stat().st_size for path in folder.glob(f"versions/**/{name}")}) == 4, name


def test_a_round_that_is_of_no_era_is_told(folder: Path) -> None:
    prices(folder, SUNDAY + 1)
    (folder / "rounds/3").mkdir()
    Bundle(folder / "rounds/3").write_universe(("x1", "x2"))
    expected = "round 3: round: expected an era of coins with its 2 ids"
    assert any(line.startswith(expected) for line in look(folder, SUNDAY))


def test_manifests_of_live_eras_are_whole(folder: Path) -> None:
    prices(folder, SUNDAY + 1)
    look(folder, SUNDAY)
    manifest = json.loads((folder / "versions/v1.0.live/0019/manifest.json").read_text())
    assert manifest["eras"]["0019"]["rows"] == 30
    assert manifest["version"] == "v1.0.live.0019"


def test_targets_of_rounds_that_run_are_written_session_by_session(folder: Path) -> None:
    prices(folder, SUNDAY + 1)
    look(folder, SUNDAY)
    (plan,) = (folder / "plans").iterdir()
    published = folder / "rounds" / "1"
    published.mkdir()
    Bundle(published).write_universe(Bundle(plan).universe())
    for days in (2, 3, 4):
        prices(folder, SUNDAY + 1 + days)
        done = look(folder, SUNDAY + days)
        found = known_days(folder / "targets" / "1")
        assert sorted(found) == list(range(1, days - 1))
        assert any("interim targets of round 1" in line for line in done) == (days > 2)
    assert look(folder, SUNDAY + 4) == []
    assert found[2].session == (START + timedelta(days=SUNDAY + 4)).date().isoformat()
    targets = day_bundle(folder / "targets" / "1", 2).targets(Bundle(plan).universe())
    assert np.isfinite(targets["target_raw20"]).all()
