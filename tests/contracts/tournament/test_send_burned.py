"""Tournament.sendBurned"""

from __future__ import annotations

import ape
from states import state
from support import DAY, NANO, PPM, SHARE, UNIT, House, is_event, only


@state
def burned(house: House) -> int:
    """nano-NMR that burned in a round that is over."""
    for _ in range(2):
        house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed()
    scores = [[-PPM, PPM]]
    house.begin(house.report(round_id, scores))
    house.settle(round_id, scores)
    return 5 * NANO


def test_reverts_when_nothing_burned(house: House) -> None:
    with ape.reverts(house.tournament.NothingBurned):
        house.tournament.sendBurned(sender=house.bob)


def test_anybody_sends_what_burned_to_the_sink(house: House, burned: int) -> None:
    owed = house.tournament.liabilities()
    assert house.tournament.burnable() == burned
    receipt = house.tournament.sendBurned(sender=house.bob)
    is_event(only(receipt, house.tournament.BurnedSent), caller=house.bob, amount=burned)
    assert house.token.balanceOf(house.sink) == burned * UNIT
    assert (house.tournament.liabilities(), house.tournament.burnable()) == (owed - burned, 0)
    house.assert_books_balance()
    with ape.reverts(house.tournament.NothingBurned):
        house.tournament.sendBurned(sender=house.bob)


def test_burns_of_several_rounds_are_sent_at_once(house: House, burned: int) -> None:
    round_id = house.run_to_sealed()
    scores = [[-PPM, PPM]]
    house.begin(house.report(round_id, scores))
    house.settle(round_id, scores)
    second = 95 * NANO // 20
    assert house.tournament.burnable() == burned + second
    house.tournament.sendBurned(sender=house.bob)
    assert house.token.balanceOf(house.sink) == (burned + second) * UNIT


def test_what_burned_is_no_surplus(house: House, burned: int) -> None:
    with ape.reverts(house.tournament.NoSurplus):
        house.tournament.recoverSurplus(house.admin, sender=house.admin)


def test_works_while_paused(house: House, burned: int) -> None:
    house.tournament.pause(DAY, sender=house.guardian)
    house.tournament.sendBurned(sender=house.bob)
    assert house.token.balanceOf(house.sink) == burned * UNIT
