"""Nothing that comes later moves a feature, an id or a universe: shift, truncate and poison the future."""

from datetime import timedelta

import numpy as np

from scorer.data.calendar import EraDate, era_dates
from scorer.data.eras import EraBuilder, EraTable
from scorer.data.obfuscation import Identifiers
from scorer.data.panel import Panel
from scorer.data.recipe import Recipe
from tests.data.markets import KEY, START, market, panel, panel_from, recipe

DAYS, CUT = 200, 120
PRICES = {"jumps": "hold", "splits": "find"}


def features_of(found: Panel, rules: Recipe, until: int = CUT) -> dict[str, tuple[tuple[str, ...], bytes]]:
    """Ids and features of the eras decided until a session, by date."""
    eras = [era for era in era_dates(rules, found.sessions) if era.session <= until]
    builder = EraBuilder.around(rules, Identifiers(rules, KEY), found, eras)
    tables = [builder.build(era) for era in eras]
    return {table.day: (table.ids, table.features.tobytes()) for table in tables}


def test_the_future_is_poisoned() -> None:
    raw = market(days=DAYS)
    expected = features_of(panel_from(raw, **PRICES).panel, recipe())
    generator = np.random.default_rng(1)
    for name in raw:
        raw[name][CUT + 1 :] *= np.exp(generator.normal(0, 3, raw[name][CUT + 1 :].shape))
    raw["close"][CUT + 1 :, ::7] = np.nan
    assert features_of(panel_from(raw, **PRICES).panel, recipe()) == expected
    assert len(expected) > 8


def test_the_future_is_cut_off() -> None:
    raw = market(days=DAYS)
    expected = features_of(panel_from(raw, **PRICES).panel, recipe())
    cut = {name: values[: CUT + 1] for name, values in raw.items()}
    assert features_of(panel_from(cut, **PRICES).panel, recipe()) == expected


def test_names_that_are_listed_later_change_nothing_before() -> None:
    raw = market(names=60, days=DAYS)
    few = {name: values.copy() for name, values in raw.items()}
    few["close"][: CUT + 1, 50:] = np.nan
    with_more = features_of(panel_from(few, **PRICES).panel, recipe())
    without = {name: values[:, :50] for name, values in raw.items()}
    assert features_of(panel_from(without, **PRICES).panel, recipe()) == with_more


def test_a_shift_of_the_calendar_shifts_the_features_with_it() -> None:
    raw = market(days=DAYS)
    found = panel_from(raw, **PRICES).panel
    week = timedelta(days=7)
    later = Panel(
        found.calendar,
        tuple(day + week for day in found.sessions),
        found.names,
        found.prices,
        found.growth,
        found.fields,
        found.groups,
    )
    rules = recipe(obfuscation={"ids": "open"})
    one, two = features_of(found, rules), features_of(later, rules)
    shifted = {(START.fromisoformat(day) + week).isoformat(): value for day, value in one.items()}
    both = set(shifted) & set(two)
    assert {day: two[day] for day in both} == {day: shifted[day] for day in both}
    assert len(set(shifted) & set(two)) > 8


def test_a_view_reaches_no_later_session() -> None:
    found, rules = panel(), recipe()
    builder = EraBuilder.around(rules, Identifiers(rules, KEY), found, era_dates(rules, found.sessions))
    view = builder.window.view(100)
    assert view.window("price", 1000).shape[0] == 101
    assert view.session == found.sessions[100]
    before = found.prices.copy()
    view.window("price", 5)[:] = 0  # a copy
    view.levels(5)[:] = 0
    assert (found.prices == before).all()


def built(found: Panel, eras: list[EraDate]) -> list[EraTable]:
    builder = EraBuilder.around(recipe(), Identifiers(recipe(), KEY), found, eras)
    return [builder.build(era) for era in eras]


def test_an_era_is_the_same_in_whatever_block_it_is_built() -> None:
    found = panel()
    eras = era_dates(recipe(), found.sessions)
    together = [table.digest for table in built(found, eras)]
    assert [built(found, [era])[0].digest for era in eras] == together
    assert len(set(together)) == len(eras)
