"""What Tournament.settle pays and burns"""

from __future__ import annotations

import random

import pytest
from support import NANO, PPM, SHARE, House, outcome


def test_a_short_pool_scales_every_payout_and_no_burn(house: House) -> None:
    house.tournament.setParameters(PPM, 2**64 - 1, 0, sender=house.admin)
    scores = [[PPM, PPM // 3, -PPM // 7, 1, 999_999]]
    for i in range(5):
        house.stake(house.alice, (900 + i) * NANO + i, SHARE | PPM)
    round_id = house.run_to_sealed()
    report = house.report(round_id, scores)
    pool = house.tournament.pool()
    house.begin(report)
    house.settle(round_id, scores)
    positions = house.chunks[round_id][0].lanes
    outcomes = [
        outcome(position, score, PPM, PPM, pool, report[3])
        for position, score in zip(positions, scores[0], strict=False)
    ]
    assert house.idle() == [
        position + paid - burned for position, (paid, burned) in zip(positions, outcomes, strict=False)
    ]
    paid = sum(paid for paid, _ in outcomes)
    assert pool - 5 < paid <= pool < report[3]
    assert (house.tournament.pool(), house.tournament.reserved()) == (pool - paid, 0)
    house.assert_books_balance()


@pytest.mark.parametrize("score", [-(2**23), 2**23 - 1, -PPM, PPM, 0])
def test_extreme_scores_are_clipped_to_the_whole_position_at_most(house: House, score: int) -> None:
    house.tournament.setParameters(PPM, 2**64 - 1, 0, sender=house.admin)
    house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed()
    house.begin(house.report(round_id, [[score]]))
    house.settle(round_id, [[score]])
    assert house.idle() == [0 if score < 0 else 200 * NANO if score else 100 * NANO]
    house.assert_books_balance()


def test_chunks_do_not_matter_to_what_a_position_earns(house: House) -> None:
    two_chunks = [[40_000, -20_000, 90_000, -90_000, 0, 1, -1, 13], [25_000]]
    one_chunk = [two_chunks[0] + two_chunks[1]]
    for _ in range(9):
        house.stake(house.alice, 100 * NANO, 50 * NANO)
    one, two = house.open(), house.open()
    house.lock(one, [True] * 9)
    house.lock(two, [True] * 8)
    house.lock(two, [True], from_slot=2)
    for round_id in (one, two):
        house.end_lock(round_id)
        house.seal(round_id)
    gains = []
    for round_id, chunks in ((one, one_chunk), (two, two_chunks)):
        before = house.idle()
        house.begin(house.report(round_id, chunks))
        for index in reversed(range(len(chunks))):
            house.settle(round_id, chunks, index)
        gains.append([after - stake for after, stake in zip(house.idle(), before, strict=True)])
    assert gains[0] == gains[1]


def test_slots_without_positions_are_left_alone(house: House) -> None:
    for i in range(12):
        house.stake(house.alice, NANO, NANO if i > 7 else 0)
    round_id = house.run_to_sealed()
    scores = [[-PPM] * 12]
    house.begin(house.report(round_id, scores))
    house.settle(round_id, scores)
    assert house.idle() == [NANO] * 8 + [NANO * 95 // 100] * 4


def test_agrees_with_the_reference_on_random_rounds(house: House) -> None:
    rng = random.Random(11)
    house.tournament.setParameters(333_333, 700 * NANO, 0, sender=house.admin)
    for _ in range(23):
        house.stake(house.alice, rng.randrange(1, 99 * NANO), SHARE | PPM)
    for _ in range(3):
        round_id = house.run_to_sealed()
        positions = house.chunks[round_id][0].lanes[:23]
        scores = [
            [rng.choice([rng.randrange(-(2**23), 2**23), rng.randrange(-(10**5), 10**5)]) for _ in positions]
        ]
        house.begin(house.report(round_id, scores))
        factor, cap = house.terms(round_id)
        outcomes = [outcome(p, s, factor, cap, 1, 1) for p, s in zip(positions, scores[0], strict=True)]
        house.settle(round_id, scores)
        assert house.idle() == [
            p + paid - burned for p, (paid, burned) in zip(positions, outcomes, strict=True)
        ]
        house.assert_books_balance()
