"""Values as clients of Numerai's API expect them: times in whole seconds, decimals as text."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from scorer.server.errors import ApiError
from scorer.units import nmr_text

TIMES_KEPT: Final = 4_096
"""Times whose texts are kept: answers have those of rounds again and again."""
MOST_ROWS: Final = 1_000
"""Rows of one answer."""


@lru_cache(maxsize=TIMES_KEPT)
def time_text(seconds: int | None) -> str | None:
    """Return Unix seconds as ``2026-03-29T14:00:00Z``."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def session_time(session: str) -> str:
    """Return the date of a session as ``2026-03-29T00:00:00Z``."""
    return f"{session}T00:00:00Z"


def date_text(seconds: int) -> str:
    """Return the day of Unix seconds in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def date_stamp(seconds: int) -> int:
    """Return the day of Unix seconds in UTC as a number, 20260329."""
    return int(datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d"))


def nmr_or_none(nano: int | None) -> str | None:
    """Return nano-NMR as decimal text in NMR."""
    return None if nano is None else nmr_text(nano)


def percent(part: int, whole: int) -> float | None:
    """Return a share in percent; None of nothing."""
    return 100 * part / whole if whole else None


def page_of(limit: int, offset: int) -> tuple[int, int]:
    """Return a page's bounds, refused where they are none.

    Raises
    ------
    ApiError
        When one is negative.
    """
    if limit < 0 or offset < 0:
        raise ApiError(f"limit, offset: expected numbers from 0 on, found {limit} and {offset}")
    return min(limit, MOST_ROWS), offset


def whole_number(text: str, name: str) -> int:
    """Return the number that an id is.

    Raises
    ------
    ApiError
        When it is another text.
    """
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise ApiError(f"{name}: expected a number, found another text")
    return int(text)
