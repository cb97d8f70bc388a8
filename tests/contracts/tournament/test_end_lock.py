"""Tournament.endLock"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from support import (
    DAY,
    LOCKED,
    NANO,
    OPEN,
    PPM,
    SEALED,
    SETTLED,
    SHARE,
    VOIDED,
    ZERO_HASH,
    House,
    is_event,
    only,
)


def half_locked(house: House) -> int:
    """A round in which two of three slots are locked."""
    for _ in range(9):
        house.stake(house.alice, 10 * NANO, SHARE | PPM)
    round_id = house.open()
    house.lock(round_id, [True] * 8)
    return round_id


@pytest.mark.parametrize("caller", ["alice", "guardian", "admin"])
def test_reverts_for_others_than_the_operator(house: House, caller: str) -> None:
    round_id, account = half_locked(house), getattr(house, caller)
    with ape.reverts(house.tournament.AccessManagedUnauthorized, caller=account):
        house.tournament.endLock(round_id, sender=account)


def test_reverts_for_members_of_the_committee(house: House) -> None:
    round_id = half_locked(house)
    for member in house.members:
        with ape.reverts(house.tournament.AccessManagedUnauthorized, caller=member):
            house.tournament.endLock(round_id, sender=member)


def test_reverts_while_paused(house: House) -> None:
    round_id = half_locked(house)
    house.tournament.pause(DAY, sender=house.guardian)
    with ape.reverts(house.tournament.TournamentPaused):
        house.end_lock(round_id)


def test_reverts_for_a_round_that_does_not_exist(house: House) -> None:
    with ape.reverts(house.tournament.WrongState, roundId=9, state=0, expected=OPEN):
        house.tournament.endLock(9, sender=house.operator)


def test_reverts_once_it_is_ended_sealed_or_settled(house: House) -> None:
    round_id = house.open()

    def is_refused_in(state: int) -> None:
        with ape.reverts(house.tournament.WrongState, roundId=round_id, state=state, expected=OPEN):
            house.end_lock(round_id)

    house.stake(house.alice, NANO, SHARE | PPM)
    house.lock(round_id, [True])
    house.end_lock(round_id)
    is_refused_in(LOCKED)
    house.seal(round_id)
    is_refused_in(SEALED)
    house.begin(house.report(round_id, [[0]]))
    house.settle(round_id, [[0]])
    is_refused_in(SETTLED)


def test_reverts_for_a_void_round(house: House) -> None:
    round_id = half_locked(house)
    house.at(house.round(round_id).closeAt + DAY)
    house.tournament.voidRound(round_id, sender=house.bob)
    with ape.reverts(house.tournament.WrongState, roundId=round_id, state=VOIDED, expected=OPEN):
        house.end_lock(round_id)


def test_reverts_outside_the_window(house: House) -> None:
    round_id = house.open()
    close = house.round(round_id).closeAt
    house.at(close - 1)
    with ape.reverts(house.tournament.TooEarly, timestamp=close - 1, notBefore=close):
        house.tournament.endLock(round_id, sender=house.operator)
    house.at(close + DAY)
    with ape.reverts(house.tournament.TooLate, timestamp=close + DAY, before=close + DAY):
        house.tournament.endLock(round_id, sender=house.operator)


@pytest.mark.parametrize("seconds", [0, DAY - 1])
def test_ends_the_lock_in_the_first_and_in_the_last_second_of_the_window(house: House, seconds: int) -> None:
    round_id = house.open()
    house.at(house.round(round_id).closeAt + seconds)
    house.end_lock(round_id)
    assert house.round(round_id).state == LOCKED


def fields(house: House, round_id: int) -> dict[str, Any]:
    return dict(house.round(round_id).items())


def test_fixes_the_positions_and_changes_nothing_but_the_state(house: House) -> None:
    round_id = half_locked(house)
    before = fields(house, round_id), house.idle(), house.tournament.pool(), house.tournament.liabilities()
    receipt = house.end_lock(round_id)
    head = house.chunks[round_id][-1].head
    ended = only(receipt, house.tournament.LockEnded)
    is_event(ended, roundId=round_id, positionsHead=head, atRisk=80 * NANO)
    after = fields(house, round_id), house.idle(), house.tournament.pool(), house.tournament.liabilities()
    assert after == (before[0] | {"state": LOCKED}, *before[1:])
    house.assert_books_balance()


def test_nothing_is_locked_afterwards_not_even_by_its_operator(house: House) -> None:
    round_id = half_locked(house)
    house.end_lock(round_id)
    with ape.reverts(house.tournament.WrongState, roundId=round_id, state=LOCKED, expected=OPEN):
        house.tournament.lock(round_id, 2, b"\1", sender=house.operator)
    assert house.round(round_id).atRisk == 80 * NANO


def test_ends_a_round_in_which_nothing_is_locked(house: House) -> None:
    round_id = house.open()
    ended = only(house.end_lock(round_id), house.tournament.LockEnded)
    is_event(ended, roundId=round_id, positionsHead=ZERO_HASH, atRisk=0)
    assert house.round(round_id).state == LOCKED
    house.seal(round_id)
    assert house.round(round_id).state == SETTLED


def test_leaves_other_rounds_to_be_locked(house: House) -> None:
    house.stake(house.alice, 10 * NANO, SHARE | PPM // 2)
    first, second = house.open(), house.open()
    house.lock(first, [True])
    house.end_lock(first)
    house.lock(second, [True])
    assert house.round(second).atRisk == 5 * NANO // 2
