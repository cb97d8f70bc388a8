"""What a quorum that lies, or somebody with a report or a chunk of their own, may try against a round."""

from __future__ import annotations

from typing import Any

import ape
from support import NANO, PPM, SHARE, UNIT, House
from twins import deploy_tournament, twin_of

HUGE = 2**23 - 1
SCORES = [[40_000, -20_000, 90_000, -90_000, 0, 1, -1, 13], [25_000]]


def test_attack_a_quorum_that_lies_burns_no_more_than_the_cap_and_no_idle_stake(house: House) -> None:
    """Two of three members burn everybody as far as they can."""
    for i in range(5):
        house.stake(house.alice, 100 * NANO + i, 40 * NANO)
    round_id = house.run_to_sealed()
    lie = [[-HUGE - 1] * 5]
    house.begin(house.report(round_id, lie))
    house.settle(round_id, lie)
    assert house.idle() == [100 * NANO + i - 2 * NANO for i in range(5)]
    house.assert_books_balance()


def test_attack_a_quorum_that_lies_pays_its_friends_no_more_than_the_cap(house: House) -> None:
    for _ in range(4):
        house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed()
    pool = house.tournament.pool()
    lie = [[HUGE, 0, 0, 0]]
    house.begin(house.report(round_id, lie))
    house.settle(round_id, lie)
    assert house.idle() == [105 * NANO, 100 * NANO, 100 * NANO, 100 * NANO]
    assert house.tournament.pool() == pool - 5 * NANO
    house.assert_books_balance()


def test_attack_a_report_that_overstates_its_payout_to_starve_other_rounds(house: House) -> None:
    """More than the cap on all that is at risk is refused, and what is not needed comes back."""
    house.stake(house.alice, 100 * NANO, 50 * NANO)
    first, second = house.open(), house.open()
    for round_id in (first, second):
        house.lock(round_id, [True])
        house.end_lock(round_id)
        house.seal(round_id)
    greedy = house.report(first, [[0]], totalPayout=2_500_000_001)
    house.finalise(greedy)
    with ape.reverts(house.tournament.PayoutAboveCap, totalPayout=2_500_000_001, maximum=2_500_000_000):
        house.tournament.beginSettlement(greedy, sender=house.bob)
    pool = house.tournament.pool()
    house.begin(house.report(second, [[0]], totalPayout=2_500_000_000))
    house.settle(second, [[0]])
    assert house.tournament.pool() == pool


def test_attack_a_round_is_paid_from_the_reserve_of_another(house: House) -> None:
    """Both are settling at once. The one that understates its payouts stops at its own reserve."""
    house.stake(house.alice, 100 * NANO, 50 * NANO)
    first, second = house.open(), house.open()
    for round_id in (first, second):
        house.lock(round_id, [True])
        house.end_lock(round_id)
        house.seal(round_id)
    house.begin(house.report(first, [[PPM]]))
    house.begin(house.report(second, [[PPM]], totalPayout=1))
    with ape.reverts(house.tournament.PaidAboveReserved, paid=50 * NANO // 20, reserved=1):
        house.settle(second, [[PPM]])
    house.settle(first, [[PPM]])
    assert house.round(first).paid == 50 * NANO // 20
    house.assert_books_balance()


def test_attack_an_empty_pool_makes_burned_stakes_pay_for_payouts(house: House, project: Any) -> None:
    """Payouts come from the pool alone: with nothing in it winners get their positions back, and no more."""
    poor = deploy_tournament(house, project, cap=PPM)
    assert poor.pool() == 0
    twin = twin_of(house, poor)
    for owner in (house.alice, house.bob):
        twin.stake(owner, 10 * NANO, SHARE | PPM)
    round_id = twin.run_to_sealed()
    scores = [[PPM, -PPM]]
    twin.begin(twin.report(round_id, scores))
    twin.settle(round_id, scores)
    assert twin.idle() == [10 * NANO, 0]
    assert (poor.burnable(), poor.liabilities()) == (10 * NANO, 20 * NANO)


def test_attack_the_report_of_a_twin_tournament(house: House, project: Any) -> None:
    """Same committee, same round number, same scores: it is final there, and nothing here."""
    twin = twin_of(
        house,
        deploy_tournament(house, project),
    )
    rounds = []
    for each in (house, twin):
        each.stake(house.alice, NANO, SHARE | PPM)
        rounds.append(each.run_to_sealed())
    assert rounds == [1, 1]
    report = twin.report(1, [[PPM]])
    twin.finalise(report)
    assert report == house.report(1, [[PPM]])
    with ape.reverts(house.tournament.ReportNotFinal):
        house.tournament.beginSettlement(report, sender=house.bob)
    twin.tournament.fundPool(NANO * UNIT, sender=house.alice)
    twin.tournament.beginSettlement(report, sender=house.bob)


def test_attack_the_chunk_of_another_round(house: House) -> None:
    """Two rounds with the same positions and scores: each takes its own chunk, once."""
    house.stake(house.alice, 100 * NANO, 50 * NANO)
    rounds = [house.run_to_sealed() for _ in range(2)]
    for round_id in rounds:
        house.begin(house.report(round_id, [[-PPM]]))
    arguments = house.settle_arguments(rounds[0], [[-PPM]])
    house.settle(rounds[0], [[-PPM]])
    with ape.reverts(house.tournament.WrongState):
        house.tournament.settle(*arguments, sender=house.bob)
    house.settle(rounds[1], [[-PPM]])
    assert house.idle() == [95 * NANO]


def test_attack_a_score_that_underflows_into_a_payout(house: House) -> None:
    """The smallest int24 has no positive counterpart."""
    house.tournament.setParameters(PPM, 2**64 - 1, 0, sender=house.admin)
    house.stake(house.alice, 8 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed()
    house.begin(house.report(round_id, [[-(2**23)]]))
    house.settle(round_id, [[-(2**23)]])
    assert house.idle() == [0]
    house.assert_books_balance()


def test_attack_a_model_without_a_position_is_given_a_score(house: House) -> None:
    house.stake(house.alice, 8 * NANO, 0)
    house.stake(house.bob, 8 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed()
    scores = [[HUGE, 0]]
    house.begin(house.report(round_id, scores))
    house.settle(round_id, scores)
    assert house.idle() == [8 * NANO, 8 * NANO]
