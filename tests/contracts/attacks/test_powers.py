"""What operator, guardian and admin could do with a stolen key, and what a pause can and cannot stop."""

from __future__ import annotations

import ape
from support import DAY, NANO, PPM, SHARE, House, bitmap

SCORES = [[40_000, -20_000, 90_000, -90_000, 0, 1, -1, 13], [25_000]]


def test_attack_an_operator_who_locks_models_that_submitted_nothing(house: House) -> None:
    """They are scored zero, and their positions come back whole."""
    for _ in range(3):
        house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed([True] * 3)
    house.begin(house.report(round_id, [[0, 0, 0]]))
    house.settle(round_id, [[0, 0, 0]])
    assert house.idle() == [100 * NANO] * 3


def test_attack_an_operator_who_locks_more_than_the_owner_allows(house: House) -> None:
    """Every bit set, in as many rounds as there are: never more than each allocation, nor than idle."""
    house.stake(house.alice, 100 * NANO, 60 * NANO)
    rounds = [house.open() for _ in range(3)]
    for round_id in rounds:
        house.lock(round_id, [True] * 8)
    assert [house.chunks[round_id][0].lanes[0] for round_id in rounds] == [60 * NANO, 40 * NANO, 0]


def test_attack_an_operator_who_waits_until_the_outcome_shows(house: House) -> None:
    house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.open(scoring=3600)
    shut = house.round(round_id).closeAt + 3600 // 4
    house.at(shut)
    with ape.reverts(house.tournament.TooLate, before=shut):
        house.tournament.lock(round_id, 0, bitmap([True]), sender=house.operator)


def test_attack_a_stolen_operators_key_that_opens_a_years_round_and_locks_it_at_once(house: House) -> None:
    """It takes a week: time to set the allocation to zero, to pause, and to name another operator."""
    house.stake(house.alice, 100 * NANO, SHARE | PPM)
    with ape.reverts(house.tournament.NoticeTooShort, minimum=455 * DAY // 192):
        house.open(open_for=DAY, scoring=365 * DAY, reporting=90 * DAY)


def test_attack_an_operator_who_locks_and_disappears(house: House) -> None:
    house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.open()
    house.lock(round_id, [True])
    house.at(house.round(round_id).closeAt + DAY)
    house.tournament.voidRound(round_id, sender=house.bob)
    house.tournament.settle(*house.return_arguments(round_id), sender=house.bob)
    assert house.idle() == [100 * NANO]


def test_attack_parameters_changed_in_mid_round(house: House, locked_in_two: int) -> None:
    """The admin raises the cap to the whole position once it is locked: this round does not notice."""
    house.tournament.setParameters(PPM, 0, 0, sender=house.admin)
    house.begin(house.report(locked_in_two, SCORES))
    house.tournament.setParameters(0, 0, 0, sender=house.admin)
    for index in (1, 0):
        house.settle(locked_in_two, SCORES, index)
    assert house.round(locked_in_two).cap == 50_000
    assert house.idle()[2:4] == [105 * NANO, 95 * NANO]


def test_attack_an_admin_who_recovers_stakes_in_a_round(house: House, locked_in_two: int) -> None:
    """Idle stakes are gone from the lanes, and the positions are owed all the same."""
    with ape.reverts(house.tournament.NoSurplus):
        house.tournament.recoverSurplus(house.admin, sender=house.admin)
    house.token.transfer(house.tournament, 3, sender=house.alice)
    before = house.token.balanceOf(house.admin)
    house.tournament.recoverSurplus(house.admin, sender=house.admin)
    assert house.token.balanceOf(house.admin) - before == 3
    house.assert_books_balance()
