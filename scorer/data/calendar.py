"""Eras of a calendar: the sessions at whose close they are decided, and which split each is in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from scorer.data.faults import DataError
from scorer.data.recipe import Recipe
from scorer.protocol.schedule import LONGEST_PAUSE, CalendarError, sessions

Split = Literal["train", "validation", "live", "none"]
LABEL_DIGITS: Final = 4


@dataclass(frozen=True)
class EraDate:
    """An era: its number from 1, and the number and date of its session."""

    number: int
    session: int
    day: date

    @property
    def label(self) -> str:
        """The era as files name it, such as 0001."""
        return f"{self.number:0{LABEL_DIGITS}d}"


def era_dates(recipe: Recipe, days: Sequence[date]) -> list[EraDate]:
    """Return the eras of a panel's sessions, oldest first; the first has the features' history before it.

    Whether the panel's last session is the last of its week, the exchange's calendar says.

    Raises
    ------
    DataError
        When there is none.
    """
    chosen = _decisions(recipe, days)
    first = date.fromisoformat(recipe.eras.first) if recipe.eras.first else date.min
    last = date.fromisoformat(recipe.eras.last) if recipe.eras.last else date.max
    needed = _warm_up(recipe)
    usable = [session for session in chosen if session >= needed and first <= days[session] <= last]
    if not usable:
        raise DataError(
            f"recipe: expected an era with {needed} sessions before it, found none in a panel of "
            f"{len(days)} sessions from {days[0]} to {days[-1]}"
        )
    return [EraDate(number, session, days[session]) for number, session in enumerate(usable, start=1)]


def _warm_up(recipe: Recipe) -> int:
    windows = max(spec.window + spec.skip + spec.lag for spec in recipe.specs())
    return max(windows, recipe.universe.history - 1)


def _decisions(recipe: Recipe, days: Sequence[date]) -> list[int]:
    every = recipe.eras.every
    if isinstance(every, int):
        return list(range(every - 1, len(days), every))
    following = [*days[1:], next_session(recipe.calendar, days[-1])]
    return [
        place
        for place, (day, after) in enumerate(zip(days, following, strict=True))
        if _period(every, day) != _period(every, after)
    ]


def _period(every: str, day: date) -> tuple[int, int]:
    return day.isocalendar()[:2] if every == "week" else (day.year, day.month)


def next_session(calendar: str, day: date) -> date:
    """Return the exchange's next session after a date."""
    try:
        return sessions(calendar, day + timedelta(days=1), day + LONGEST_PAUSE).days[0]
    except CalendarError as error:
        raise DataError(str(error)) from None


def split_of(recipe: Recipe, eras: Sequence[EraDate], sessions: int) -> dict[int, Split]:
    """Return the split of each era by its number.

    Train eras whose longest target reaches the first validation era are purged, and the embargo before it;
    eras whose targets are not known yet are in no split but the last, which is live.
    """
    start = date.fromisoformat(recipe.splits.validation)
    validation = [era for era in eras if era.day >= start]
    splits: dict[int, Split] = {}
    for era in eras:
        if era.session + recipe.reach >= sessions:
            splits[era.number] = "live" if era is eras[-1] else "none"
        elif era.day >= start:
            splits[era.number] = "validation"
        elif not validation or (
            era.session + recipe.reach < validation[0].session
            and era.number < validation[0].number - recipe.splits.embargo
        ):
            splits[era.number] = "train"
        else:
            splits[era.number] = "none"
    return splits
