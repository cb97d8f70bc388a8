"""How an operator cuts a lock into chunks, and follows the settlement of another round with them."""

from collections.abc import Sequence
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.operator.locking import Hull, LockChunk, LockStep, SlotRange, ascending, lock_steps, plan_locks

LANES = 4
LARGEST_CHUNK = 512


def lanes_of(chunk: LockChunk) -> set[int]:
    """The lanes whose bit is set, as the contract reads them: least significant first."""
    return {
        LANES * chunk.from_slot + 8 * byte + bit
        for byte, value in enumerate(chunk.bitmap)
        for bit in range(8)
        if value >> bit & 1
    }


class Contract:
    """What ``Tournament.lock`` and ``settle`` keep of one round that is locked and one that is settled."""

    def __init__(self, slots: int, left: Sequence[SlotRange] = ()) -> None:
        self.slots, self.left, self.hull = slots, list(left), Hull()
        self.locked: list[SlotRange] = []
        self.lanes: list[int] = []

    def lock(self, chunk: LockChunk) -> None:
        size = 2 * len(chunk.bitmap)
        start, stop = chunk.from_slot, min(chunk.from_slot + size, self.slots)
        assert size <= LARGEST_CHUNK
        assert start < stop
        assert self.hull.is_empty or stop <= self.hull.first or start >= self.hull.next, "SlotsLockedBefore"
        first = start if self.hull.is_empty else min(start, self.hull.first)
        self.hull = Hull(first, max(stop, self.hull.next))
        self.locked.append((start, stop))
        self.lanes += sorted(lane for lane in lanes_of(chunk) if lane < LANES * stop)

    def take(self, step: LockStep) -> None:
        for index in step.settles:
            assert index == len(self.left) - 1, "NotTopOfStack"
            self.left.pop()
        self.lock(step.chunk)

    def lock_all(self, lanes: set[int], size: int) -> list[LockStep]:
        """Lock by one step at a time, each planned anew from what the contract says."""
        steps = []
        while (step := next(lock_steps(ascending(lanes), self.hull, size, self.left), None)) is not None:
            self.take(step)
            steps.append(step)
        return steps


def rolled(steps: Sequence[LockStep]) -> list[tuple[int, int]]:
    """First slots and chunks of the steps that settle and lock the same slots."""
    return [(step.chunk.from_slot, step.settles[-1]) for step in steps if step.settles]


def test_nobody_taking_part_needs_no_chunk() -> None:
    assert plan_locks([]) == ()
    assert [*lock_steps(ascending([]), Hull(), 2, [(0, 2)])] == []


def test_a_chunk_in_which_nobody_takes_part_is_left_out() -> None:
    chunks = plan_locks([0, 1000], slots_per_chunk=4)
    assert [chunk.from_slot for chunk in chunks] == [0, 248]


def test_a_bitmap_ends_with_the_last_model_that_takes_part() -> None:
    assert plan_locks([0, 9]) == (LockChunk(0, b"\x01\x02"),)


def test_slots_that_were_locked_before_are_not_planned_again() -> None:
    chunks = plan_locks([0, 5, 9, 14], Hull(0, 2), slots_per_chunk=2)
    assert set().union(*map(lanes_of, chunks)) == {9, 14}


def test_slots_below_what_is_locked_are_locked_downwards() -> None:
    chunks = plan_locks([0, 9, 17, 33], Hull(4, 8), slots_per_chunk=2)
    assert [chunk.from_slot for chunk in chunks] == [8, 2, 0]


def test_a_round_that_was_locked_upwards_is_followed_downwards_and_that_one_upwards() -> None:
    lanes = set(range(24))
    first, second = Contract(6), Contract(6)
    first.lock_all(lanes, 2)
    assert first.locked == [(0, 2), (2, 4), (4, 6)]
    second.left = [*first.locked]
    assert rolled(second.lock_all(lanes, 2)) == [(4, 2), (2, 1), (0, 0)]
    third = Contract(6, second.locked)
    assert rolled(third.lock_all(lanes, 2)) == [(0, 2), (2, 1), (4, 0)]


@pytest.mark.parametrize(("goes_down", "expected"), [(True, [6, 4, 2, 0]), (False, [0, 2, 4, 6])])
def test_slots_beyond_those_of_the_other_round_are_locked_alone_in_the_same_order(
    goes_down: bool, expected: list[int]
) -> None:
    """So that whoever follows this round finds one order again."""
    left = [(0, 2), (2, 4)] if goes_down else [(2, 4), (0, 2)]
    contract = Contract(8, left)
    steps = contract.lock_all(set(range(32)), 2)
    assert [start for start, _ in contract.locked] == expected
    assert len(rolled(steps)) == 2


