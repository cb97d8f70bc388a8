"""The demo's data set is one of `scorer.data`: real prices, and no era that knows what comes after it."""

import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from scorer.cli import app
from scorer.data.panel import Panel
from scorer.data.rounds import Rebuilder
from scorer.data.sources.assemble import load_panel
from scorer.lab.dataset import KEY_FILE, RECIPE, SOURCE, load_dataset, write_dataset
from scorer.lab.demo.dataset import FOLDER, SPLITS, Era, demo_rules, era_of, known_eras, without_a_split
from scorer.lab.demo.strategies import FeatureSets
from scorer.lab.demo.weeks import live_eras
from scorer.protocol.rules import Rules, preset
from scorer.storage.bundle import Bundle


@pytest.fixture(scope="module")
def rules(rebuilder: Rebuilder) -> Rules:
    return demo_rules(rebuilder.recipe)


def daily_return(panel: Panel, name: str, day: str) -> float:
    session, place = panel.sessions.index(date.fromisoformat(day)), panel.names.index(name)
    return float(np.expm1((panel.growth[session, place] - panel.growth[session - 1, place]) / 2**32))


def test_every_split_of_the_prices_is_found_or_on_record(rebuilder: Rebuilder) -> None:
    report = load_panel(FOLDER / SOURCE).report
    found = [fault for fault in report.faults if fault.done.startswith("split")]
    on_record = pd.read_csv(FOLDER / SPLITS)
    assert (len(found), len(on_record)) == (196, 8)
    for row in on_record.itertuples():
        assert abs(daily_return(rebuilder.panel, str(row.name), str(row.date))) < 0.2


@pytest.mark.parametrize(
    ("name", "day", "fall"),
    [
        ("MRK", "2004-09-30", -0.267),
        ("MMC", "2004-10-14", -0.244),
        ("BIIB", "2005-02-28", -0.425),
        ("NVDA", "2004-08-06", -0.352),
    ],
)
def test_bad_news_is_not_taken_for_a_split(rebuilder: Rebuilder, name: str, day: str, fall: float) -> None:
    assert daily_return(rebuilder.panel, name, day) == pytest.approx(fall, abs=0.002)


def test_there_is_one_era_a_week_from_the_second_year_on(eras: tuple[Era, ...]) -> None:
    weeks = [era.day.isocalendar()[:2] for era in eras]
    assert len(set(weeks)) == len(eras) == 204
    assert [era.number for era in eras] == list(range(1, 205))
    assert (eras[0].day, eras[-1].day) == (date(2004, 1, 2), date(2007, 11, 23))


def test_an_era_has_all_stocks_and_targets_in_numerais_bins(eras: tuple[Era, ...]) -> None:
    for era in eras[::20]:
        assert era.ids.is_monotonic_increasing
        assert era.target.index.equals(era.ids)
        assert era.features.isin([0, 0.25, 0.5, 0.75, 1]).all(axis=None)
        assert era.target.value_counts().sort_index().tolist() == [23, 90, 226, 90, 23]


def test_ids_change_with_the_era(eras: tuple[Era, ...]) -> None:
    assert not set(eras[10].ids) & set(eras[11].ids)


def test_the_target_is_neutral_to_sectors(rebuilder: Rebuilder) -> None:
    for era in rebuilder.known[::40]:
        table = rebuilder.of(era).table
        group = rebuilder.panel.groups["sector"]
        codes = group.codes[era.session, [rebuilder.panel.names.index(name) for name in table.names]]
        target = pd.Series(table.targets["20d2l"])
        # The smallest sector has six stocks, where one stock in another bin moves the mean by 0.04.
        assert (target.groupby(codes).mean() - 0.5).abs().max() < 0.07


def poisoned(rebuilder: Rebuilder, first: int) -> Rebuilder:
    """The same with other prices in the sessions from `first` on."""
    panel, noise = rebuilder.panel, np.random.default_rng(5)
    prices, growth = panel.prices.copy(), panel.growth.copy()
    prices[first:] *= noise.uniform(0.5, 2.0, prices[first:].shape)
    growth[first:] += noise.integers(-(2**30), 2**30, growth[first:].shape)
    return replace(rebuilder, panel=replace(panel, prices=prices, growth=growth))


