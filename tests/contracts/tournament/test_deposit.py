"""Tournament.deposit"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ape
import pytest
from states import state
from support import DAY, MAX_LIABILITIES, NANO, NMR, UNIT, House, is_event, only
from twins import deploy_tournament

LANE_PRICE = NANO // 10


def test_reverts_while_paused(house: House) -> None:
    model = house.register(house.alice)
    house.tournament.pause(DAY, sender=house.guardian)
    with ape.reverts(house.tournament.TournamentPaused, until=house.tournament.pausedUntil()):
        house.deposit(model, NANO, house.alice)


def test_reverts_for_a_model_that_does_not_exist(house: House) -> None:
    with ape.reverts(house.registry.ERC721NonexistentToken, tokenId=1):
        house.deposit(1, NANO, house.alice)


def test_reverts_for_nothing(house: House) -> None:
    model = house.register(house.alice)
    with ape.reverts(house.tournament.ZeroAmount):
        house.deposit(model, 0, house.alice)


@pytest.mark.parametrize("wei", [1, UNIT - 1, UNIT + 1, NMR + 1])
def test_reverts_for_less_than_whole_nano_nmr(house: House, wei: int) -> None:
    model = house.register(house.alice)
    with ape.reverts(house.tournament.DustAmount, amount=wei, unit=UNIT):
        house.tournament.deposit(model, wei, sender=house.alice)


def test_reverts_when_liabilities_would_not_fit_in_a_lane(house: House) -> None:
    model = house.register(house.alice)
    owed = house.tournament.liabilities()
    room = MAX_LIABILITIES - owed
    with ape.reverts(
        house.tournament.LiabilitiesTooLarge, liabilities=owed + room + 1, maximum=MAX_LIABILITIES
    ):
        house.deposit(model, room + 1, house.alice)
    with ape.reverts(
        house.tournament.LiabilitiesTooLarge, liabilities=MAX_LIABILITIES + 1, maximum=MAX_LIABILITIES
    ):
        house.deposit(model, MAX_LIABILITIES + 1, house.alice)


def test_reverts_when_the_token_refuses(house: House) -> None:
    model = house.register(house.alice)
    house.token.approve(house.tournament, 0, sender=house.alice)
    with ape.reverts(house.token.ERC20InsufficientAllowance):
        house.deposit(model, NANO, house.alice)


def test_adds_to_idle_and_takes_the_tokens(house: House) -> None:
    model = house.register(house.alice)
    owed, before = house.tournament.liabilities(), house.token.balanceOf(house.alice)
    receipt = house.deposit(model, 3 * NANO, house.alice)
    is_event(
        only(receipt, house.tournament.Deposited),
        modelId=model, **{"from": house.alice}, amount=3 * NANO, lane=0,
    )  # fmt: skip
    assert house.tournament.idleOf(model) == 3 * NANO
    assert house.tournament.liabilities() == owed + 3 * NANO
    assert house.token.balanceOf(house.alice) == before - 3 * NMR
    house.assert_books_balance()


def test_keeps_the_lane_and_leaves_the_neighbours_alone(house: House) -> None:
    models = [house.stake(house.alice, (i + 1) * NANO) for i in range(5)]
    receipt = house.deposit(models[2], 1, house.alice)
    assert only(receipt, house.tournament.Deposited).lane == 2
    assert house.idle() == [NANO, 2 * NANO, 3 * NANO + 1, 4 * NANO, 5 * NANO]


def test_lanes_follow_the_first_deposits_not_the_ids(house: House) -> None:
    first, second = house.register(house.alice), house.register(house.alice)
    house.deposit(second, NANO, house.alice)
    house.deposit(first, NANO, house.alice)
    assert (house.tournament.laneOf(second), house.tournament.laneOf(first)) == (0, 1)
    assert list(house.tournament.modelsAt(0, 9)) == [second, first]


def test_anybody_may_deposit_for_a_model(house: House) -> None:
    model = house.register(house.alice)
    before = house.token.balanceOf(house.bob)
    house.deposit(model, NANO, house.bob)
    assert house.tournament.idleOf(model) == NANO
    assert house.token.balanceOf(house.bob) == before - NMR


@state
def priced_tournament(house: House, project: Any) -> Any:
    """A tournament whose lanes cost 0.1 NMR."""
    tournament = deploy_tournament(house, project, lane_price=LANE_PRICE, cap=0, threshold=0)
    for user in (house.alice, house.bob):
        house.token.approve(tournament, 2**256 - 1, sender=user)
    return tournament


@pytest.fixture
def priced(house: House, priced_tournament: Any) -> House:
    """The same house around that tournament."""
    return replace(house, tournament=priced_tournament, chunks={}, rounds=[])


def test_the_first_deposit_of_a_model_pays_for_its_lane(priced: House) -> None:
    model = priced.register(priced.alice)
    receipt = priced.deposit(model, NANO, priced.bob)
    is_event(only(receipt, priced.tournament.LaneOpened), modelId=model, lane=0, price=LANE_PRICE)
    is_event(only(receipt, priced.tournament.Deposited), modelId=model, amount=NANO - LANE_PRICE, lane=0)
    assert priced.tournament.idleOf(model) == NANO - LANE_PRICE
    assert (priced.tournament.pool(), priced.tournament.liabilities()) == (LANE_PRICE, NANO)
    priced.assert_books_balance()


def test_later_deposits_of_a_model_pay_for_no_lane(priced: House) -> None:
    model = priced.stake(priced.alice, NANO)
    receipt = priced.deposit(model, 1, priced.alice)
    assert not list(receipt.events.filter(priced.tournament.LaneOpened))
    assert priced.tournament.idleOf(model) == NANO - LANE_PRICE + 1
    assert priced.tournament.pool() == LANE_PRICE


@pytest.mark.parametrize("amount", [1, LANE_PRICE])
def test_reverts_for_a_first_deposit_that_does_not_exceed_the_price_of_a_lane(
    priced: House, amount: int
) -> None:
    model = priced.register(priced.alice)
    with ape.reverts(priced.tournament.FirstDepositTooSmall, amount=amount, lanePrice=LANE_PRICE):
        priced.deposit(model, amount, priced.alice)
    priced.deposit(model, LANE_PRICE + 1, priced.alice)
    assert priced.tournament.idleOf(model) == 1


def test_attack_lanes_padded_for_dust_that_comes_back(priced: House) -> None:
    """Three lanes beside each honest one: the stake of each can be withdrawn, its price cannot."""
    before = priced.token.balanceOf(priced.bob)
    for _ in range(3):
        model = priced.stake(priced.bob, LANE_PRICE + 1)
        priced.tournament.withdraw(model, UNIT, priced.bob, sender=priced.bob)
    assert priced.token.balanceOf(priced.bob) == before - 3 * LANE_PRICE * UNIT
    assert priced.tournament.pool() == 3 * LANE_PRICE
    priced.assert_books_balance()
