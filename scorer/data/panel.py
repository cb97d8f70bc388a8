"""A panel of raw data: every named field by session and name, as it was known then."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.data.faults import DataError
from scorer.data.fixed import Integers
from scorer.scoring.exact import Floats

UNKNOWN: Final = -1
"""The code of a name whose group is not known."""


@dataclass(frozen=True, eq=False)
class Groups:
    """The group of every name in every session, such as its sector.

    Attributes
    ----------
    labels
        Ascending.
    codes
        (sessions, names) position in `labels`, or `UNKNOWN`.
    """

    labels: tuple[str, ...]
    codes: NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Panel:
    """Prices and other fields after repair.

    Attributes
    ----------
    calendar
        The exchange's code, as `scorer.protocol.schedule.sessions` takes it.
    sessions
        Ascending dates.
    names
        Ascending. A renamed asset keeps its first name, so that a later change moves nothing before it.
    prices
        (sessions, names) as quoted, NaN where there was none.
    growth
        (sessions, names) logarithm of the total return since the first session, in steps of 2**-32
        (`fixed_log`): splits and dividends count on their own day, so no later action changes an earlier row.
    fields
        Further columns, each (sessions, names), NaN where missing.
    groups
        Sectors and the like.
    """

    calendar: str
    sessions: tuple[date, ...]
    names: tuple[str, ...]
    prices: Floats
    growth: Integers
    fields: Mapping[str, Floats] = field(default_factory=dict)
    groups: Mapping[str, Groups] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        shape = (len(self.sessions), len(self.names))
        shapes = {"prices": self.prices.shape, "growth": self.growth.shape}
        shapes |= {name: values.shape for name, values in self.fields.items()}
        shapes |= {name: group.codes.shape for name, group in self.groups.items()}
        for name, found in shapes.items():
            if found != shape:
                raise DataError(f"panel: expected {name} of shape {shape}, found {found}")
        if list(self.sessions) != sorted(set(self.sessions)) or list(self.names) != sorted(set(self.names)):
            raise DataError("panel: expected sessions and names ascending and each once, found others")

    def rows(self, first: int, last: int) -> "Panel":
        """Return the sessions from `first` to `last`, both included, by number."""
        part = slice(max(first, 0), last + 1)
        return Panel(
            self.calendar,
            self.sessions[part],
            self.names,
            self.prices[part],
            self.growth[part],
            {name: values[part] for name, values in self.fields.items()},
            {name: Groups(group.labels, group.codes[part]) for name, group in self.groups.items()},
        )

    def session_digest(self, session: int) -> str:
        """Return the SHA-256, in hex, of what a session says of the names that have a price or a field in it.

        A name that is listed later changes no earlier digest.
        """
        columns = self._columns(session)
        present = np.logical_or.reduce([np.isfinite(values) for values in columns.values()])
        places = np.flatnonzero(present)
        digest = hashlib.sha256(self.sessions[session].isoformat().encode())
        everyone = len(places) == len(self.names)
        names = self.names if everyone else [self.names[place] for place in places.tolist()]
        digest.update("\n".join(names).encode())
        for name, values in columns.items():
            kept = values[places]
            digest.update(
                name.encode() + np.where(np.isnan(kept), np.nan, kept + 0.0).astype("<f8").tobytes()
            )
        digest.update(self._moves(session)[places].astype("<i8").tobytes())
        for name, group in sorted(self.groups.items()):
            labels = [*group.labels, ""]
            texts = map(labels.__getitem__, group.codes[session, places].tolist())
            digest.update("\n".join([name, *texts]).encode())
        return digest.hexdigest()

    def digest(self) -> str:
        """Return the SHA-256, in hex, of all sessions' digests."""
        lines = [self.session_digest(session) for session in range(len(self.sessions))]
        return hashlib.sha256("\n".join([self.calendar, *lines]).encode()).hexdigest()

    def _columns(self, session: int) -> dict[str, Floats]:
        return {"price": self.prices[session], **{n: v[session] for n, v in sorted(self.fields.items())}}

    def _moves(self, session: int) -> Integers:
        """The session's log total returns, in which splits and dividends show."""
        before = self.growth[session - 1] if session else 0
        return np.asarray(self.growth[session] - before)

    def session_lines(self, session: int) -> list[str]:
        """Return a line for each name with a value in a session: the name and its values in hex."""
        columns = self._columns(session)
        present = np.logical_or.reduce([np.isfinite(values) for values in columns.values()])
        lines = []
        for place in np.flatnonzero(present).tolist():
            parts = [f"{name}={float(values[place]).hex()}" for name, values in columns.items()]
            for name, group in sorted(self.groups.items()):
                code = int(group.codes[session, place])
                parts.append(f"{name}={'' if code == UNKNOWN else group.labels[code]}")
            lines.append("\t".join([self.names[place], *parts]))
        return lines
