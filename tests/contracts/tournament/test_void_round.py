"""Tournament.voidRound"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ape
import pytest
from support import (
    DAY,
    NANO,
    OPERATOR_ROLE,
    PPM,
    ROOT,
    SEALED,
    SETTLED,
    SHARE,
    UNIT,
    VOIDED,
    ZERO_HASH,
    House,
    is_event,
    only,
    restrict,
)
from twins import deploy_tournament

SCORES = [[40_000, -20_000, 30_000, -90_000, 0, 1, -1, 13], [-25_000]]
GRACE = 30 * DAY


@pytest.fixture
def sealed(locked_in_two: int) -> int:
    return locked_in_two


def void_at(house: House, round_id: int, timestamp: int) -> None:
    house.at(timestamp)
    receipt = house.tournament.voidRound(round_id, sender=house.bob)
    assert only(receipt, house.tournament.RoundVoided).roundId == round_id
    assert house.round(round_id).state == VOIDED


def test_reverts_for_a_round_that_does_not_exist_or_is_over(house: House, sealed: int) -> None:
    with ape.reverts(house.tournament.WrongState, roundId=5, state=0, expected=SEALED):
        house.tournament.voidRound(5, sender=house.bob)
    void_at(house, sealed, house.round(sealed).deadline)
    with ape.reverts(house.tournament.WrongState, roundId=sealed, state=VOIDED, expected=SEALED):
        house.tournament.voidRound(sealed, sender=house.bob)


def test_reverts_for_a_settled_round(house: House, sealed: int) -> None:
    house.begin(house.report(sealed, SCORES))
    house.settle(sealed, SCORES)
    house.settle(sealed, SCORES, index=0)
    house.at(house.now() + 2 * GRACE)
    with ape.reverts(house.tournament.WrongState, roundId=sealed, state=SETTLED, expected=SEALED):
        house.tournament.voidRound(sealed, sender=house.bob)


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize(("scoring", "window"), [(20 * DAY, DAY), (3_600, 900)])
def test_a_round_that_was_not_sealed_is_void_after_the_lock_window(
    house: House, sealed: int, locked: bool, ended: bool, scoring: int, window: int
) -> None:
    for _ in range(2):
        house.stake(house.alice, NANO, SHARE | PPM)
    round_id = house.open(scoring=scoring)
    if locked:
        house.lock(round_id, [False, True, False], from_slot=2)
    if ended:
        house.end_lock(round_id)
    end = house.round(round_id).closeAt + window
    house.at(end - 1)
    with ape.reverts(house.tournament.TooEarly, timestamp=end - 1, notBefore=end):
        house.tournament.voidRound(round_id, sender=house.bob)
    void_at(house, round_id, end)
    if locked:
        house.tournament.settle(*house.return_arguments(round_id), sender=house.bob)
    assert house.idle() == [0] * 9 + [NANO, NANO]
    house.assert_books_balance()


def test_a_sealed_round_without_a_report_is_void_after_the_deadline(house: House, sealed: int) -> None:
    deadline = house.round(sealed).deadline
    house.attest(house.report(sealed, SCORES), members=1)
    house.at(deadline - 1)
    with ape.reverts(house.tournament.TooEarly, timestamp=deadline - 1, notBefore=deadline):
        house.tournament.voidRound(sealed, sender=house.bob)
    void_at(house, sealed, deadline)
    house.assert_books_balance()


def test_a_report_that_stands_keeps_a_round_from_being_voided_for_a_while(house: House, sealed: int) -> None:
    deadline = house.round(sealed).deadline
    house.attest(house.report(sealed, SCORES))
    for moment in (deadline, deadline + GRACE - 1):
        house.at(moment)
        with ape.reverts(house.tournament.ReportStands, roundId=sealed, voidableAt=deadline + GRACE):
            house.tournament.voidRound(sealed, sender=house.bob)
    void_at(house, sealed, deadline + GRACE)


def test_a_committee_that_does_not_answer_keeps_a_round_no_longer_than_the_grace(
    house: House, project: Any, hostile_types: Any
) -> None:
    committee = hostile_types["MuteCommittee"].deploy(sender=house.admin)
    mute = deploy_tournament(house, project, committee=committee, cap=PPM, threshold=0)
    restrict(house.authority, mute, ["openRound", "lock", "endLock"], OPERATOR_ROLE, house.admin)
    house.token.approve(mute, NANO * UNIT, sender=house.alice)
    model = house.register(house.alice)
    silent = replace(house, tournament=mute, chunks={}, rounds=[])
    silent.deposit(model, NANO, house.alice)
    mute.setAllocation(model, SHARE | PPM, sender=house.alice)
    round_id = silent.run_to_locked()
    mute.seal(round_id, ROOT, NANO, 0, b"", sender=house.bob)
    deadline = silent.round(round_id).deadline
    for moment in (deadline, deadline + GRACE - 1):
        house.at(moment)
        with ape.reverts():
            mute.voidRound(round_id, sender=house.bob)
    void_at(silent, round_id, deadline + GRACE)
    mute.settle(*silent.return_arguments(round_id), sender=house.bob)
    assert silent.idle() == [NANO]


def test_nothing_changes_in_the_books(house: House, sealed: int) -> None:
    owed, pool = house.tournament.liabilities(), house.tournament.pool()
    void_at(house, sealed, house.round(sealed).deadline)
    assert (house.tournament.liabilities(), house.tournament.pool()) == (owed, pool)
    house.assert_books_balance()


def test_works_while_paused(house: House, sealed: int) -> None:
    deadline = house.round(sealed).deadline
    house.at(deadline)
    house.tournament.pause(DAY, sender=house.guardian)
    void_at(house, sealed, deadline + 10)


def test_a_report_that_cannot_be_settled_is_given_up_after_the_grace(house: House, sealed: int) -> None:
    """A quorum accepted a head that no scores hash to. Positions return whole, and so does the reserve."""
    pool, owed = house.tournament.pool(), house.tournament.liabilities()
    house.begin(house.report(sealed, SCORES, scoresHead=b"\x66" * 32))
    with ape.reverts(house.tournament.NotTopOfStack):
        house.settle(sealed, SCORES)
    end = house.round(sealed).settlementBeganAt + GRACE
    house.at(end - 1)
    with ape.reverts(house.tournament.TooEarly, timestamp=end - 1, notBefore=end):
        house.tournament.voidRound(sealed, sender=house.bob)
    void_at(house, sealed, end)
    assert (house.tournament.pool(), house.tournament.reserved()) == (pool, 0)
    for index in (1, 0):
        house.tournament.settle(*house.return_arguments(sealed, index), sender=house.bob)
    assert house.idle() == [100 * NANO] * 9
    assert house.tournament.liabilities() == owed
    house.assert_books_balance()


def test_chunks_settled_before_keep_their_outcome_and_what_burned_is_sent_off(
    house: House, sealed: int
) -> None:
    total = house.report(sealed, SCORES)[3]
    house.begin(house.report(sealed, SCORES, totalPayout=total - 1))
    house.settle(sealed, SCORES)
    with ape.reverts(house.tournament.PaidAboveReserved):
        house.settle(sealed, SCORES, index=0)
    pool, owed = house.tournament.pool(), house.tournament.liabilities()
    burned = 100 * NANO * 25_000 // PPM
    house.at(house.round(sealed).settlementBeganAt + GRACE)
    receipt = house.tournament.voidRound(sealed, sender=house.bob)
    is_event(only(receipt, house.tournament.RoundVoided), roundId=sealed, paid=0, burned=burned)
    house.assert_books_balance()
    house.tournament.settle(*house.return_arguments(sealed, 0), sender=house.bob)
    assert house.idle() == [100 * NANO] * 8 + [100 * NANO - burned]
    assert (house.tournament.pool(), house.tournament.reserved()) == (pool + total - 1, 0)
    assert (house.tournament.liabilities(), house.tournament.burnable()) == (owed, burned)
    assert house.round(sealed).positionsHead == ZERO_HASH
    house.assert_books_balance()
