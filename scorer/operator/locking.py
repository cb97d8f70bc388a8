"""Cuts a lock into chunks, and says which chunks of another round are settled on the way.

The contract takes a chunk that lies wholly on either side of what a round has locked, and settles the chunk
first that was locked last. So a round that was locked upwards is settled downwards; whoever locks the next
one downwards, with the same cuts, lets every slot's stakes return and leave again in one transaction.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.chain.records import RoundRecord
from scorer.protocol.chunks import LANES

SLOTS_PER_CHUNK: Final = 256
"""Small enough to settle within any RPC's fee cap; a chunk of a lock begins on an even slot of its bitmap."""
SlotRange = tuple[int, int]
"""The first slot of a chunk, and the one after its last."""


@dataclass(frozen=True)
class Hull:
    """The slots from `first` to before `next`, in which all locked stakes lie; zeros for none."""

    first: int = 0
    next: int = 0

    @classmethod
    def of(cls, record: RoundRecord) -> "Hull":
        """Return the hull of a round."""
        return cls(record.first_slot, record.next_slot)

    def with_final(self, final: "Hull") -> "Hull":
        """Return this hull; where it lacks slots that are locked for good, the one that an endpoint hid."""
        is_whole = final.is_empty or (self.first <= final.first and self.next >= final.next)
        return self if is_whole else final

    @property
    def is_empty(self) -> bool:
        """True where nothing is locked yet."""
        return not self.next


UNLOCKED: Final = Hull()


@dataclass(frozen=True)
class LockChunk:
    """Lock a run of slots; `bitmap` as ``Tournament.lock`` takes it."""

    from_slot: int
    bitmap: bytes


@dataclass(frozen=True)
class LockStep:
    """One transaction on the way to a locked round.

    Attributes
    ----------
    settles
        The chunks of the other round that it settles before, one after the other, counted as that round
        locked them. More than one where chunks that lie elsewhere come first.
    """

    chunk: LockChunk
    settles: tuple[int, ...] = ()


def ascending(lanes: Iterable[int]) -> NDArray[np.int64]:
    """Return lanes in the form in which they are planned."""
    return np.array(sorted(lanes), dtype=np.int64)


def plan_locks(
    lanes: Iterable[int], hull: Hull = UNLOCKED, slots_per_chunk: int = SLOTS_PER_CHUNK
) -> tuple[LockChunk, ...]:
    """Cut the lanes that take part, and are not locked yet, into chunks.

    Parameters
    ----------
    lanes
        Lanes of models whose stake is to be locked, in any order.
    hull
        The slots that are locked already.
    slots_per_chunk
        An even number. Chunks begin at its multiples, whatever was locked before: cut again after a restart,
        they are the same.

    Returns
    -------
    tuple[LockChunk, ...]
        In an order that the contract takes: ascending above the hull, then descending below it. A chunk in
        which nobody takes part is left out.
    """
    return tuple(step.chunk for step in lock_steps(ascending(lanes), hull, slots_per_chunk))


def lock_steps(
    wanted: NDArray[np.int64], hull: Hull, slots_per_chunk: int, left: Sequence[SlotRange] = ()
) -> Iterator[LockStep]:
    """Yield what is left to be sent to lock a round while another one is settled, in order.

    It depends on nothing but what the chain says: taken up again after any of its steps, or after somebody
    else settled a chunk, it goes on from there.

    Parameters
    ----------
    wanted
        Ascending lanes whose stake is to be locked, whether or not some are locked already.
    hull
        The slots that are locked already.
    slots_per_chunk
        An even number.
    left
        Chunks of the other round that are not settled yet, as it locked them: the last one is settled first.
        Without any, everything is locked alone.
    """
    run = _longest_run(left)
    ranges = _ranges(wanted, hull, slots_per_chunk, [left[index] for index in run])
    index_of, unsettled = {left[index][0]: index for index in run}, len(left)
    for start, stop in _in_order(ranges, hull, _goes_down(left, run, hull)):
        chunk = _chunk(wanted, start, stop)
        if chunk is None:
            continue
        index = index_of.get(start, unsettled)
        yield LockStep(chunk, tuple(range(unsettled - 1, index - 1, -1)))
        unsettled = min(unsettled, index)


def _longest_run(left: Sequence[SlotRange]) -> range:
    """Return the longest run of chunks that follow each other in one direction, all beginning on even slots.

    Beside it are at most the few chunks of models that got their lane while the round was being locked.
    """
    best, start = range(0), 0
    for end in range(1, len(left) + 1):
        if left[end - 1][0] % 2:
            start = end
        elif end - start > 2 and _turns(left[end - 3 : end]):
            start = end - 2
        if end - start >= len(best):
            best = range(start, end)
    return best


def _turns(three: Sequence[SlotRange]) -> bool:
    (first, _), (second, _), (third, _) = three
    return (first < second) != (second < third)


def _goes_down(left: Sequence[SlotRange], run: range, hull: Hull) -> bool:
    """Say whether to lock downwards, so as to follow a run as it is settled: the last of it first."""
    if len(run) > 1:
        return left[run[0]][0] < left[run[-1]][0]
    return bool(run) and left[run[0]][0] < hull.first


def _ranges(wanted: NDArray[np.int64], hull: Hull, size: int, others: Sequence[SlotRange]) -> list[SlotRange]:
    """Return the ranges of chunks outside of the hull, ascending; those of `others` at least as long.

    A bitmap covers an even number of slots: from the hull on, all ranges have an even length.
    """
    end = int(wanted[-1]) // LANES + 1 if len(wanted) else 0
    edges = _edges(end, size, dict(others))
    shift = hull.next % 2
    above = [(max(start + shift, hull.next), stop + shift) for start, stop in pairwise(edges)]
    if hull.is_empty:
        return above
    odd = hull.first % 2
    lower = [max(edge - odd, odd) for edge in edges]
    below = [(start, min(stop, hull.first)) for start, stop in pairwise(lower)]
    return [(start, stop) for start, stop in (*below, *above) if start < stop]


def _edges(end: int, size: int, others: dict[int, int]) -> list[int]:
    """Return the even slots at which chunks are cut: multiples of a size, and other chunks' first slots."""
    edges, starts = [0], sorted(others)
    while (start := edges[-1]) < end:
        stop = start - start % size + size
        if start in others:
            stop = max(stop, others[start] + others[start] % 2)
        following = bisect_right(starts, start)
        edges.append(min([stop, *starts[following : following + 1]]))
    return edges


def _in_order(ranges: Sequence[SlotRange], hull: Hull, goes_down: bool) -> Iterator[SlotRange]:
    """Return ranges in an order in which none lies within the hull of those before."""
    if hull.is_empty:
        return iter(ranges[::-1] if goes_down else ranges)
    above = [slots for slots in ranges if slots[0] >= hull.next]
    below = [slots for slots in ranges if slots[0] < hull.next][::-1]
    return iter([*below, *above] if goes_down else [*above, *below])


def _chunk(wanted: NDArray[np.int64], start: int, stop: int) -> LockChunk | None:
    """Return the chunk of some slots; None where nobody takes part."""
    first, end = np.searchsorted(wanted, (start * LANES, stop * LANES)).tolist()
    if first == end:
        return None
    bits = np.zeros((stop - start) * LANES, dtype=np.uint8)
    bits[wanted[first:end] - start * LANES] = 1
    # The contract takes a chunk's length from its bitmap: without zeros at the end, it ends with its last
    # model.
    return LockChunk(start, np.packbits(bits, bitorder="little").tobytes().rstrip(b"\0"))