def test_chunks_are_cut_where_the_other_round_was_cut_whatever_our_own_size() -> None:
    contract = Contract(20, [(0, 6), (6, 12), (12, 13)])
    steps = contract.lock_all(set(range(80)), 4)
    assert rolled(steps) == [(12, 2), (6, 1), (0, 0)]
    assert contract.locked == [(16, 20), (12, 16), (6, 12), (0, 6)]


def test_a_late_model_that_was_locked_out_of_order_is_settled_on_the_way() -> None:
    lanes = set(range(24))
    contract = Contract(8, [(4, 6), (2, 4), (0, 2), (6, 8)])
    steps = contract.lock_all(lanes, 2)
    assert steps[0].settles == (3, 2)
    assert rolled(steps) == [(0, 2), (2, 1), (4, 0)]


def test_without_another_round_everything_is_locked_upwards() -> None:
    contract = Contract(6)
    assert rolled(contract.lock_all(set(range(24)), 2)) == []
    assert contract.locked == [(0, 2), (2, 4), (4, 6)]


def test_a_chunk_that_somebody_settled_first_is_locked_alone() -> None:
    contract = Contract(6, [(0, 2), (2, 4), (4, 6)])
    contract.left.pop()
    assert rolled(contract.lock_all(set(range(24)), 2)) == [(2, 1), (0, 0)]
    assert sorted(contract.locked) == [(0, 2), (2, 4), (4, 6)]


SLOTS = 60
SIZES = st.sampled_from([2, 4, 10, 16, 256])
LANE_SETS = st.sets(st.integers(0, LANES * SLOTS - 1))


@st.composite
def locked_before(draw: st.DrawFn) -> list[SlotRange]:
    """Chunks of an earlier round, in any order that the contract takes."""
    contract = Contract(draw(st.integers(1, SLOTS)))
    for _ in range(draw(st.integers(0, 8))):
        start, length = draw(st.integers(0, contract.slots - 1)), 2 * draw(st.integers(1, 8))
        stop, hull = min(start + length, contract.slots), contract.hull
        if hull.is_empty or stop <= hull.first or start >= hull.next:
            contract.lock(LockChunk(start, b"\xff" * (length // 2)))
    return contract.locked


@given(
    LANE_SETS,
    st.tuples(SIZES, SIZES),
    locked_before(),
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1),
)
def test_every_lane_is_locked_once_whatever_was_locked_before_and_whoever_settles(
    lanes: set[int], sizes: tuple[int, int], left: list[SlotRange], dice: list[tuple[bool, bool]]
) -> None:
    """Taken up again after each step, with chunks of another size, and with chunks that others settle."""
    contract = Contract(SLOTS, left)
    for size_chosen, is_settled_by_others in cycle(dice):
        size = sizes[size_chosen]
        step = next(lock_steps(ascending(lanes), contract.hull, size, contract.left), None)
        if step is None:
            break
        contract.take(step)
        if contract.left and is_settled_by_others:
            contract.left.pop()
    assert sorted(contract.lanes) == sorted(lanes)


@given(LANE_SETS.filter(bool), SIZES, st.lists(LANE_SETS.filter(bool), min_size=1, max_size=4))
def test_rounds_that_follow_each_other_share_every_chunk_of_which_both_have_models(
    lanes: set[int], size: int, later: list[set[int]]
) -> None:
    before = Contract(SLOTS)
    before.lock_all(lanes, size)
    for wanted in later:
        contract = Contract(SLOTS, before.locked)
        steps = contract.lock_all(wanted, size)
        assert sorted(contract.lanes) == sorted(wanted)
        in_both = {
            index
            for index, (start, stop) in enumerate(before.locked)
            if any(start <= lane // LANES < stop for lane in wanted)
        }
        assert in_both <= {index for _, index in rolled(steps)}
        before = contract


@given(LANE_SETS, SIZES)
def test_two_rounds_of_the_same_models_share_all_their_chunks(lanes: set[int], size: int) -> None:
    before = Contract(SLOTS)
    before.lock_all(lanes, size)
    for _ in range(3):
        contract = Contract(SLOTS, before.locked)
        steps = contract.lock_all(lanes, size)
        assert len(rolled(steps)) == len(steps) == len(before.locked)
        assert contract.locked == before.locked[::-1]
        before = contract
