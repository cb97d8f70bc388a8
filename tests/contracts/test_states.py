"""States: what the tests of contracts start from"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from states import States

if TYPE_CHECKING:
    from support import House

Build = Callable[[], int]


@pytest.fixture
def built() -> list[str]:
    """The states that were built, by name."""
    return []


@pytest.fixture
def one(house: House, built: list[str]) -> Build:
    def build() -> int:
        built.append("one")
        return house.register(house.alice)

    return build


@pytest.fixture
def two(house: House, built: list[str]) -> Build:
    def build() -> int:
        built.append("two")
        house.members.pop()
        return house.open()

    return build


def start(states: States, *builds: Build) -> list[int]:
    """As a test that asks for these states."""
    values = [states.reach(build, {}) for build in builds]
    states.drop_others()
    return values


def test_a_state_is_built_once_and_what_a_test_sends_and_notes_is_undone(
    house: House, built: list[str], one: Build, two: Build
) -> None:
    states, members = States(house), list(house.members)
    for _ in range(2):
        assert start(states, one, two) == [1, 1]
        assert house.registry.modelCount() == house.tournament.roundCount() == 1
        assert (house.rounds, house.chunks, house.members) == ([1], {1: []}, members[:-1])
        house.register(house.bob)
        house.open()
        house.members.clear()
        states.undo()
    assert built == ["one", "two"]


def test_a_test_starts_from_the_states_that_it_asks_for_and_no_others(
    house: House, built: list[str], one: Build, two: Build
) -> None:
    states, members = States(house), list(house.members)
    start(states, one, two)
    states.undo()
    start(states, one)
    assert (house.registry.modelCount(), house.tournament.roundCount()) == (1, 0)
    assert (house.rounds, house.chunks, house.members) == ([], {}, members)
    states.undo()
    start(states, two, one)
    assert built == ["one", "two", "two", "one"]
    states.undo()
    start(states)
    assert (house.registry.modelCount(), house.tournament.roundCount()) == (0, 0)


def test_a_fixture_that_sends_transactions_has_to_be_a_state(house: House, one: Build) -> None:
    states = States(house)
    house.register(house.bob)
    with pytest.raises(AssertionError, match="has to be a state"):
        states.reach(one, {})
