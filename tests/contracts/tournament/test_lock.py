"""Tournament.lock"""

from __future__ import annotations

import random

import ape
import pytest
from states import state
from support import (
    DAY,
    LOCKED,
    LOCKING,
    NANO,
    OPEN,
    PPM,
    SEALED,
    SHARE,
    ZERO_HASH,
    House,
    allocation_of,
    bitmap,
    is_event,
    only,
    pack,
    pack_slots,
    position_of,
    push_positions,
)

MIN_POSITION = NANO // 100


@state
def nine(house: House) -> list[int]:
    """Nine models, three slots: a fixed NMR each."""
    return [house.stake(house.alice, (i + 1) * 10 * NANO, (i + 1) * NANO) for i in range(9)]


def at_close(house: House, round_id: int, seconds: int = 0) -> None:
    house.at(house.round(round_id).closeAt + seconds)


def test_reverts_for_others_than_the_operator(house: House, nine: list[int]) -> None:
    round_id = house.open()
    at_close(house, round_id)
    with ape.reverts(house.tournament.AccessManagedUnauthorized, caller=house.alice):
        house.tournament.lock(round_id, 0, b"\xff", sender=house.alice)


def test_reverts_while_paused(house: House, nine: list[int]) -> None:
    round_id = house.open()
    at_close(house, round_id)
    house.tournament.pause(DAY, sender=house.guardian)
    with ape.reverts(house.tournament.TournamentPaused):
        house.tournament.lock(round_id, 0, b"\xff", sender=house.operator)


def test_reverts_for_a_round_that_does_not_exist(house: House, nine: list[int]) -> None:
    with ape.reverts(house.tournament.WrongState, roundId=1, state=0, expected=OPEN):
        house.tournament.lock(1, 0, b"\xff", sender=house.operator)


def test_reverts_once_the_lock_has_ended(house: House, nine: list[int]) -> None:
    """Also above and below what is locked, and in a round in which nothing is."""
    locked, empty = house.open(), house.open()
    house.lock(locked, [True] * 4, from_slot=1)
    for round_id, reached in ((locked, LOCKED), (empty, LOCKED), (locked, SEALED)):
        house.end_lock(round_id) if reached == LOCKED else house.seal(round_id)
        for from_slot in (0, 1, 2):
            with ape.reverts(house.tournament.WrongState, roundId=round_id, state=reached, expected=OPEN):
                house.tournament.lock(round_id, from_slot, b"\1", sender=house.operator)


def test_reverts_before_the_close(house: House, nine: list[int]) -> None:
    round_id = house.open()
    close = house.round(round_id).closeAt
    house.at(close - 1)
    with ape.reverts(house.tournament.TooEarly, timestamp=close - 1, notBefore=close):
        house.tournament.lock(round_id, 0, b"\xff", sender=house.operator)


@pytest.mark.parametrize(("scoring", "window"), [(20 * DAY, DAY), (3_600, 900)])
def test_reverts_once_the_window_has_passed(house: House, nine: list[int], scoring: int, window: int) -> None:
    """One day, or a quarter of the way to the outcome if that is sooner: nobody locks in hindsight."""
    round_id = house.open(scoring=scoring)
    end = house.round(round_id).closeAt + window
    house.at(end)
    with ape.reverts(house.tournament.TooLate, timestamp=end, before=end):
        house.tournament.lock(round_id, 0, b"\xff", sender=house.operator)


def test_locks_in_the_last_second_of_the_window(house: House, nine: list[int]) -> None:
    round_id = house.open()
    at_close(house, round_id, DAY - 1)
    house.lock(round_id, [True])
    assert house.round(round_id).state == LOCKING


