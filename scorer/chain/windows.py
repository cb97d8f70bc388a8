"""The times that a deployment fixes for its rounds, and the end of a lock window, as contracts have it."""

from dataclasses import astuple, dataclass
from typing import Final

LOCK_DIVISOR: Final = 4
"""RoundSchedule.LOCK_DIVISOR: a lock window is at most this part of the time from closeAt to resolveAt."""
EXTENDED_LOCK_DIVISOR: Final = 2
"""RoundSchedule.EXTENDED_LOCK_DIVISOR: and this part, once a pause has extended it."""
SETTLEMENT_GRACE: Final = 30 * 86_400
"""Tournament.SETTLEMENT_GRACE, seconds."""
MAX_PAUSE: Final = 7 * 86_400
"""BoundedPause.MAX_PAUSE, seconds."""


@dataclass(frozen=True)
class Windows:
    """``IRoundWindows.Windows``, seconds.

    Attributes
    ----------
    lock_window
        How long after a round's close its positions may be locked and the round be sealed, at most.
    least_lock_window
        A round with a shorter lock window is not opened.
    least_notice
        How long before its close a round is opened, at least.
    funding_grace
        How long a final report waits for a pool that can pay it, as long as time is left to settle.
    """

    lock_window: int
    least_lock_window: int
    least_notice: int
    funding_grace: int

    def to_contract(self) -> tuple[int, int, int, int]:
        """Return the fields as a constructor takes them."""
        return astuple(self)


@dataclass(frozen=True)
class Pause:
    """The current or last pause of a tournament, seconds since the epoch; both zero when there was none."""

    since: int = 0
    until: int = 0


def lock_end(close_at: int, resolve_at: int, lock_window: int, pause: Pause) -> int:
    """Return the end of a round's lock window, seconds since the epoch: ``RoundSchedule.lockEnd``.

    A pause that overlaps the window extends it by the overlap, but not beyond the middle between `close_at`
    and `resolve_at`.
    """
    end = close_at + min(lock_window, (resolve_at - close_at) // LOCK_DIVISOR)
    since = max(pause.since, close_at)
    if since < end and since < pause.until:
        end = min(end + pause.until - since, latest_lock_end(close_at, resolve_at))
    return end


def latest_lock_end(close_at: int, resolve_at: int) -> int:
    """Return the time beyond which no pause extends a round's lock window, seconds since the epoch."""
    return close_at + (resolve_at - close_at) // EXTENDED_LOCK_DIVISOR


def fundable_until(final_from: int, deadline: int, grace: int) -> int:
    """Return until when a final report waits for a pool that can pay it, seconds since the epoch.

    Parameters
    ----------
    final_from
        Since when the report is final, seconds since the epoch.
    deadline
        The round's, seconds since the epoch.
    grace
        The deployment's `funding_grace`, seconds.
    """
    # Even the longest pause must leave time to begin the settlement before anybody can void the round.
    return min(final_from + grace, deadline + SETTLEMENT_GRACE - MAX_PAUSE)
