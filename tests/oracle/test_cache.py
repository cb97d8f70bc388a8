from typing import Any

from scorer.chain.records import ProposalStatus
from scorer.oracle import cache as room
from scorer.oracle.cache import MemberCache, ProofSearch


def remembered(cache: MemberCache) -> int:
    """How many entries of rounds and reports a member's process holds."""
    by_round = len(cache.sealed) + len(cache.sealed_at) + len(cache.consistent) + len(cache.confirmed)
    return by_round + len(cache.sources) + len(cache.refusals) + len(cache.disproofs)


def test_what_is_remembered_of_rounds_that_are_over_does_not_grow() -> None:
    """Three years of a round a day, each of which is over three days later."""
    cache, suite, anything = MemberCache(), Any, Any
    held = []
    for day in range(1, 1200):
        cache.rounds.unfinished = {day - 2, day - 1, day}
        cache.sealed[day] = anything  # type: ignore[assignment]
        cache.sealed_at[day] = day
        cache.consistent.add(day)
        cache.confirmed.add((suite, day))  # type: ignore[arg-type]
        cache.sources[day] = (anything, ())  # type: ignore[assignment]
        cache.refusals[day.to_bytes(32, "big")] = ()
        cache.disproofs[day.to_bytes(32, "big")] = ProofSearch(0, None)
        cache.drop_over()
        held.append(remembered(cache))
    assert held[-1] == held[-100] == 5 * 3 + 2 * room.MOST_REPORTS
    assert (1199).to_bytes(32, "big") in cache.refusals


def test_the_ends_of_our_disputes_are_kept() -> None:
    cache = MemberCache()
    cache.sealed_at[1], cache.decided[1] = 5, ProposalStatus.DISPROVEN
    cache.drop_over()
    assert cache.decided == {1: ProposalStatus.DISPROVEN}
    assert not cache.sealed_at
