"""BurnSink.flush"""

from __future__ import annotations

import ape
from support import NMR, House, is_event, only


def test_reverts_when_there_is_nothing_to_burn(house: House) -> None:
    with ape.reverts(house.sink.NothingToBurn):
        house.sink.flush(sender=house.alice)


def test_anybody_burns_all_that_the_sink_holds(house: House) -> None:
    house.token.transfer(house.sink, 3 * NMR, sender=house.bob)
    supply = house.token.totalSupply()
    receipt = house.sink.flush(sender=house.alice)
    is_event(only(receipt, house.sink.Flushed), caller=house.alice, amount=3 * NMR)
    assert house.token.balanceOf(house.sink) == 0
    assert house.token.totalSupply() == supply - 3 * NMR
    assert house.sink.token() == house.token
