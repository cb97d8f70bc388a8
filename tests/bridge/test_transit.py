"""The way of a message is measured by the clocks of both chains, each leg once, and what waits has an age."""

from scorer.bridge.checkpoints import Checkpoint
from scorer.bridge.decide import RelayPolicy
from scorer.bridge.transit import BlockClocks, MessageWay, TransitMeter, oldest_under_way, transit, ways
from scorer.bridge.views import BridgeView, SideView
from scorer.transactions.latency import Spread
from tests.bridge.views import checkpoint, down, ids, posted, view

HOME, LATER, OVER, NEXT = posted(1, 5, 10), posted(2, 7, 200), down(1, 9, 3), down(2, 2, 4)


def covering(block: int) -> Checkpoint | None:
    return checkpoint(created_at=2500) if block <= 100 else None


CLOCKS = BlockClocks(lambda block: 1000 + block, lambda block: 2000 + block, covering)
"""Ethereum's blocks begin at 1,000 s, Polygon's at 2,000 s."""


def both() -> BridgeView:
    root = SideView(2000, 3000, (OVER, NEXT), ids(HOME), {HOME.id: 1900})
    child = SideView(300, 2300, (HOME, LATER), ids(OVER), {OVER.id: 20})
    return view(root, child)


def test_a_way_has_a_beginning_a_checkpoint_where_it_goes_up_and_an_end() -> None:
    assert list(ways(both(), CLOCKS)) == [
        MessageWay("down", 1003, None, 2020),
        MessageWay("down", 1004),
        MessageWay("up", 2010, 2500, 2900),
        MessageWay("up", 2200),
    ]
    assert [way.sent_at for way in ways(both(), CLOCKS, since=2011)] == [2200]
    assert [way.sent_at for way in ways(both(), CLOCKS, since=1004)] == [1004, 2010, 2200]


def test_ways_are_summed_up_by_direction() -> None:
    to_polygon, to_ethereum = transit(ways(both(), CLOCKS), now=3004)
    assert (to_polygon.sent, to_polygon.under_way, to_polygon.oldest) == (2, 1, 2000)
    assert (to_polygon.checkpoint, to_polygon.arrival) == (None, Spread(1, 1017, 1017, 1017))
    assert (to_ethereum.under_way, to_ethereum.oldest) == (1, 804)
    assert to_ethereum.checkpoint == Spread(1, 490, 490, 490)
    assert to_ethereum.arrival == Spread(1, 890, 890, 890)
    assert [each.sent for each in transit([], now=1)] == [0, 0]


def test_clocks_of_two_chains_that_differ_make_no_time_negative() -> None:
    (way,) = transit([MessageWay("up", 2000, 1990, 1980)], now=1970)[1:]
    assert (way.checkpoint, way.arrival) == (Spread(1, 0, 0, 0),) * 2


def test_the_oldest_under_way_is_a_transfer_that_a_relayer_carries() -> None:
    refused = posted(3)
    found = view(SideView(9, 0, (OVER,), ids(HOME)), SideView(9, 0, (HOME, refused, LATER), ids(OVER)))
    assert oldest_under_way(found, "up") == LATER
    assert oldest_under_way(found, "down") is None
    assert oldest_under_way(found, "up", RelayPolicy(least_transfer=8)) is None


def test_each_leg_is_measured_once_and_none_of_before_the_first_look() -> None:
    meter = TransitMeter()
    begun = view(SideView(9, 0, (OVER,)), SideView(9, 0, (HOME,), ids(OVER), {OVER.id: 20}))
    assert meter.look(view(begun.root, begun.child, checkpoint=None), CLOCKS) == []
    assert meter.look(begun, CLOCKS) == [("up", "checkpoint", 490)]
    assert meter.look(both(), CLOCKS) == [("up", "arrival", 890)]
    assert meter.look(both(), CLOCKS) == []
