"""Locked on Ethereum = supply on Polygon + in flight; and each way to break it."""

from dataclasses import replace

import pytest

from scorer.bridge.conservation import conservation
from scorer.bridge.views import BridgeView, SideView
from tests.bridge.views import down, ids, posted, view

FIRST, SECOND, HOME, GONE = down(1, 100), down(2, 50), posted(1, 30), posted(2, 20)


@pytest.fixture
def balanced() -> BridgeView:
    """150 went over, of which 50 are under way; 50 were sent home, of which 20 are under way."""
    root = SideView(9, 0, (FIRST, SECOND), ids(HOME), tokens=120)
    child = SideView(9, 0, (HOME, GONE), ids(FIRST), tokens=50)
    return view(root, child)


def test_what_is_under_way_is_counted(balanced: BridgeView) -> None:
    found = conservation(balanced)
    assert found.holds
    assert (found.locked, found.supply, found.down, found.up) == (120, 50, 50, 20)


def test_an_empty_bridge_is_balanced() -> None:
    assert conservation(view(SideView(1, 0), SideView(1, 0))).holds


def test_a_message_that_was_never_sent_breaks_it(balanced: BridgeView) -> None:
    """The attack on other bridges: tokens were released for a burn that never happened."""
    forged = posted(99, 70)
    stolen = replace(balanced.root, delivered=ids(HOME, forged), tokens=50)
    breaches = list(conservation(replace(balanced, root=stolen)).breaches())
    assert f"message 0x{forged.id.hex()} was delivered and never sent" in breaches
    minted = replace(balanced.child, delivered=ids(FIRST, down(99, 70)), tokens=120)
    assert not conservation(replace(balanced, child=minted)).holds


def test_a_message_that_came_twice_breaks_it(balanced: BridgeView) -> None:
    twice = replace(balanced.root, delivered={HOME.id: 2}, tokens=90)
    breaches = list(conservation(replace(balanced, root=twice)).breaches())
    assert f"message 0x{HOME.id.hex()} was delivered more than once" in breaches


@pytest.mark.parametrize(("locked", "supply"), [(119, 50), (121, 50), (120, 51), (120, 49)])
def test_a_sum_that_differs_breaks_it(balanced: BridgeView, locked: int, supply: int) -> None:
    changed = replace(
        balanced,
        root=replace(balanced.root, tokens=locked),
        child=replace(balanced.child, tokens=supply),
    )
    assert len(list(conservation(changed).breaches())) == 2


def test_what_polygon_sent_after_it_was_read_is_no_breach(balanced: BridgeView) -> None:
    """Ethereum is read later, and may have been shown what the first reading had not seen."""
    late = posted(3, 10, block=10)
    root = replace(balanced.root, delivered=ids(HOME, late), tokens=110)
    seen = replace(balanced, root=root, child_posted=(HOME, GONE, late))
    found = conservation(seen)
    assert found.holds
    assert found.up == 10


def test_a_message_without_tokens_weighs_nothing(balanced: BridgeView) -> None:
    root = replace(balanced.root, posted=(*balanced.root.posted, down(3)))
    assert conservation(replace(balanced, root=root)).holds