@pytest.mark.parametrize(
    ("from_slot", "slots", "to_slot"), [(0, 2, 2), (0, 4, 3), (1, 2, 3), (1, 4, 3), (2, 2, 3)]
)
def test_reverts_for_slots_that_may_be_locked_already(
    house: House, nine: list[int], from_slot: int, slots: int, to_slot: int
) -> None:
    house.stake(house.alice, NANO)
    round_id = house.open()
    house.lock(round_id, [True] * 8, from_slot=1)
    hull = {"fromSlot": from_slot, "toSlot": to_slot, "firstSlot": 1, "nextSlot": 3}
    with ape.reverts(house.tournament.SlotsLockedBefore, **hull):
        house.tournament.lock(round_id, from_slot, b"\xff" * (slots // 2), sender=house.operator)


def test_locks_downwards_and_upwards_whatever_was_locked_lies_between(house: House, nine: list[int]) -> None:
    for _ in range(15):
        house.stake(house.alice, NANO)
    round_id = house.open()
    for from_slot, hull in ((2, (2, 4)), (0, (0, 4)), (4, (0, 6))):
        house.lock(round_id, [True] * 8, from_slot=from_slot)
        is_event(house.round(round_id), firstSlot=hull[0], nextSlot=hull[1])
    assert house.round(round_id).atRisk == 45 * NANO
    with ape.reverts(house.tournament.SlotsLockedBefore):
        house.tournament.lock(round_id, 0, b"\xff", sender=house.operator)
    house.end_lock(round_id)
    house.seal(round_id)
    scores = [[PPM, 0, 0, 0, 0, 0, 0, 0], [0] * 8, [0] * 8]
    house.begin(house.report(round_id, scores))
    for index in (2, 1, 0):
        house.settle(round_id, scores, index)
    house.assert_books_balance()


def test_reverts_for_a_chunk_that_might_be_too_large_to_settle(house: House, nine: list[int]) -> None:
    """Where stakes were locked whole, settling costs 3.5 times the gas: it must fit in a transaction too."""
    round_id = house.open()
    at_close(house, round_id)
    with ape.reverts(house.tournament.ChunkTooLarge, slots=514, maximum=512):
        house.tournament.lock(round_id, 0, b"\xff" * 257, sender=house.operator)
    house.tournament.lock(round_id, 0, b"\xff" * 256, sender=house.operator)
    assert house.round(round_id).nextSlot == 3


def test_reverts_for_a_chunk_that_covers_nothing(house: House, nine: list[int]) -> None:
    round_id = house.open()
    at_close(house, round_id)
    with ape.reverts(house.tournament.EmptyChunk, fromSlot=0, toSlot=0):
        house.tournament.lock(round_id, 0, b"", sender=house.operator)
    with ape.reverts(house.tournament.EmptyChunk, fromSlot=3, toSlot=3):
        house.tournament.lock(round_id, 3, b"\xff", sender=house.operator)


def test_moves_positions_out_of_idle_and_publishes_them(house: House, nine: list[int]) -> None:
    round_id = house.open()
    receipt = house.lock(round_id, [True, False, True, True, False, False, False, False, True])
    words = [pack([NANO, 0, 3 * NANO, 4 * NANO]), 0, pack([9 * NANO, 0, 0, 0])]
    is_event(only(receipt, house.tournament.PositionsLocked), roundId=round_id, fromSlot=0, positions=words)
    assert house.idle() == [NANO * x for x in (9, 20, 27, 36, 50, 60, 70, 80, 81)]
    is_event(
        house.round(round_id),
        state=LOCKING, atRisk=17 * NANO, nextSlot=3, positionsHead=push_positions(ZERO_HASH, 0, words),
    )  # fmt: skip
    house.assert_books_balance()


def test_pushes_each_chunk_on_the_one_before(house: House, nine: list[int]) -> None:
    round_id = house.open()
    house.lock(round_id, [True] * 8)
    house.lock(round_id, [True], from_slot=2)
    first = push_positions(ZERO_HASH, 0, pack_slots([NANO * x for x in range(1, 9)]))
    second = push_positions(first, 2, [9 * NANO])
    is_event(house.round(round_id), positionsHead=second, atRisk=45 * NANO, nextSlot=3)
    house.assert_books_balance()


def test_leaves_out_slots_between_chunks(house: House, nine: list[int]) -> None:
    round_id = house.open()
    house.lock(round_id, [True] * 4, from_slot=2)
    assert house.idle()[:8] == [NANO * 10 * x for x in range(1, 9)]
    assert house.round(round_id).atRisk == 9 * NANO


def test_ignores_bits_beyond_the_lanes_in_use(house: House, nine: list[int]) -> None:
    round_id = house.open()
    at_close(house, round_id)
    receipt = house.tournament.lock(round_id, 0, b"\xff" * 40, sender=house.operator)
    assert len(only(receipt, house.tournament.PositionsLocked).positions) == 3
    assert house.round(round_id).atRisk == 45 * NANO


def test_an_odd_last_slot_does_not_reach_into_the_next_one(house: House, nine: list[int]) -> None:
    """One byte covers two slots, also where the second one's bits are clear: the next chunk is after."""
    round_id = house.open()
    house.lock(round_id, [True] * 4)
    assert house.round(round_id).nextSlot == 2


@pytest.mark.parametrize(
    ("idle", "allocation", "position"),
    [
        (5 * NANO, 0, 0),
        (5 * NANO, 9 * NANO, 5 * NANO),
        (5 * NANO, 9_900_000 * NANO, 5 * NANO),
        (5 * NANO, SHARE | PPM, 5 * NANO),
        (5 * NANO + 7, SHARE | 335_000, (5 * NANO + 7) * 335_000 // PPM),
        (2 * MIN_POSITION - 1, SHARE | 500_000, 0),
        (5 * NANO, MIN_POSITION, MIN_POSITION),
        (MIN_POSITION - 1, SHARE | PPM, 0),
        (MIN_POSITION, SHARE | PPM, MIN_POSITION),
    ],
)
def test_takes_the_allocation_within_idle_or_nothing(
    house: House, idle: int, allocation: int, position: int
) -> None:
    house.stake(house.alice, idle, allocation)
    round_id = house.open()
    receipt = house.lock(round_id, [True])
    assert list(only(receipt, house.tournament.PositionsLocked).positions) == [position]
    assert house.idle() == [idle - position]


def test_a_deposit_after_the_close_may_count_and_one_after_the_lock_does_not(house: House) -> None:
    model = house.stake(house.alice, NANO, SHARE | PPM)
    round_id = house.open()
    at_close(house, round_id)
    house.deposit(model, NANO, house.alice)
    house.lock(round_id, [True])
    house.deposit(model, NANO, house.alice)
    assert house.round(round_id).atRisk == 2 * NANO
    assert house.idle() == [NANO]


def test_a_stake_is_at_risk_in_one_round_at_a_time(house: House) -> None:
    house.stake(house.alice, 10 * NANO, SHARE | PPM)
    first, second = house.open(), house.open()
    house.lock(first, [True])
    house.lock(second, [True])
    assert (house.round(first).atRisk, house.round(second).atRisk) == (10 * NANO, 0)
    house.assert_books_balance()


def test_uses_the_smallest_position_frozen_in_the_round(house: House) -> None:
    house.stake(house.alice, NANO, SHARE | PPM)
    round_id = house.open()
    house.tournament.setParameters(50_000, 0, 2 * NANO, sender=house.admin)
    house.lock(round_id, [True])
    assert house.round(round_id).atRisk == NANO


def test_agrees_with_the_reference_on_random_stakes(house: House) -> None:
    rng = random.Random(7)
    idle = [rng.choice([MIN_POSITION, rng.randrange(1, 90 * NANO)]) for _ in range(22)]
    fixed = [rng.choice([0, allocation_of(rng.randrange(1, 400))]) for _ in idle]
    share = [allocation_of(rng.choice([811, 1010, rng.randrange(811, 1011)])) for _ in idle]
    allocations = [rng.choice(pair) for pair in zip(fixed, share, strict=True)]
    bits = [rng.random() < 0.8 for _ in idle]
    for stake, allocation in zip(idle, allocations, strict=True):
        house.stake(house.alice, stake, allocation)
    round_id = house.open()
    receipt = house.lock(round_id, bits)
    expected = [
        position_of(stake, allocation, MIN_POSITION) if bit else 0
        for stake, allocation, bit in zip(idle, allocations, bits, strict=True)
    ]
    assert list(only(receipt, house.tournament.PositionsLocked).positions) == pack_slots(expected)
    assert house.round(round_id).atRisk == sum(expected)
    assert house.idle() == [stake - position for stake, position in zip(idle, expected, strict=True)]
    assert bitmap(bits)[-1] < 64
    house.assert_books_balance()
