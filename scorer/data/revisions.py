"""Revisions: where a new copy of the raw data differs from the one before, and which eras that touches."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scorer.data.calendar import EraDate
from scorer.data.panel import Panel
from scorer.data.recipe import Recipe


@dataclass(frozen=True)
class Revision:
    """A value that changed.

    Attributes
    ----------
    session
        Its number in the new panel.
    field
        ``price``, ``growth``, a field or a group.
    """

    session: int
    day: str
    name: str
    field: str
    before: str
    after: str

    def __str__(self) -> str:
        """Return the revision as one line."""
        return f"{self.day} {self.name}: {self.field}: before {self.before}, now {self.after}"


def revisions(old: Panel, new: Panel) -> Iterator[Revision]:
    """Yield the values of sessions and names that both panels have and that differ; new sessions are none."""
    known = {day: number for number, day in enumerate(old.sessions)}
    names = sorted(set(old.names) & set(new.names))
    columns = [np.searchsorted(np.array(panel.names), np.array(names)) for panel in (old, new)]
    for session, day in enumerate(new.sessions):
        if day in known:
            yield from _session(old, new, known[day], session, names, columns)


def _session(
    old: Panel, new: Panel, before: int, after: int, names: Sequence[str], columns: Sequence[np.ndarray]
) -> Iterator[Revision]:
    ours, theirs = _values(old, before), _values(new, after)
    day = new.sessions[after].isoformat()
    for field in sorted(ours.keys() & theirs.keys()):
        one, two = ours[field][columns[0]], theirs[field][columns[1]]
        differs = ~((one == two) | (_missing(one) & _missing(two)))
        for place in np.flatnonzero(differs).tolist():
            yield Revision(after, day, names[place], field, str(one[place]), str(two[place]))


def _values(panel: Panel, session: int) -> dict[str, np.ndarray]:
    moves = (panel.growth[session] - (panel.growth[session - 1] if session else 0)) / 2.0**32
    values: dict[str, np.ndarray] = {"price": panel.prices[session], "growth": moves}
    values |= {name: array[session] for name, array in panel.fields.items()}
    for name, group in panel.groups.items():
        values[name] = np.array([*group.labels, ""], dtype=object)[group.codes[session]]
    return values


def _missing(values: np.ndarray) -> np.ndarray:
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=np.bool_)


def touched(recipe: Recipe, eras: Iterable[EraDate], found: Iterable[Revision]) -> list[EraDate]:
    """Return the eras whose features or targets read a session that was revised."""
    sessions = sorted({revision.session for revision in found})
    return [
        era
        for era in eras
        if any(era.session - recipe.lookback <= session <= era.session + recipe.reach for session in sessions)
    ]
