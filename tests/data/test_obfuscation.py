"""Identifiers change where they must and stay where they may; the attack measures what they hide."""

import hashlib
import hmac
import stat
from datetime import date
from pathlib import Path

import pytest

from scorer.data.attack import Setting, attack
from scorer.data.calendar import era_dates
from scorer.data.faults import DataError
from scorer.data.obfuscation import Identifiers, Mac, load_key, new_key
from tests.data.markets import FEATURES, KEY, panel, recipe

DAY, NEXT = date(2020, 3, 1), date(2020, 3, 8)
NAMES = ("A", "B", "C")


def identifiers(key: bytes = KEY, **obfuscation: object) -> Identifiers:
    return Identifiers(recipe(obfuscation=obfuscation), key)


def test_codes_are_those_of_hmac() -> None:
    for size in (0, 1, 63, 64, 65, 200):
        expected = hmac.new(KEY, b"x" * size, hashlib.sha256).hexdigest()
        assert Mac(KEY).hex("x" * size, 64) == expected


def test_ids_change_with_the_era_the_key_and_the_tournament() -> None:
    one = identifiers().ids(DAY, NAMES)
    assert one == identifiers().ids(DAY, NAMES)
    assert not set(one) & set(identifiers().ids(NEXT, NAMES))
    assert not set(one) & set(identifiers(bytes(32)).ids(DAY, NAMES))
    assert not set(one) & set(Identifiers(recipe(name="other"), KEY).ids(DAY, NAMES))
    assert all(len(each) == 16 and each.startswith("n") for each in one)


def test_ids_stay_when_the_recipe_gets_more_features() -> None:
    more = recipe(features=[*FEATURES, {"kind": "ups", "windows": [10]}])
    assert Identifiers(more, KEY).ids(DAY, NAMES) == identifiers().ids(DAY, NAMES)
    old = {spec.name: column for column, spec in identifiers().columns()}
    new = {spec.name: column for column, spec in Identifiers(more, KEY).columns()}
    assert old.items() < new.items()


def test_ids_are_fixed_or_open_where_the_recipe_says_so() -> None:
    fixed = identifiers(ids="fixed")
    assert fixed.ids(DAY, NAMES) == fixed.ids(NEXT, NAMES) != NAMES
    assert identifiers(ids="open").ids(DAY, NAMES) == NAMES


def test_names_of_features_are_hidden_and_their_order_with_them() -> None:
    hidden, opened = identifiers().columns(), identifiers(features=False).columns()
    assert not {name for name, _ in hidden} & {name for name, _ in opened}
    assert [spec.name for _, spec in hidden] != [spec.name for _, spec in opened]
    assert any("momentum" in name for name, _ in opened)
    assert not any("momentum" in name for name, _ in hidden)


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data.key"
    new_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(load_key(path)) == 32
    with pytest.raises(DataError, match="expected no file, found one"):
        new_key(path)
    path.chmod(0o644)
    with pytest.raises(DataError, match="nobody but its owner"):
        load_key(path)


@pytest.mark.parametrize("content", ["", "ab", "zz" * 32, "ab" * 31])
def test_what_is_no_key_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "data.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(DataError, match="expected a key of 64 hex digits") as refused:
        load_key(path)
    assert not content or content not in str(refused.value)


def test_a_key_is_in_no_text_of_its_objects() -> None:
    assert KEY.hex() not in repr(identifiers())
    assert repr(KEY) not in repr(identifiers())


def test_an_attacker_with_the_recipe_finds_rows_and_columns_and_without_it_few() -> None:
    found = panel(60, 220)
    rules = recipe()
    eras = [era for era in era_dates(rules, found.sessions) if era.session < 190][-4:]
    settings = [Setting("era", True, True, True), Setting("era", True, True, False)]
    knows, guesses = attack(rules, KEY, found, eras, settings)
    assert knows.rows > 0.95
    assert knows.columns > 0.9
    assert knows.rows_by_chance == pytest.approx(1 / 60)
    assert guesses.rows < 0.4
    assert guesses.columns != guesses.columns  # NaN: no column of theirs is in the recipe
