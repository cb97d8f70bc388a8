"""A member rebuilds a round from its own raw data; differences from another member are named."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest

from scorer.data.calendar import EraDate
from scorer.data.faults import DataError
from scorer.data.fixed import fixed_growth
from scorer.data.interim_targets import interim_targets
from scorer.data.obfuscation import Identifiers
from scorer.data.panel import Panel
from scorer.data.recipe import Recipe
from scorer.data.revisions import revisions, touched
from scorer.data.rounds import Rebuilder, RoundData
from scorer.factors.version_1 import FEATURES
from scorer.protocol.tables import SESSION_RETURNS
from scorer.storage.bundle import Bundle
from tests.data.markets import KEY, market, panel, panel_from, recipe

DAY = timedelta(days=1)


def rebuilder(found: Panel, rules: Recipe | None = None, key: bytes = KEY) -> Rebuilder:
    return Rebuilder(rules or recipe(), Identifiers(rules or recipe(), key), found)


def era_of(own: Rebuilder, session: int = 150) -> EraDate:
    return next(era for era in own.eras if era.session >= session)


def data(found: Panel) -> RoundData:
    own = rebuilder(found)
    return own.of(era_of(own))


def test_two_members_with_the_same_raw_data_have_the_same_bits() -> None:
    one, two = data(panel_from(market()).panel), data(panel_from(market()).panel)
    assert one.table.digest == two.table.digest
    assert not list(one.universe_differences(two.table.ids))
    assert not list(one.target_differences(two.targets))


def test_an_era_is_found_by_its_ids() -> None:
    own = rebuilder(panel())
    for era in own.eras[::5]:
        ids = own.of(era).table.ids
        assert own.with_ids(ids) == era
        assert own.with_ids(ids[: len(ids) * 3 // 4]) == era
        assert own.on(era.day) == era


def close_of(day: date) -> int:
    """Midnight after a day, when its session of the calendar 24/7 is over."""
    return int(datetime.combine(day, time(), UTC).timestamp()) + 86_400


def test_as_of_a_time_only_sessions_are_there_that_are_over() -> None:
    own = rebuilder(panel())
    era = era_of(own)
    then = own.as_of(close_of(era.day))
    assert then.panel.sessions[-1] == era.day == then.eras[-1].day
    assert own.as_of(close_of(era.day) - 1).panel.sessions[-1] < era.day
    assert not then.of(era).is_known
    assert then.of(era).table.features.tobytes() == own.of(era).table.features.tobytes()
    with pytest.raises(DataError, match="expected a session that is over, found the first on 2020-01-01"):
        own.as_of(0)


def test_an_era_is_known_once_the_longest_horizon_is_over() -> None:
    own = rebuilder(panel())
    last = own.known[-1]
    assert own.of(last).known_on == own.panel.sessions[last.session + own.recipe.reach]
    assert [era for era in own.eras if own.of(era).is_known] == own.known
    assert own.as_of(close_of(own.panel.sessions[last.session + own.recipe.reach] - DAY)).known[-1] != last


def test_ids_of_another_key_are_of_no_era() -> None:
    own, other = rebuilder(panel()), rebuilder(panel(), key=bytes(32))
    with pytest.raises(DataError, match="is this the recipe and the key of the round"):
        own.with_ids(other.of(other.eras[0]).table.ids)


def test_ids_that_are_the_same_in_all_eras_need_a_date() -> None:
    own = rebuilder(panel(), recipe(obfuscation={"ids": "fixed"}))
    with pytest.raises(DataError, match="expected a session date"):
        own.with_ids(("n1",))


def test_differences_are_named() -> None:
    raw, other = market(), market()
    other["close"][170:, 7] *= 1.4
    other["close"][100:151, 9] = np.nan
    one, two = data(panel_from(raw).panel), data(panel_from(other).panel)
    universe = list(one.universe_differences(two.table.ids))
    assert [(each.name, each.ours, each.theirs) for each in universe] == [("A009", "in", "not in")]
    values = dict(zip(two.table.ids, two.targets["target_sector20"], strict=True))
    theirs = {"target_sector20": np.array([values.get(each, np.nan) for each in one.table.ids])}
    names = {each.name for each in one.target_differences(theirs)}
    assert {"A007", "A009"} <= names
    assert all(each.what == "target_sector20" for each in one.target_differences(theirs))


def test_a_round_is_written_as_members_read_it(tmp_path: Path) -> None:
    found = data(panel())
    assert found.is_known
    bundle = Bundle(tmp_path)
    found.write(bundle)
    targets = bundle.targets(found.table.ids)
    assert set(targets) == {"target", "target_sector20", "target_beta20", "target_rank10"}
    assert (targets["target"] == found.targets["target"]).all()
    features = bundle.table(FEATURES.name, found.table.ids)
    assert set(features) == set(found.table.columns)
    returns = bundle.table(SESSION_RETURNS, found.table.ids)
    assert len(returns) == 20
    place = found.panel.names.index(found.table.names[3])
    prices = found.panel.prices[:, place]
    start = found.era.session + 2
    assert returns["session_001"][3] == pytest.approx(prices[start + 1] / prices[start] - 1, abs=1e-8)


def test_simple_returns_are_the_nearest_step() -> None:
    import mpmath

    steps = np.random.default_rng(1).integers(-(2**31), 2**31, 2000)
    mpmath.mp.prec = 150
    expected = [int(mpmath.nint(mpmath.expm1(mpmath.mpf(int(step)) / 2**32) * 2**32)) for step in steps]
    assert (fixed_growth(steps) * 2.0**32).astype(int).tolist() == expected


def test_targets_of_a_horizon_that_is_not_over_are_not_known() -> None:
    own = rebuilder(panel())
    last = own.of(own.eras[-1])
    assert not last.is_known
    assert np.isnan(last.targets["target"]).all()


def test_revisions_are_told_with_the_eras_that_they_touch() -> None:
    raw, revised = market(), market()
    revised["close"][150, 3] *= 1.01
    revised["volume"][150, 4] = 1.0
    old, new = panel_from(raw).panel, panel_from(revised).panel
    found = list(revisions(old, new))
    assert {(each.name, each.field, each.day) for each in found} == {
        ("A003", "price", "2020-05-30"),
        ("A003", "growth", "2020-05-30"),
        ("A003", "growth", "2020-05-31"),
        ("A004", "volume", "2020-05-30"),
    }
    eras = rebuilder(new).eras
    sessions = [era.session for era in touched(recipe(), eras, found)]
    assert all(session + recipe().reach >= 150 for session in sessions)
    assert all(era.session in sessions for era in eras if era.session <= 150 <= era.session + recipe().reach)
    assert not list(revisions(old, old))


def test_a_longer_panel_is_no_revision() -> None:
    longer, shorter = market(days=220), {name: values[:200] for name, values in market(days=220).items()}
    assert not list(revisions(panel_from(shorter).panel, panel_from(longer).panel))


def test_interim_targets_are_those_of_a_horizon_that_ends_with_the_last_session() -> None:
    whole = panel()
    own = rebuilder(whole)
    era = era_of(own)
    lag, reach = 2, own.recipe.reach
    for over in (lag, reach):
        then = rebuilder(whole.rows(0, era.session + over))
        assert interim_targets(then, era) is None
    for over in (lag + 1, lag + 5, reach - 1):
        then = rebuilder(whole.rows(0, era.session + over))
        found = interim_targets(then, era)
        assert found is not None
        assert (found.day, found.days, found.session) == (over - lag, 20, then.panel.sessions[-1])
        shorter = own.recipe.model_copy(
            update={
                "targets": tuple(
                    rules.model_copy(update={"sessions": min(rules.sessions, over - rules.lag)})
                    for rules in own.recipe.targets
                )
            }
        )
        expected = rebuilder(whole, shorter).of(era)
        assert found.data.table.ids == own.of(era).table.ids
        for name, values in found.data.targets.items():
            np.testing.assert_array_equal(values, expected.targets[name])
