"""Keeps a daemon's journal small: notes which rounds are over, and prunes what need not be kept."""

from scorer.chain.contracts import Suite
from scorer.observation.observe import Block, RoundTracker
from scorer.transactions.journal import Journal
from scorer.transactions.pruning import ROUNDS_AT_ONCE
from scorer.transactions.request import scope_of

DAY = 86_400
"""Seconds in a day."""


def tracker_from(journal: Journal | None, chain_id: int, tournament: str) -> RoundTracker:
    """Return which rounds to ask about, by an earlier process's note; all of them without a journal."""
    noted = None if journal is None else journal.note(_over(scope_of(chain_id, tournament)))
    return RoundTracker(hint=int(noted) if noted is not None and noted.isdecimal() else 0)


def tidy(journal: Journal, suite: Suite, tracker: RoundTracker, block: Block, keep_days: int) -> None:
    """Note up to which round all are over, and prune the journal of some of those that are.

    Parameters
    ----------
    block
        A finalised one: a round is pruned only where it is over in this block.
    keep_days
        Days for which the rows of a round that is over are kept; its signed bytes go at once.
    """
    scope = scope_of(suite.addresses.chain_id, str(suite.tournament.address))
    # Nothing is known of rounds before the first answer, and a note of zero would undo the one of before.
    if tracker.newest:
        _note(journal, _over(scope), str(tracker.all_over))
    over = _over_at(suite, journal.whole_rounds(scope), tracker, block)
    journal.prune(scope, over, block.number, block.timestamp - keep_days * DAY)


def _over_at(suite: Suite, rounds: list[int], tracker: RoundTracker, block: Block) -> list[int]:
    """Return those of `rounds` that are over in `block`, by one batch of requests for some at a time."""
    ended = [number for number in rounds if number <= tracker.newest and number not in tracker.unfinished]
    records = suite.rounds(ended[:ROUNDS_AT_ONCE], block.number)
    return [record.round_id for record in records if record.is_over]


def _note(journal: Journal, key: str, value: str) -> None:
    if journal.note(key) != value:
        journal.set_note(key, value)


def _over(scope: str) -> str:
    return f"all over up to:{scope}"
