"""How an operator cuts a lock into chunks."""

from hypothesis import given
from hypothesis import strategies as st

from scorer.oracle.operator import LockChunk, plan_locks


def lanes_of(chunk: LockChunk) -> set[int]:
    """The lanes whose bit is set, as the contract reads them: least significant first."""
    return {
        4 * chunk.from_slot + 8 * byte + bit
        for byte, value in enumerate(chunk.bitmap)
        for bit in range(8)
        if value >> bit & 1
    }


def test_nobody_taking_part_needs_no_chunk() -> None:
    assert plan_locks([]) == ()


def test_a_chunk_in_which_nobody_takes_part_is_left_out() -> None:
    chunks = plan_locks([0, 1000], slots_per_chunk=4)
    assert [chunk.from_slot for chunk in chunks] == [0, 248]


def test_a_bitmap_ends_with_the_last_model_that_takes_part() -> None:
    assert plan_locks([0, 9]) == (LockChunk(0, b"\x01\x02"),)


def test_slots_that_were_locked_before_are_not_planned_again() -> None:
    chunks = plan_locks([0, 5, 9, 14], next_slot=2, slots_per_chunk=2)
    assert set().union(*map(lanes_of, chunks)) == {9, 14}


@given(st.sets(st.integers(0, 400)), st.sampled_from([2, 4, 16, 256]), st.integers(0, 100))
def test_chunks_ascend_without_overlap_and_hold_every_lane_once(
    lanes: set[int], slots: int, next_slot: int
) -> None:
    chunks = plan_locks(sorted(lanes), next_slot=next_slot, slots_per_chunk=slots)
    ends = [chunk.from_slot + 2 * len(chunk.bitmap) for chunk in chunks]
    starts = [chunk.from_slot for chunk in chunks]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
    assert all(2 * len(chunk.bitmap) <= slots for chunk in chunks)
    assert sorted(lane for chunk in chunks for lane in lanes_of(chunk)) == sorted(
        lane for lane in lanes if lane >= 4 * next_slot
    )
