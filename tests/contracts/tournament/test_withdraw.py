"""Tournament.withdraw"""

from __future__ import annotations

import ape
from support import (
    DAY,
    LOCKED,
    LOCKING,
    NANO,
    NMR,
    OPEN,
    PPM,
    SEALED,
    SETTLED,
    SETTLING,
    SHARE,
    UNIT,
    VOIDED,
    House,
    is_event,
    only,
)


def test_reverts_for_a_model_that_does_not_exist(house: House) -> None:
    with ape.reverts(house.registry.ERC721NonexistentToken, tokenId=7):
        house.tournament.withdraw(7, NMR, house.alice, sender=house.alice)


def test_reverts_for_others_than_the_owner(house: House) -> None:
    model = house.stake(house.alice, NANO)
    house.registry.approve(house.bob, model, sender=house.alice)
    with ape.reverts(house.tournament.NotModelOwner, modelId=model, owner=house.alice, caller=house.bob):
        house.tournament.withdraw(model, NMR, house.bob, sender=house.bob)


def test_reverts_for_a_model_without_a_deposit(house: House) -> None:
    model = house.register(house.alice)
    with ape.reverts(house.tournament.NoLane, modelId=model):
        house.tournament.withdraw(model, NMR, house.alice, sender=house.alice)


def test_reverts_for_nothing_or_dust(house: House) -> None:
    model = house.stake(house.alice, NANO)
    with ape.reverts(house.tournament.ZeroAmount):
        house.tournament.withdraw(model, 0, house.alice, sender=house.alice)
    with ape.reverts(house.tournament.DustAmount, amount=UNIT + 1, unit=UNIT):
        house.tournament.withdraw(model, UNIT + 1, house.alice, sender=house.alice)


def test_reverts_for_more_than_idle(house: House) -> None:
    model = house.stake(house.alice, NANO)
    house.stake(house.bob, NANO)
    with ape.reverts(house.tournament.InsufficientIdle, idle=NANO, amount=NANO + 1):
        house.tournament.withdraw(model, NMR + UNIT, house.alice, sender=house.alice)


def test_reverts_for_what_is_locked(house: House) -> None:
    model = house.stake(house.alice, 10 * NANO, 4 * NANO)
    house.run_to_sealed()
    with ape.reverts(house.tournament.InsufficientIdle, idle=6 * NANO, amount=7 * NANO):
        house.tournament.withdraw(model, 7 * NMR, house.alice, sender=house.alice)


def test_sends_idle_stake_where_the_owner_wants(house: House) -> None:
    model = house.stake(house.alice, 5 * NANO)
    owed, before = house.tournament.liabilities(), house.token.balanceOf(house.bob)
    receipt = house.tournament.withdraw(model, 2 * NMR, house.bob, sender=house.alice)
    is_event(only(receipt, house.tournament.Withdrawn), modelId=model, to=house.bob, amount=2 * NANO)
    assert house.token.balanceOf(house.bob) == before + 2 * NMR
    assert house.tournament.idleOf(model) == 3 * NANO
    assert house.tournament.liabilities() == owed - 2 * NANO
    house.assert_books_balance()


def test_empties_a_lane_and_leaves_the_neighbours_alone(house: House) -> None:
    models = [house.stake(house.alice, (i + 1) * NANO) for i in range(4)]
    house.tournament.withdraw(models[1], 2 * NMR, house.alice, sender=house.alice)
    assert house.idle() == [NANO, 0, 3 * NANO, 4 * NANO]


def test_works_while_paused(house: House) -> None:
    model = house.stake(house.alice, NANO)
    house.tournament.pause(DAY, sender=house.guardian)
    house.tournament.withdraw(model, NMR, house.alice, sender=house.alice)
    assert house.tournament.idleOf(model) == 0


def test_follows_the_model_to_its_new_owner(house: House) -> None:
    """Stake at risk included: what a round returns belongs to whoever owns the model then."""
    model = house.stake(house.alice, 10 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed()
    house.registry.transferFrom(house.alice, house.bob, model, sender=house.alice)
    house.begin(house.report(round_id, [[0]]))
    house.settle(round_id, [[0]])
    with ape.reverts(house.tournament.NotModelOwner, modelId=model, owner=house.bob, caller=house.alice):
        house.tournament.withdraw(model, NMR, house.alice, sender=house.alice)
    house.tournament.withdraw(model, 10 * NMR, house.bob, sender=house.bob)
    assert house.tournament.idleOf(model) == 0


def test_works_in_every_state_of_a_round(house: House) -> None:
    model = house.stake(house.alice, 100 * NANO, NANO)

    def withdraw_in(round_id: int, state: int) -> None:
        assert house.round(round_id).state == state
        house.tournament.withdraw(model, NMR, house.alice, sender=house.alice)

    first = house.open()
    withdraw_in(first, OPEN)
    house.lock(first, [True])
    withdraw_in(first, LOCKING)
    house.end_lock(first)
    withdraw_in(first, LOCKED)
    house.seal(first)
    withdraw_in(first, SEALED)
    house.begin(house.report(first, [[10_000]]))
    withdraw_in(first, SETTLING)
    house.settle(first, [[10_000]])
    withdraw_in(first, SETTLED)
    second = house.run_to_sealed()
    house.at(house.round(second).deadline)
    house.tournament.voidRound(second, sender=house.bob)
    withdraw_in(second, VOIDED)
