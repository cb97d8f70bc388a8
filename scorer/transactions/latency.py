"""Computes how long transactions took, by action, from the journal and the times of blocks.

The journal says when each was signed first (chain time), in which block it was mined, and which block was
final when it was seen to be. So finality is measured to the time of that final block: what the chain took,
and at most the time between two cycles.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from scorer.transactions.intents import Attempt, Intent
from scorer.transactions.request import RequestKey


@dataclass(frozen=True)
class TransactionTimes:
    """One transaction: seconds from its first signature to its block, and from there to finality.

    Attributes
    ----------
    action
        The kind of its request, such as ``settle``.
    bids
        How many bids it took.
    final
        None where it is not final yet.
    """

    action: str
    bids: int
    inclusion: int
    final: int | None


@dataclass(frozen=True)
class Spread:
    """The spread of some durations, seconds; `p95` is the smallest that 95 % do not exceed."""

    count: int
    median: int
    p95: int
    longest: int


@dataclass(frozen=True)
class ActionLatency:
    """The latency of one kind of action."""

    action: str
    inclusion: Spread
    final: Spread | None
    rebid: int
    """Transactions that took more than one bid."""


def blocks_of(intents: Iterable[Intent]) -> set[int]:
    """Return the numbers of blocks whose times are needed."""
    return {block for intent in intents for block in (intent.block, intent.finished_at) if block is not None}


def times_of(
    intents: Iterable[tuple[Intent, Sequence[Attempt]]], time_of: Mapping[int, int], since: int = 0
) -> Iterator[TransactionTimes]:
    """Yield the times of each transaction that was mined and signed at `since` or later.

    Parameters
    ----------
    time_of
        The time of each block, seconds since the epoch, by its number.
    """
    for intent, attempts in intents:
        key = RequestKey.parse(intent.key)
        if intent.block is None or not attempts or attempts[0].signed_at < since:
            continue
        mined = time_of[intent.block]
        seen = None if intent.finished_at is None else max(time_of[intent.finished_at] - mined, 0)
        # A signature takes the head's time: the block that it waits for is never older.
        waited = max(mined - attempts[0].signed_at, 0)
        yield TransactionTimes("other" if key is None else key.kind, len(attempts), waited, seen)


def latencies(times: Iterable[TransactionTimes]) -> list[ActionLatency]:
    """Sum up the times of each kind of action, by name."""
    by_action: dict[str, list[TransactionTimes]] = {}
    for each in times:
        by_action.setdefault(each.action, []).append(each)
    return [_latency(action, by_action[action]) for action in sorted(by_action)]


def spread(durations: Iterable[int]) -> Spread | None:
    """Return how durations are spread; None of none."""
    ordered = sorted(durations)
    if not ordered:
        return None
    count = len(ordered)
    return Spread(count, ordered[(count - 1) // 2], ordered[-(-95 * count // 100) - 1], ordered[-1])


def _latency(action: str, times: Sequence[TransactionTimes]) -> ActionLatency:
    inclusion = spread(each.inclusion for each in times)
    if inclusion is None:
        raise ValueError(f"expected at least one transaction of {action}, found none")
    final = spread(each.final for each in times if each.final is not None)
    return ActionLatency(action, inclusion, final, sum(each.bids > 1 for each in times))
