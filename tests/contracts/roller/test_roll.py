"""Roller.roll"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from states import state
from support import (
    DAY,
    LOCKING,
    NANO,
    OPERATOR_ROLE,
    PPM,
    SETTLED,
    SHARE,
    House,
    bitmap,
    is_event,
    only,
    restrict,
)

MODELS = 16
SCORES = [[20_000, -10_000] * 4, [0, 30_000] * 4]
EVERYBODY = bitmap([True] * 8)


@state
def roller(house: House, project: Any) -> Any:
    found = project.Roller.deploy(house.authority, sender=house.admin)
    restrict(house.authority, found, ["roll"], OPERATOR_ROLE, house.admin)
    house.authority.grantRole(OPERATOR_ROLE, found, 0, sender=house.admin)
    return found


@state
def due(house: House) -> tuple[int, int]:
    """A round of two chunks, locked upwards, that can be settled, and one that can be locked."""
    for _ in range(MODELS):
        house.stake(house.alice, 100 * NANO, SHARE | PPM)
    first = house.open()
    for from_slot in (0, 2):
        house.lock(first, [True] * 8, from_slot=from_slot)
    house.end_lock(first)
    house.seal(first)
    second = house.open(open_for=25 * DAY)
    house.begin(house.report(first, SCORES))
    house.pass_to(house.round(second).closeAt)
    return first, second


def settles(house: House, first: int) -> list[list[Any]]:
    return [house.settle_arguments(first, SCORES, index) for index in (1, 0)]


def locks(second: int) -> list[tuple[int, int, bytes]]:
    return [(second, from_slot, EVERYBODY) for from_slot in (2, 0)]


@pytest.mark.parametrize("caller", ["alice", "guardian", "admin"])
def test_only_an_operator_rolls(house: House, roller: Any, caller: str) -> None:
    account = getattr(house, caller)
    with ape.reverts(roller.AccessManagedUnauthorized, caller=account):
        roller.roll(house.tournament, [], [], sender=account)


def test_settles_a_round_and_locks_its_slots_for_another_downwards(
    house: House, roller: Any, due: tuple[int, int]
) -> None:
    first, second = due
    receipt = roller.roll(house.tournament, settles(house, first), locks(second), sender=house.operator)
    assert len(receipt.events.filter(house.tournament.ChunkSettled)) == 2
    assert [event.fromSlot for event in receipt.events.filter(house.tournament.PositionsLocked)] == [2, 0]
    assert house.round(first).state == SETTLED
    paid, burned = house.round(first).paid, house.round(first).burned
    is_event(
        house.round(second),
        state=LOCKING, firstSlot=0, nextSlot=4, atRisk=MODELS * 100 * NANO + paid - burned,
    )  # fmt: skip
    assert house.idle() == [0] * MODELS


def test_attack_somebody_settles_first_to_keep_the_round_from_being_locked(
    house: House, roller: Any, due: tuple[int, int]
) -> None:
    """What is settled already is passed over, and said; the rest is settled, and everything is locked."""
    first, second = due
    offered = settles(house, first)
    house.settle(first, SCORES, 1)
    receipt = roller.roll(house.tournament, offered, locks(second), sender=house.operator)
    is_event(only(receipt, roller.SettleRefused), roundId=first, fromSlot=2)
    assert only(receipt, house.tournament.ChunkSettled).fromSlot == 0
    assert (house.round(first).state, house.round(second).state) == (SETTLED, LOCKING)
    assert house.idle() == [0] * MODELS


def test_a_lock_that_is_refused_undoes_everything(house: House, roller: Any, due: tuple[int, int]) -> None:
    first, second = due
    before = house.round(first).positionsHead
    twice = [(second, 0, EVERYBODY), (second, 0, EVERYBODY)]
    with ape.reverts(house.tournament.SlotsLockedBefore):
        roller.roll(house.tournament, settles(house, first), twice, sender=house.operator)
    assert house.round(first).positionsHead == before
    assert house.round(second).nextSlot == 0


def test_a_settlement_that_runs_out_of_gas_undoes_everything(
    house: House, roller: Any, due: tuple[int, int]
) -> None:
    """An estimate of gas must not end where only what may fail fails."""
    first, second = due
    offered = settles(house, first)
    needed = roller.roll.estimate_gas_cost(house.tournament, offered, [], sender=house.operator)
    with ape.reverts():
        roller.roll(house.tournament, offered, [], gas_limit=needed // 2, sender=house.operator)
    assert house.round(first).state != SETTLED
    assert second


def test_a_role_that_was_revoked_rolls_nothing(house: House, roller: Any, due: tuple[int, int]) -> None:
    house.authority.revokeRole(OPERATOR_ROLE, house.operator, sender=house.admin)
    with ape.reverts(roller.AccessManagedUnauthorized, caller=house.operator):
        roller.roll(house.tournament, [], locks(due[1]), sender=house.operator)
