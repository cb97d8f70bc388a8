"""States of the chain that tests start from, each built once for all tests in a row that start from it."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from support import House, Notes


@dataclass
class State:
    """What `build` made of the state below it: the fixture's value, and all it takes to come back here."""

    build: Callable[..., Any] | None
    value: Any
    height: int
    notes: Notes
    snapshot: Any


class States:
    """The states that a house is in, one built on the other. A test starts from the first few of them.

    ape's own isolation builds a fixture anew for every test, or keeps it for all the tests of a module,
    whether they ask for it or not. Here every test starts from the states that it asks for and no others,
    in the order in which it asks for them, and those that the test before asked for too are still there.
    Only states below are ever gone back to, as anvil forgets every snapshot above.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._built: list[State] = []
        self._keep(None, None)
        self._asked = 1

    def reach(self, build: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """The value of the next state that the test asks for, from where it is now."""
        if self._asked == len(self._built) or self._built[self._asked].build is not build:
            self.drop_others()
            self._keep(build, build(**arguments))
        self._asked += 1
        return self._built[self._asked - 1].value

    def drop_others(self) -> None:
        """Go back to the states that the test has asked for so far."""
        if self._asked < len(self._built):
            del self._built[self._asked :]
            self._return()
        height, _ = self._house.evm.head()
        assert height == self._built[-1].height, "a fixture that sends transactions has to be a state"

    def undo(self) -> None:
        """Go back to where the test started, for the next one."""
        self._return()
        self._asked = 1

    def _keep(self, build: Callable[..., Any] | None, value: Any) -> None:
        house = self._house
        height, _ = house.evm.head()
        found = State(build, value, height, house.notes(), house.evm.snapshot())
        self._built.append(found)

    def _return(self) -> None:
        state, evm = self._built[-1], self._house.evm
        evm.restore(state.snapshot)
        state.snapshot = evm.snapshot()  # going back uses it up
        self._house.take_notes_from(state.notes)


NAMES: set[str] = set()
"""Of all fixtures that are states."""


def in_order(items: list[Any]) -> None:
    """Let tests that ask for the same states follow each other."""
    items.sort(key=lambda item: sorted(NAMES.intersection(item.fixturenames)))


def state(build: Callable[..., Any]) -> Any:
    """Make a fixture of a function that sends transactions to the house: it is built once and kept."""

    @functools.wraps(build)
    def reached(states: States, **arguments: Any) -> Any:
        return states.reach(build, arguments)

    NAMES.add(build.__name__)
    parameters = list(inspect.signature(build).parameters.values())
    first = inspect.Parameter("states", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    reached.__signature__ = inspect.Signature([first, *parameters])  # type: ignore[attr-defined]
    return pytest.fixture(reached)
