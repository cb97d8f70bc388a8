"""Tournament.fundPool"""

from __future__ import annotations

import ape
from support import DAY, MAX_LIABILITIES, NANO, NMR, UNIT, House, is_event, only


def test_reverts_for_nothing_or_dust(house: House) -> None:
    with ape.reverts(house.tournament.ZeroAmount):
        house.tournament.fundPool(0, sender=house.bob)
    with ape.reverts(house.tournament.DustAmount, amount=5, unit=UNIT):
        house.tournament.fundPool(5, sender=house.bob)


def test_reverts_when_liabilities_would_not_fit_in_a_lane(house: House) -> None:
    room = MAX_LIABILITIES - house.tournament.liabilities()
    with ape.reverts(
        house.tournament.LiabilitiesTooLarge, liabilities=MAX_LIABILITIES + 1, maximum=MAX_LIABILITIES
    ):
        house.tournament.fundPool((room + 1) * UNIT, sender=house.bob)


def test_reverts_when_the_token_refuses(house: House) -> None:
    house.token.approve(house.tournament, 0, sender=house.bob)
    with ape.reverts(house.token.ERC20InsufficientAllowance):
        house.tournament.fundPool(NMR, sender=house.bob)


def test_adds_to_the_pool_whoever_pays(house: House) -> None:
    pool, owed = house.tournament.pool(), house.tournament.liabilities()
    before = house.token.balanceOf(house.bob)
    receipt = house.tournament.fundPool(7 * NMR, sender=house.bob)
    is_event(only(receipt, house.tournament.PoolFunded), **{"from": house.bob}, amount=7 * NANO)
    assert house.tournament.pool() == pool + 7 * NANO
    assert house.tournament.liabilities() == owed + 7 * NANO
    assert house.token.balanceOf(house.bob) == before - 7 * NMR
    house.assert_books_balance()


def test_works_while_paused(house: House) -> None:
    house.tournament.pause(DAY, sender=house.guardian)
    house.tournament.fundPool(NMR, sender=house.bob)
