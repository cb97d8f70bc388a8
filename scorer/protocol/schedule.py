"""Times of rounds: windows in local time, horizons in sessions of a real exchange.

The library ``exchange_calendars`` (Apache-2.0) knows every session of an exchange: holidays, half days and
daylight-saving. It is consulted when a round is opened; the times are then frozen on the chain, so that no
later correction of a calendar moves a round.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import import_module
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from scorer.protocol.fields import Section, checked

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST_PAUSE: Final = timedelta(days=15)
"""Longer than any holiday between two sessions."""
LONGEST_WINDOW: Final = 7
"""Days from opening to closing, at most."""


class CalendarError(ValueError):
    """A schedule cannot be computed: its calendar is not known, or does not reach far enough."""


def _clock(text: str) -> time:
    """Read a time of day. Python 3.13 reads 24:00 as 00:00 of the same day; older ones refuse it, as here."""
    if text.startswith("24"):
        raise ValueError(text)
    return time.fromisoformat(text)


Clock = Annotated[
    str, Field(pattern=r"^[0-9]{2}:[0-9]{2}$"), checked(_clock, "a time of day from 00:00 to 23:59")
]


class Horizon(Section):
    """The returns that targets measure: over ``sessions`` exchange sessions that begin after ``lag`` more."""

    sessions: Annotated[int, Field(gt=0, le=250)]
    lag: Annotated[int, Field(ge=0, le=20)]


class Window(Section):
    """A time in which submissions are taken: from ``opens_at`` on some weekdays, for as long as it says.

    ``days_open`` is how many midnights, in the schedule's timezone, lie between opening and closing.
    """

    days: Annotated[tuple[Weekday, ...], Field(min_length=1, strict=False)]
    opens_at: Clock
    closes_at: Clock
    days_open: Annotated[int, Field(ge=0, le=6)]

    @model_validator(mode="after")
    def _closes_after_it_opens(self) -> Self:
        if self.days_open == 0 and self.closes_at <= self.opens_at:
            raise ValueError("expected closes_at after opens_at, or days_open of 1 or more")
        return self


class Schedule(Section):
    """The times at which rounds open and at which their outcome is known.

    A round belongs to the last session that is over when it opens, and resolves ``resolve_hours`` after the
    close of the last session of its horizon. ``calendar`` is an exchange's ISO 10383 code, such as XNYS, or
    24/7 for markets that never close. A window without a new session since the one before opens no round.
    """

    calendar: Annotated[str, Field(pattern=r"^([A-Z0-9]{4}|24/7)$")]
    timezone: Annotated[str, checked(ZoneInfo, "the name of a timezone, such as America/New_York")]
    windows: Annotated[tuple[Window, ...], Field(min_length=1, strict=False)]
    resolve_hours: Annotated[int, Field(ge=0, le=240)]
    report_days: Annotated[int, Field(gt=0, le=90)]


@dataclass(frozen=True)
class RoundTimes:
    """A round's times, in Unix seconds as ``Tournament.openRound`` takes them.

    Attributes
    ----------
    session
        The last session that is over when the round opens.
    last_session
        The last session of the horizon, whose close makes the targets known.
    """

    session: date
    last_session: date
    open_at: int
    close_at: int
    resolve_at: int
    deadline: int


@dataclass(frozen=True)
class Sessions:
    """An exchange's sessions, ascending.

    Attributes
    ----------
    days, closes
        The date of each session, and the Unix second of its close.
    """

    days: tuple[date, ...]
    closes: tuple[int, ...]

    def last_before(self, moment: int) -> int:
        """Return the number of the last session that is over at a Unix second."""
        # A session that closes in this very second is over.
        number = bisect_right(self.closes, moment) - 1
        if number < 0:
            raise CalendarError("expected a session before the first round, found none")
        return number


@cache
def sessions(calendar: str, first: date, last: date) -> Sessions:
    """Return the sessions of an exchange from `first` to `last`, both included.

    Raises
    ------
    CalendarError
        When the calendar is not known, or does not reach so far.
    """
    library = import_module("exchange_calendars")  # a second to import, and needed only to open rounds
    try:
        found: Any = library.get_calendar(calendar, start=first.isoformat(), end=last.isoformat())
    except (ValueError, library.errors.CalendarError) as error:  # bounds, unknown names
        raise CalendarError(
            f"calendar {calendar}: expected sessions from {first} to {last}, found {error}"
        ) from None
    closes = found.closes.reindex(found.sessions)
    return Sessions(
        tuple(session.date() for session in found.sessions),
        tuple(int(close.timestamp()) for close in closes),
    )


def round_times(schedule: Schedule, horizon: Horizon, first: date, last: date) -> tuple[RoundTimes, ...]:
    """Return the rounds that open from `first` to `last`, local dates, both included; oldest first.

    Raises
    ------
    CalendarError
        When the calendar does not reach to the end of the last round, or a window cannot be held: see
        `check_windows`.
    """
    check_windows(schedule, first, last)
    # Two days for each session cover weekends; the pauses cover holidays.
    longest = timedelta(days=2 * (horizon.sessions + horizon.lag)) + 2 * LONGEST_PAUSE
    known = sessions(schedule.calendar, first - 2 * LONGEST_PAUSE, last + longest)
    rounds: list[RoundTimes] = []
    # From earlier on: whether a window has a new session depends on the one before it.
    for found in _openings(schedule, first - LONGEST_PAUSE, last):
        number = known.last_before(found.opens)
        if not rounds or known.days[number] > rounds[-1].session:
            rounds.append(_round(schedule, horizon, known, number, (found.opens, found.closes)))
    return tuple(times for times in rounds if times.open_at >= _moment(schedule, first, "00:00"))


def check_windows(schedule: Schedule, first: date, last: date) -> None:
    """Refuse a schedule of which a window that opens from `first` to `last` cannot be held.

    Raises
    ------
    CalendarError
        Names the date of the first window that would not close after it opens, or that would open before the
        one before it closes; a change of clocks can make either of windows that are sound in other weeks.
    """
    before: _Opening | None = None
    for found in _openings(schedule, first - timedelta(days=LONGEST_WINDOW), last):
        if found.day >= first:
            _refuse_window(schedule, found, before)
        before = found if before is None or found.closes > before.closes else before


@dataclass(frozen=True, order=True)
class _Opening:
    """A window on one date, Unix seconds."""

    opens: int
    closes: int
    day: date


def _refuse_window(schedule: Schedule, found: _Opening, before: _Opening | None) -> None:
    where = f"schedule: the window of {found.day:%A %Y-%m-%d}"
    times = f"{_utc(found.opens)} to {_utc(found.closes)} UTC"
    hint = f"keep opens_at and closes_at away from the hours at which clocks in {schedule.timezone} change"
    if found.closes <= found.opens:
        raise CalendarError(f"{where}: expected it to close after it opens, found {times}; {hint}")
    if before is not None and found.opens < before.closes:
        raise CalendarError(
            f"{where}: expected it to open when the window of {before.day:%A %Y-%m-%d} has closed, "
            f"found {times} "
            f"and {_utc(before.opens)} to {_utc(before.closes)} UTC; let it end before the next one opens"
        )


def _utc(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M")


def _openings(schedule: Schedule, first: date, last: date) -> list[_Opening]:
    """Return every window that opens from `first` to `last`, ascending."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    openings = []
    for day in days:
        for window in schedule.windows:
            if WEEKDAYS[day.weekday()] in window.days:
                closing = day + timedelta(days=window.days_open)
                opens = _moment(schedule, day, window.opens_at)
                openings.append(_Opening(opens, _moment(schedule, closing, window.closes_at), day))
    return sorted(openings)


def _moment(schedule: Schedule, day: date, clock: str) -> int:
    """Return the Unix second of a local time.

    One that a change of clocks skips counts by the offset before the change, and so comes as much later as
    was skipped; of one that comes twice the first counts.
    """
    local = datetime.combine(day, _clock(clock), ZoneInfo(schedule.timezone))
    return int(local.replace(fold=0).astimezone(UTC).timestamp())


def _round(
    schedule: Schedule, horizon: Horizon, known: Sessions, number: int, window: tuple[int, int]
) -> RoundTimes:
    outcome = number + horizon.lag + horizon.sessions
    if outcome >= len(known.days):
        raise CalendarError(
            f"calendar {schedule.calendar}: expected {outcome - number} sessions after {known.days[number]}, "
            f"found {len(known.days) - 1 - number}"
        )
    resolve_at = known.closes[outcome] + 3600 * schedule.resolve_hours
    return RoundTimes(
        session=known.days[number],
        last_session=known.days[outcome],
        open_at=window[0],
        close_at=window[1],
        resolve_at=resolve_at,
        deadline=resolve_at + 24 * 3600 * schedule.report_days,
    )