def test_what_a_model_sees_as_a_round_opens_does_not_depend_on_later_prices(
    rebuilder: Rebuilder, rules: Rules
) -> None:
    era = rebuilder.known[60]
    (_, one, history), (_, two, same) = (
        next(live_eras(each, rules, [era])) for each in (rebuilder, poisoned(rebuilder, era.session + 1))
    )
    assert one.day == era.day
    pd.testing.assert_frame_equal(one.features, two.features, check_exact=True)
    for ours, theirs in zip(history, same, strict=True):
        pd.testing.assert_frame_equal(ours.features, theirs.features, check_exact=True)
        pd.testing.assert_series_equal(ours.target, theirs.target, check_exact=True)
    (_, three, _) = next(live_eras(poisoned(rebuilder, era.session), rules, [era]))
    assert not one.features.equals(three.features)


def test_a_live_era_has_no_target_and_eras_of_the_last_month_are_not_there(
    rebuilder: Rebuilder, rules: Rules
) -> None:
    for times, live, history in live_eras(rebuilder, rules, rebuilder.known[100:103]):
        assert live.target.isna().all()
        assert live.known_on is None
        assert times.session == live.day
        assert history == known_eras(history, live.day)
        assert len(history) in (live.number - 5, live.number - 6)


def test_an_era_is_the_same_live_and_afterwards(
    rebuilder: Rebuilder, rules: Rules, eras: tuple[Era, ...]
) -> None:
    _, live, _ = next(live_eras(rebuilder, rules, rebuilder.known[30:31]))
    pd.testing.assert_frame_equal(live.features, eras[30].features, check_exact=True)


def test_a_split_that_raw_data_lacks_changes_the_target(rebuilder: Rebuilder) -> None:
    era = rebuilder.known[-40]
    own, other = rebuilder.of(era), without_a_split(rebuilder, era).of(era)
    differences = list(own.target_differences(other.targets))
    assert rebuilder.panel.names[0] in {difference.name for difference in differences}
    assert own.table.ids == other.table.ids


def test_a_week_that_ends_on_a_holiday_has_its_round_at_the_weekend(
    rebuilder: Rebuilder, rules: Rules
) -> None:
    times, live, _ = next(live_eras(rebuilder, rules, [rebuilder.on(date(2007, 4, 5))]))
    assert live.day == date(2007, 4, 5)
    assert datetime.fromtimestamp(times.open_at, UTC) == datetime(2007, 4, 7, 12, tzinfo=UTC)
    assert datetime.fromtimestamp(times.close_at, UTC) == datetime(2007, 4, 8, 14, tzinfo=UTC)


def test_the_rules_name_the_recipe(rebuilder: Rebuilder, rules: Rules) -> None:
    assert rules.data == rebuilder.recipe.hash()
    assert rules.targets == preset("classic").targets


def test_the_files_of_a_demo_make_the_targets_of_its_rounds_again(
    rebuilder: Rebuilder, sets: FeatureSets, tmp_path: Path
) -> None:
    write_dataset(FOLDER, tmp_path / "data")
    data = rebuilder.of(rebuilder.known[-1])
    data.write(Bundle(tmp_path))
    Bundle(tmp_path).write_universe(data.table.ids)
    options = {"recipe": RECIPE, "source": SOURCE, "key": KEY_FILE}
    command = ["data", "targets", "--round", str(tmp_path), "--against", str(tmp_path)]
    command += [
        text for name, file in options.items() for text in (f"--{name}", str(tmp_path / "data" / file))
    ]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert f"decided on 2007-11-23: 452 ids, digest {data.table.digest}" in result.output
    assert len(sets["all"]) == 22


def test_without_pyhuge_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyhuge", None)
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "demo")])
    assert result.exit_code == 1
    assert "pip install 'cupel[demo]'" in result.output


def test_a_second_look_at_the_source_gives_the_same_eras(rebuilder: Rebuilder) -> None:
    again, era = load_dataset(FOLDER), rebuilder.known[0]
    assert again.of(era).table.digest == rebuilder.of(era).table.digest
    assert era_of(again.of(era)).known_on == date(2004, 2, 4)
