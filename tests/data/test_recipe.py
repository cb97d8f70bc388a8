"""Recipes are strict, have one hash, and name what is wrong with them."""

from typing import Any

import pytest

from scorer.data.calendar import era_dates, split_of
from scorer.data.faults import DataError
from scorer.data.features import BUILT_IN, check_panel, feature
from scorer.data.plans import planned_rules
from scorer.data.recipe import FeatureSpec, recipe_from
from scorer.data.view import MarketView
from scorer.protocol.rules import preset
from scorer.scoring.exact import Floats
from tests.data.markets import FEATURES, TARGETS, document, panel, recipe


def test_features_are_named_by_what_they_are() -> None:
    names = [spec.name for spec in recipe().specs()]
    assert names[:4] == ["momentum_10", "momentum_10_by_sector", "momentum_40", "momentum_40_by_sector"]
    assert names[-4:] == ["reversal_5", "reversal_5_lag3", "size_supply", "change_supply_20"]


def test_the_hash_is_of_what_the_recipe_means() -> None:
    reordered = dict(reversed(list(document().items())))
    assert recipe_from(reordered, "test").hash() == recipe().hash()
    assert recipe(obfuscation={"ids": "fixed"}).hash() != recipe().hash()
    assert recipe_from(recipe().model_dump(mode="json", exclude_none=True), "test").hash() == recipe().hash()


def test_a_target_may_have_the_name_of_a_presets() -> None:
    found = recipe(targets=[TARGETS[0] | {"name": "20d2l"}])
    assert planned_rules(preset("classic"), found).data == found.hash()


SIZE = {"kind": "size", "fields": ["supply"]}
VALUE = {"kind": "value", "fields": ["earnings"]}
BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"version": 2}, "version: "),
    ({"name": "No Name"}, "name: "),
    ({"calendar": "New York"}, "calendar: "),
    ({"colour": "red"}, "colour: "),
    ({"features": []}, "features: "),
    (
        {"targets": TARGETS[:1], "features": [{"kind": "astrology", "windows": [5]}]},
        "features.kind: expected one of autocorrelation",
    ),
    (
        {"targets": TARGETS[:1], "features": [{"kind": "momentum"}]},
        "features.0.windows: expected some for momentum, found none",
    ),
    (
        {"features": [SIZE | {"windows": [5]}], "targets": TARGETS[:1]},
        "features.0.windows: expected none",
    ),
    ({"features": [{"kind": "momentum", "windows": [0]}]}, "features.0.windows.0: "),
    ({"features": [{"kind": "momentum", "windows": [5.0]}]}, "features.0.windows.0: "),
    ({"features": [*FEATURES, FEATURES[0]]}, "expected each feature once, found momentum_10,"),
    ({"targets": [TARGETS[0], TARGETS[0]]}, "expected each target once, found sector20 again"),
    ({"targets": [TARGETS[0] | {"features": ["magic"]}]}, "targets.sector20.features: expected features"),
    ({"target": "sector99"}, "target: expected the name of a target, found sector99"),
    ({"splits": {"validation": "2020-02-30"}}, "splits.validation: expected an ISO date"),
    ({"universe": {"lowest_price": 1.5}}, "universe.lowest_price: expected decimal text in quotes"),
    ({"obfuscation": {"ids": "hidden"}}, "obfuscation.ids: "),
]


@pytest.mark.parametrize(("changes", "expected"), BROKEN)
def test_a_recipe_that_is_none_is_refused_by_its_field(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(DataError) as refused:
        recipe(**changes)
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"features": [VALUE], "targets": TARGETS[:1]},
            "field earnings",
        ),
        ({"universe": {"groups": ["country"]}}, "group country"),
    ],
)
def test_a_recipe_that_does_not_fit_the_panel_is_refused(changes: dict[str, Any], expected: str) -> None:
    found = panel()
    with pytest.raises(DataError, match=expected):
        check_panel(recipe(**changes), set(found.fields), set(found.groups))


def test_features_of_another_package_are_registered_by_import() -> None:
    try:

        @feature("answer", window=False)
        def answer(view: MarketView, spec: FeatureSpec) -> Floats:
            return view.latest("price", 1) * 0 + 42

        assert [s.name for s in recipe(features=[{"kind": "answer"}], targets=TARGETS[:1]).specs()] == [
            "answer"
        ]
    finally:
        del BUILT_IN["answer"]


def test_eras_are_the_last_sessions_of_weeks_that_are_over() -> None:
    found, rules = panel(days=200), recipe()
    eras = era_dates(rules, found.sessions)
    assert {era.day.isoweekday() for era in eras} == {7}
    assert [era.number for era in eras] == list(range(1, len(eras) + 1))
    assert eras[0].session >= 40
    # 2020-07-18, the last session, is a Saturday.
    assert eras[-1].day.isoformat() == "2020-07-12"
    assert len(era_dates(rules, found.sessions[:-1])) == len(eras)


def test_no_train_target_reaches_into_validation() -> None:
    found, rules = panel(), recipe()
    eras = era_dates(rules, found.sessions)
    splits = split_of(rules, eras, len(found.sessions))
    first = min(era.session for era in eras if splits[era.number] == "validation")
    train = [era for era in eras if splits[era.number] == "train"]
    assert train
    assert max(era.session for era in train) + rules.reach < first
    assert splits[eras[-1].number] == "live"
    known = [era for era in eras if splits[era.number] in ("train", "validation")]
    assert all(era.session + rules.reach < len(found.sessions) for era in known)


def test_a_panel_that_is_too_short_is_refused() -> None:
    with pytest.raises(DataError, match="expected an era with 40 sessions before it, found none"):
        era_dates(recipe(), panel(days=30).sessions)
