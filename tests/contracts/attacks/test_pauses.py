"""What a pause can and cannot stop, and a guardian who wants it to last."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from support import (
    COMMITMENTS,
    DAY,
    LOCK_WINDOW,
    NANO,
    PPM,
    ROOT,
    SEALED,
    SHARE,
    UNIT,
    UNPAUSER_ROLE,
    WEEK,
    House,
)

SCORES = [[40_000, -20_000, 90_000, -90_000, 0, 1, -1, 13], [25_000]]


def test_attack_a_guardian_who_pauses_again_and_again(house: House) -> None:
    """At most half of all time, in pieces of a week."""
    house.tournament.pause(WEEK, sender=house.guardian)
    ends = house.tournament.pausedUntil()
    house.at(ends + WEEK - 1)
    with ape.reverts(house.tournament.PauseTooSoon, notBefore=ends + WEEK):
        house.tournament.pause(WEEK, sender=house.guardian)
    house.at(ends + WEEK)
    house.tournament.pause(WEEK, sender=house.guardian)


def test_attack_a_guardian_who_pauses_every_lock_window_away(house: House) -> None:
    """Monthly rounds are sealed all the same: a pause over the lock window extends it by as long."""
    house.stake(house.alice, NANO, SHARE | PPM)
    for _ in range(2):
        round_id = house.open(open_for=15 * DAY)
        close = house.round(round_id).closeAt
        house.at(close)
        house.tournament.pause(WEEK, sender=house.guardian)
        assert house.tournament.lockEnd(round_id) == close + WEEK + LOCK_WINDOW
        house.at(close + WEEK)
        house.lock(round_id, [False])
        house.end_lock(round_id)
        house.at(close + WEEK + LOCK_WINDOW - 1)
        house.seal(round_id)
        assert house.round(round_id).state == SEALED


def test_attack_an_unpause_that_comes_after_the_pause(house: House) -> None:
    """A role with the delay that deployments ship ends the longest pause six days before it would end."""
    t, authority = house.tournament, house.authority
    authority.grantRole(UNPAUSER_ROLE, house.bob, DAY, sender=house.admin)
    t.pause(WEEK, sender=house.guardian)
    until = t.pausedUntil()
    began = t.pausedFrom()
    authority.schedule(t, t.unpause.encode_input(began), 0, sender=house.bob)
    house.at(house.now() + DAY)
    t.unpause(began, sender=house.bob)
    assert not t.paused()
    assert house.now() < until - 5 * DAY


def test_attack_an_unpause_that_is_announced_before_the_pause(house: House) -> None:
    """The second audit's L-2: it ended a pause in its first second, and the next was a week off."""
    t, authority = house.tournament, house.authority
    authority.grantRole(UNPAUSER_ROLE, house.bob, DAY, sender=house.admin)
    authority.schedule(t, t.unpause.encode_input(0), 0, sender=house.bob)
    house.at(house.now() + DAY)
    t.pause(WEEK, sender=house.guardian)
    began = t.pausedFrom()
    with ape.reverts(t.AnotherPause, **{"from": 0, "pausedFrom": began}):
        t.unpause(0, sender=house.bob)
    with ape.reverts(authority.AccessManagerNotScheduled):
        t.unpause(began, sender=house.bob)
    assert t.paused()


def test_attack_a_pause_outlasts_the_time_a_report_has(house: House, locked_in_two: int) -> None:
    """Paused as often as can be from the deadline on, a report still settles before it can be voided."""
    report = house.report(locked_in_two, SCORES)
    deadline = house.round(locked_in_two).deadline
    house.pass_to(deadline - 10)
    house.attest(report)
    house.at(deadline)
    house.tournament.pause(WEEK, sender=house.guardian)
    house.at(deadline + WEEK)
    house.tournament.beginSettlement(report, sender=house.bob)
    for index in (1, 0):
        house.settle(locked_in_two, SCORES, index)


PAUSABLE = [
    "deposit",
    "depositWithPermit",
    "openRound",
    "lock",
    "endLock",
    "seal",
    "beginSettlement",
    "settle",
]


@pytest.mark.parametrize("name", PAUSABLE)
def test_a_pause_stops_everything_that_puts_more_at_stake_or_moves_by_report(
    house: House, locked_in_two: int, name: str
) -> None:
    report = house.report(locked_in_two, SCORES)
    start = house.now() + 10
    arguments: dict[str, list[Any]] = {
        "deposit": [1, UNIT],
        "depositWithPermit": [1, UNIT, 0, 27, b"\0" * 32, b"\0" * 32],
        "openRound": [start, start + 60, start + 120, start + 180, COMMITMENTS],
        "lock": [locked_in_two, 0, b"\1"],
        "endLock": [locked_in_two],
        "seal": [locked_in_two, ROOT, 0, 0, b""],
        "beginSettlement": [report],
        "settle": house.settle_arguments(locked_in_two, SCORES),
    }
    if name == "settle":
        house.begin(report)
    house.tournament.pause(DAY, sender=house.guardian)
    with ape.reverts(house.tournament.TournamentPaused):
        getattr(house.tournament, name)(*arguments[name], sender=house.operator)


def test_a_pause_stops_nobody_from_leaving(house: House, locked_in_two: int) -> None:
    """Every other function of the tournament works while it is paused."""
    house.deposit(1, NANO, house.bob)
    house.at(house.round(locked_in_two).deadline)
    house.tournament.pause(DAY, sender=house.guardian)
    house.tournament.withdraw(1, NANO * UNIT, house.bob, sender=house.bob)
    house.tournament.setAllocation(1, 0, sender=house.bob)
    house.tournament.fundPool(UNIT, sender=house.bob)
    house.tournament.voidRound(locked_in_two, sender=house.bob)
    for index in (1, 0):
        house.tournament.settle(*house.return_arguments(locked_in_two, index), sender=house.bob)
    assert house.idle() == [100 * NANO] * 9
    house.token.transfer(house.tournament, 1, sender=house.bob)
    house.tournament.recoverSurplus(house.admin, sender=house.admin)
    house.tournament.setParameters(0, 0, 0, sender=house.admin)
    house.tournament.unpause(house.tournament.pausedFrom(), sender=house.unpauser)


def test_every_function_of_the_tournament_is_named_in_the_tests_of_a_pause(house: House) -> None:
    """A function added later must be put on one side or the other."""
    free = ["withdraw", "setAllocation", "fundPool", "sendBurned"]
    free += ["voidRound", "recoverSurplus", "setParameters"]
    other = ["pause", "unpause", "setAuthority"]
    methods = {method.name for method in house.tournament.contract_type.mutable_methods}
    assert methods == {*PAUSABLE, *free, *other}
