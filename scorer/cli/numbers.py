"""Whole numbers and dates as people type them."""

import re
from collections.abc import Callable
from datetime import date
from typing import Final

import typer

from scorer.redaction import shown

_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2200
LARGEST: Final = (1 << 63) - 1


def whole(least: int = 0, most: int = LARGEST, advice: str = "") -> Callable[[str | int], int]:
    """Return a reader of whole numbers from `least` to `most`, written in the digits 0 to 9.

    What is no number is answered with `advice` too.
    Python's ``int`` would also read ``1_000``, ``+7``, spaces, and digits of other scripts.
    """

    def number(text: str | int) -> int:
        if isinstance(text, str) and not _DIGITS.fullmatch(text):
            raise typer.BadParameter(
                f"expected a whole number in digits, such as 7, found {shown(text)}{advice}"
            )
        if not least <= int(text) <= most:
            raise typer.BadParameter(f"expected a whole number from {least} to {most}, found {text}")
        return int(text)

    return number


def day(text: str | date) -> date:
    """Read a date such as 2026-11-28, within the years for which there are calendars and clocks."""
    match = _DATE.fullmatch(str(text))
    try:
        read = date(*map(int, match.groups())) if match else None
    except ValueError:
        read = None
    if read is None or not FIRST_YEAR <= read.year <= LAST_YEAR:
        raise typer.BadParameter(
            f"expected a date of the years {FIRST_YEAR} to {LAST_YEAR}, such as 2026-11-28, "
            f"found {shown(text)}"
        )
    return read


NUMBER: Final = whole()
"""Reads the number of a round."""
MODEL: Final = whole(
    advice="; models have numbers, and no names: cupel stake show --owner ADDRESS lists an account's"
)
"""Reads the number of a model."""
