"""Tournament.setParameters, pause, unpause and recoverSurplus"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from support import (
    DAY,
    MAX_LIABILITIES,
    NANO,
    NMR,
    PPM,
    SHARE,
    UNIT,
    UNPAUSER_ROLE,
    VERSION,
    ZERO_ADDRESS,
    House,
    is_event,
    only,
)
from twins import deploy_tournament

MAX_MIN_POSITION = 1_000 * NANO


# setParameters


@pytest.mark.parametrize("caller", ["alice", "operator", "guardian"])
def test_only_the_admin_sets_parameters(house: House, caller: str) -> None:
    account = getattr(house, caller)
    with ape.reverts(house.tournament.AccessManagedUnauthorized, caller=account):
        house.tournament.setParameters(1, 1, 1, sender=account)


def test_parameters_have_hard_coded_maxima(house: House) -> None:
    with ape.reverts(house.tournament.ParameterTooLarge, value=PPM + 1, maximum=PPM):
        house.tournament.setParameters(PPM + 1, 0, 0, sender=house.admin)
    with ape.reverts(
        house.tournament.ParameterTooLarge, value=MAX_MIN_POSITION + 1, maximum=MAX_MIN_POSITION
    ):
        house.tournament.setParameters(0, 0, MAX_MIN_POSITION + 1, sender=house.admin)


def test_parameters_are_set(house: House) -> None:
    receipt = house.tournament.setParameters(PPM, 2**64 - 1, MAX_MIN_POSITION, sender=house.admin)
    is_event(
        only(receipt, house.tournament.ParametersSet),
        cap=PPM, threshold=2**64 - 1, minPosition=MAX_MIN_POSITION,
    )  # fmt: skip
    t = house.tournament
    assert (t.cap(), t.threshold(), t.minPosition()) == (PPM, 2**64 - 1, MAX_MIN_POSITION)


# pause


@pytest.mark.parametrize("caller", ["alice", "operator", "admin"])
def test_only_the_guardian_pauses(house: House, caller: str) -> None:
    account = getattr(house, caller)
    with ape.reverts(house.tournament.AccessManagedUnauthorized, caller=account):
        house.tournament.pause(DAY, sender=account)


def test_a_pause_has_a_length_and_a_longest_one(house: House) -> None:
    with ape.reverts(house.tournament.ZeroDuration):
        house.tournament.pause(0, sender=house.guardian)
    with ape.reverts(house.tournament.PauseTooLong, duration=7 * DAY + 1, maximum=7 * DAY):
        house.tournament.pause(7 * DAY + 1, sender=house.guardian)


def test_a_pause_ends_by_itself(house: House) -> None:
    receipt = house.tournament.pause(DAY, sender=house.guardian)
    until = house.now() + DAY
    is_event(only(receipt, house.tournament.Paused), caller=house.guardian, until=until)
    assert house.tournament.paused()
    house.pass_to(until - 1)
    assert house.tournament.paused()
    house.pass_to(until)
    assert not house.tournament.paused()
    house.stake(house.alice, NANO)


def test_the_next_pause_waits_for_the_cooldown(house: House) -> None:
    house.tournament.pause(DAY, sender=house.guardian)
    free = house.now() + 8 * DAY
    assert house.tournament.pausableFrom() == free
    house.at(free - 1)
    with ape.reverts(house.tournament.PauseTooSoon, timestamp=free - 1, notBefore=free):
        house.tournament.pause(DAY, sender=house.guardian)
    house.at(free)
    house.tournament.pause(7 * DAY, sender=house.guardian)
    assert house.tournament.paused()


# unpause


@pytest.mark.parametrize("caller", ["alice", "operator", "guardian", "admin"])
def test_only_the_unpauser_unpauses(house: House, caller: str) -> None:
    account = getattr(house, caller)
    house.tournament.pause(DAY, sender=house.guardian)
    with ape.reverts(house.tournament.AccessManagedUnauthorized, caller=account):
        house.tournament.unpause(house.tournament.pausedFrom(), sender=account)


def test_unpause_reverts_when_nothing_is_paused(house: House) -> None:
    with ape.reverts(house.tournament.NotPaused):
        house.tournament.unpause(0, sender=house.unpauser)


def test_unpause_ends_a_pause_and_starts_the_cooldown(house: House) -> None:
    house.tournament.pause(7 * DAY, sender=house.guardian)
    began = house.now()
    receipt = house.tournament.unpause(began, sender=house.unpauser)
    assert only(receipt, house.tournament.Unpaused).caller == house.unpauser
    assert (house.tournament.pausedFrom(), house.tournament.pausedUntil()) == (began, house.now())
    assert not house.tournament.paused()
    assert house.tournament.pausableFrom() == house.now() + 7 * DAY


def test_an_unpause_can_be_made_to_wait_by_the_authority(house: House) -> None:
    """A role with an execution delay: the call has to be scheduled first."""
    t, authority = house.tournament, house.authority
    authority.grantRole(UNPAUSER_ROLE, house.bob, DAY, sender=house.admin)
    t.pause(7 * DAY, sender=house.guardian)
    began = t.pausedFrom()
    with ape.reverts(authority.AccessManagerNotScheduled):
        t.unpause(began, sender=house.bob)
    authority.schedule(t, t.unpause.encode_input(began), 0, sender=house.bob)
    with ape.reverts(authority.AccessManagerNotReady):
        t.unpause(began, sender=house.bob)
    house.at(house.now() + DAY)
    t.unpause(began, sender=house.bob)
    assert not t.paused()


# recoverSurplus


def test_only_the_admin_recovers(house: House) -> None:
    with ape.reverts(house.tournament.AccessManagedUnauthorized, caller=house.operator):
        house.tournament.recoverSurplus(house.operator, sender=house.operator)


def test_there_is_nothing_to_recover_of_what_is_owed(house: House) -> None:
    house.stake(house.alice, NANO, SHARE | PPM)
    house.run_to_sealed()
    owed = house.tournament.liabilities() * UNIT
    with ape.reverts(house.tournament.NoSurplus, balance=owed, liabilities=owed):
        house.tournament.recoverSurplus(house.admin, sender=house.admin)


def test_what_was_sent_by_mistake_is_recovered_to_the_last_wei(house: House) -> None:
    house.stake(house.alice, NANO, SHARE | PPM)
    house.token.transfer(house.tournament, NMR + 1, sender=house.bob)
    receipt = house.tournament.recoverSurplus(house.members[0], sender=house.admin)
    is_event(only(receipt, house.tournament.SurplusRecovered), to=house.members[0], amount=NMR + 1)
    assert house.token.balanceOf(house.members[0]) == NMR + 1
    house.assert_books_balance()


# constructor


def test_a_deployment_with_parameters_above_their_maxima_fails(house: House, project: Any) -> None:
    for above in ({"cap": PPM + 1}, {"min_position": MAX_MIN_POSITION + 1}):
        with ape.reverts(project.Tournament.ParameterTooLarge):
            deploy_tournament(house, project, **above)


def test_a_deployment_that_burns_into_nothing_fails(house: House, project: Any) -> None:
    """No token moves to the zero address: a round with a burn could neither be settled nor voided."""
    with ape.reverts(project.Tournament.ZeroBurnSink):
        deploy_tournament(house, project, sink=ZERO_ADDRESS, cap=0, threshold=0)


def deployed(house: House, project: Any, unit: int, lane_price: int) -> Any:
    """A tournament with this unit and price."""
    return deploy_tournament(house, project, unit=unit, lane_price=lane_price)


@pytest.mark.parametrize("unit", [0, 10**18 + 1])
def test_a_deployment_with_a_unit_that_is_none_or_more_than_a_token_fails(
    house: House, project: Any, unit: int
) -> None:
    with ape.reverts(project.Tournament.UnitOutOfRange, unit=unit, minimum=1, maximum=10**18):
        deployed(house, project, unit, 0)


def test_a_deployment_whose_unit_is_too_small_for_the_supply_fails(house: House, project: Any) -> None:
    """Down to the unit in which all tokens just fit in the 54 bits of a stake."""
    supply = house.token.totalSupply()
    smallest = -(-supply // MAX_LIABILITIES)
    with ape.reverts(
        project.Tournament.SupplyTooLarge, supply=supply, maximum=MAX_LIABILITIES * (smallest - 1)
    ):
        deployed(house, project, smallest - 1, 0)
    assert deployed(house, project, smallest, 0).unit() == smallest


def test_amounts_are_whole_units_whatever_the_unit(house: House, project: Any) -> None:
    coarse = deployed(house, project, 10**15, 0)
    house.token.approve(coarse, NMR, sender=house.alice)
    model = house.register(house.alice)
    with ape.reverts(coarse.DustAmount, amount=UNIT, unit=10**15):
        coarse.deposit(model, UNIT, sender=house.alice)
    coarse.deposit(model, NMR, sender=house.alice)
    assert (coarse.idleOf(model), coarse.liabilities()) == (1_000, 1_000)
    before = house.token.balanceOf(house.bob)
    coarse.withdraw(model, 10**15, house.bob, sender=house.alice)
    assert house.token.balanceOf(house.bob) == before + 10**15


def test_a_deployment_whose_lanes_are_too_expensive_fails(house: House, project: Any) -> None:
    with ape.reverts(project.Tournament.LanePriceTooHigh, lanePrice=10 * NANO + 1, maximum=10 * NANO):
        deployed(house, project, UNIT, 10 * NANO + 1)


def test_a_deployment_knows_its_parts(house: House) -> None:
    t = house.tournament
    assert t.token() == house.token
    assert t.registry() == house.registry
    assert t.committee() == house.committee
    assert t.burnSink() == house.sink != ZERO_ADDRESS
    assert (t.unit(), t.lanePrice(), t.burnable()) == (UNIT, 0, 0)
    assert t.authority() == house.authority
    assert t.VERSION() == house.committee.VERSION() == VERSION
