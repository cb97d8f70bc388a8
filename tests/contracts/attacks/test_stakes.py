"""What owners of models may try: to leave before they lose, to count for more, to be in everybody's way."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from support import MAX_LIABILITIES, NANO, PPM, SHARE, UNIT, House
from twins import deploy_tournament, twin_of

LARGEST = MAX_LIABILITIES


def test_attack_to_leave_between_lock_and_settlement(house: House) -> None:
    """Withdrawing, a zero allocation, and selling the model: the position burns all the same."""
    model = house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed()
    with ape.reverts(house.tournament.InsufficientIdle, idle=0, amount=1):
        house.tournament.withdraw(model, UNIT, house.alice, sender=house.alice)
    house.tournament.setAllocation(model, 0, sender=house.alice)
    house.registry.transferFrom(house.alice, house.bob, model, sender=house.alice)
    house.begin(house.report(round_id, [[-PPM]]))
    house.settle(round_id, [[-PPM]])
    assert house.idle() == [95 * NANO]
    with ape.reverts(house.tournament.NotModelOwner):
        house.tournament.withdraw(model, UNIT, house.alice, sender=house.alice)
    house.tournament.withdraw(model, 95 * NANO * UNIT, house.bob, sender=house.bob)


def test_attack_to_raise_the_stake_once_the_outcome_shows(house: House) -> None:
    """What comes after the lock is in no position of the round, however good its score."""
    model = house.stake(house.alice, 10 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed()
    house.pass_to(house.round(round_id).resolveAt)
    house.deposit(model, 10_000 * NANO, house.alice)
    house.begin(house.report(round_id, [[PPM]]))
    house.settle(round_id, [[PPM]])
    assert house.idle() == [10_010 * NANO + 10 * NANO // 20]


def test_attack_one_unit_deposited_before_the_settlement_to_make_it_fail(house: House) -> None:
    """Numerai's contract compared with the live stake, and one wei of anybody's made a settlement revert."""
    for _ in range(2):
        house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed()
    house.begin(house.report(round_id, [[-PPM, -PPM]]))
    house.deposit(2, 1, house.bob)
    house.settle(round_id, [[-PPM, -PPM]])
    assert house.idle() == [95 * NANO, 95 * NANO + 1]


def test_attack_dust_models_are_not_worth_a_lane_of_the_round(house: House) -> None:
    """A dozen models of one unit each: no position, no storage written, only 12 bytes of scores a slot."""
    house.stake(house.alice, 100 * NANO, SHARE | PPM)
    owner = house.bob
    for _ in range(12):
        house.stake(owner, 1, SHARE | PPM)
    idle = house.idle()
    house.open()
    receipt = house.lock(1, [True] * 13)
    assert house.chunks[1][0].lanes == [100 * NANO] + [0] * 15
    assert house.idle() == [0, *idle[1:]]
    whole = receipt.gas_used
    house.end_lock(1)
    house.seal(1)
    house.begin(house.report(1, [[0] * 13 + [0] * 3]))
    settled = house.settle(1, [[0] * 16])
    assert house.idle() == idle
    assert whole < 150_000 > settled.gas_used


def test_attack_dust_that_rounds_in_its_own_favour(house: House) -> None:
    """Positions of a few units, for which a cap of 5 % is less than one: nothing paid, and nothing burned."""
    house.tournament.setParameters(50_000, 2**64 - 1, 0, sender=house.admin)
    for units in (1, 2, 19, 20, 21):
        house.stake(house.alice, units, SHARE | PPM)
    scores = [[PPM] * 5]
    for score in (PPM, -PPM):
        scores = [[score] * 5]
        round_id = house.run_to_sealed()
        house.begin(house.report(round_id, scores))
        house.settle(round_id, scores)
        assert house.idle()[:3] == [1, 2, 19]
        house.assert_books_balance()
    assert house.idle() == [1, 2, 19, 20, 21]


def test_attack_rounding_that_leaves_the_last_staker_short(house: House) -> None:
    """Odd stakes, odd scores, a short pool, round after round: still everybody takes everything out."""
    house.tournament.setParameters(PPM, 777 * NANO, 0, sender=house.admin)
    models = [house.stake(house.alice, 333 * NANO + 7 * i + 1, SHARE | PPM) for i in range(7)]
    for k in range(3):
        scores = [[(-1) ** (i + k) * (123_457 * (i + 1) + k) for i in range(7)]]
        round_id = house.run_to_sealed()
        house.begin(house.report(round_id, scores))
        house.settle(round_id, scores)
    for model in models:
        idle = house.tournament.idleOf(model)
        house.tournament.withdraw(model, idle * UNIT, house.alice, sender=house.alice)
    assert house.idle() == [0] * 7
    house.assert_books_balance()


def test_attack_the_same_stake_at_risk_twice_for_two_payouts(house: House) -> None:
    house.stake(house.alice, 100 * NANO, SHARE | PPM)
    first, second = house.open(), house.open()
    house.lock(first, [True])
    house.lock(second, [True])
    assert house.chunks[first][0].lanes[0] == 100 * NANO
    assert house.chunks[second][0].lanes[0] == 0


def test_attack_one_owner_in_the_way_of_a_whole_chunk(house: House, hostile_types: Any) -> None:
    """A chunk settles whoever owns its models: nothing is sent to them, and they are not asked."""
    obstacle = hostile_types["HostileReceiver"].deploy(sender=house.bob)
    for _ in range(2):
        house.stake(house.alice, 100 * NANO, SHARE | PPM)
    house.registry.transferFrom(house.alice, obstacle, 1, sender=house.alice)
    round_id = house.run_to_sealed()
    house.begin(house.report(round_id, [[PPM, -PPM]]))
    house.settle(round_id, [[PPM, -PPM]])
    assert house.idle() == [105 * NANO, 95 * NANO]


@pytest.mark.parametrize("lane", [0, 3])
def test_attack_a_lane_at_its_maximum_spills_into_its_neighbours(
    house: House, project: Any, hostile_types: Any, lane: int
) -> None:
    """All that can be owed lies in the first lane of a slot or the last, and all of it burns."""
    token = hostile_types["HostileToken"].deploy(sender=house.bob)
    rich = deploy_tournament(house, project, token=token, cap=PPM, threshold=2**64 - 1)
    twin = twin_of(house, rich, token)
    token.give(house.alice, (LARGEST + 1) * UNIT, sender=house.bob)
    for i in range(4):
        model = twin.stake(house.alice, LARGEST - 4 if i == lane else 1, SHARE | PPM)
        assert model == i + 1
    rich.fundPool(UNIT, sender=house.alice)
    with ape.reverts(rich.LiabilitiesTooLarge, liabilities=LARGEST + 1, maximum=LARGEST):
        rich.fundPool(UNIT, sender=house.alice)
    full = [LARGEST - 4 if i == lane else 1 for i in range(4)]
    for score, change in ((0, 0), (PPM, 1), (-PPM, -(LARGEST - 3))):
        scores = [[score if i == lane else 0 for i in range(4)]]
        round_id = twin.run_to_sealed()
        assert twin.idle() == [0] * 4
        twin.begin(twin.report(round_id, scores))
        twin.settle(round_id, scores)
        full[lane] += change
        assert twin.idle() == full
    assert full[lane] == 0
    assert (rich.liabilities(), rich.burnable()) == (LARGEST, LARGEST - 3)
    rich.sendBurned(sender=house.bob)
    assert rich.liabilities() == 3
    assert token.balanceOf(rich) == 3 * UNIT
