"""Numeraire.mint and its schedule"""

from __future__ import annotations

from typing import Any

import ape
from support import NMR, WEEK, House, is_event, only

CAP = 11_000_000 * NMR
WEEKLY = 5_000_000 * NMR // 52
INITIAL = 1_000_000 * NMR


def accrued(house: House, timestamp: int) -> int:
    return int(WEEKLY * (timestamp - house.token.deployedAt()) // WEEK)


def test_reverts_for_others_than_the_minter(house: House) -> None:
    for account in (house.admin, house.operator, house.alice):
        with ape.reverts(house.token.AccessManagedUnauthorized, caller=account):
            house.token.mint(account, 1, sender=account)


def test_reverts_above_what_has_accrued(house: House) -> None:
    moment = house.now() + WEEK
    house.at(moment)
    room = accrued(house, moment)
    with ape.reverts(house.token.MintExceedsSchedule, amount=room + 1, mintable=room):
        house.token.mint(house.alice, room + 1, sender=house.minter)


def test_mints_what_has_accrued_to_the_last_unit(house: House) -> None:
    before, supply = house.token.balanceOf(house.alice), house.token.totalSupply()
    moment = house.now() + WEEK
    house.at(moment)
    room = accrued(house, moment)
    receipt = house.token.mint(house.alice, room, sender=house.minter)
    is_event(only(receipt, house.token.Minted), to=house.alice, amount=room, minted=INITIAL + room)
    assert house.token.balanceOf(house.alice) == before + room
    assert house.token.totalSupply() == supply + room
    assert (house.token.minted(), house.token.mintable()) == (INITIAL + room, 0)


def test_the_initial_supply_leaves_the_schedule_untouched(house: House) -> None:
    house.pass_to(house.token.deployedAt() + WEEK)
    assert house.token.mintable() == WEEKLY


def test_the_schedule_ends_at_the_cap(house: House) -> None:
    house.pass_to(house.now() + 200 * WEEK)
    assert house.token.mintable() == CAP - INITIAL
    house.token.mint(house.alice, CAP - INITIAL, sender=house.minter)
    assert house.token.minted() == CAP
    house.pass_to(house.now() + 200 * WEEK)
    with ape.reverts(house.token.MintExceedsSchedule, amount=1, mintable=0):
        house.token.mint(house.alice, 1, sender=house.minter)


def test_a_burn_never_makes_room_to_mint(house: House) -> None:
    house.pass_to(house.now() + 200 * WEEK)
    house.token.mint(house.alice, CAP - INITIAL, sender=house.minter)
    house.token.burn(NMR, sender=house.alice)
    assert (house.token.totalSupply(), house.token.minted(), house.token.mintable()) == (CAP - NMR, CAP, 0)
    with ape.reverts(house.token.MintExceedsSchedule, amount=1, mintable=0):
        house.token.mint(house.alice, 1, sender=house.minter)


def test_a_deployment_above_the_cap_fails(house: House, project: Any) -> None:
    with ape.reverts(project.Numeraire.MintExceedsSchedule, amount=CAP + 1, mintable=CAP):
        project.Numeraire.deploy(house.authority, house.admin, CAP + 1, sender=house.admin)
    whole = project.Numeraire.deploy(house.authority, house.bob, CAP, sender=house.admin)
    assert whole.balanceOf(house.bob) == whole.minted() == CAP


def test_a_deployment_may_begin_with_nothing(house: House, project: Any) -> None:
    empty = project.Numeraire.deploy(house.authority, house.bob, 0, sender=house.admin)
    assert empty.totalSupply() == empty.minted() == 0


def test_holders_burn_their_own_and_what_they_are_allowed(house: House) -> None:
    supply = house.token.totalSupply()
    house.token.burn(NMR, sender=house.alice)
    with ape.reverts(house.token.ERC20InsufficientAllowance):
        house.token.burnFrom(house.alice, NMR, sender=house.bob)
    house.token.approve(house.bob, NMR, sender=house.alice)
    house.token.burnFrom(house.alice, NMR, sender=house.bob)
    assert house.token.totalSupply() == supply - 2 * NMR


def test_is_called_numeraire(house: House) -> None:
    token = house.token
    assert (token.name(), token.symbol(), token.decimals()) == ("Numeraire", "NMR", 18)
