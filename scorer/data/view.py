"""A market as known at the close of one session: all that a feature or a rule of the universe ever receives.

A `RollingWindow` holds a stretch of a panel's sessions with the running sums of what happened in each; a
`MarketView` of it ends at one session. Every number in a running sum is a whole number of steps of a fixed
grid, so that the sum over the last n sessions is one exact difference, the same whatever stretch the window
covers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.data.fixed import LOG_BITS, Integers, fixed_log, running_sums
from scorer.data.panel import UNKNOWN, Groups, Panel
from scorer.scoring.exact import Floats

SQUARE_BITS: Final = 24
"""Returns are squared in steps of 2**-24, cubed in steps of 2**-16, and at most 1: sums fit in int64."""
CUBE_BITS: Final = 16
VALUE_BITS: Final = 20
"""Logarithms of traded values are squared in steps of 2**-20."""
VOLUME: Final = "volume"
EXTREMES_AT_ONCE: Final = 16
"""Sessions whose extremes are kept together: a longest window then reads some 30 rows, not 250."""
HISTORY_SESSIONS: Final = 5
"""A name has a history of n sessions if it had a price in one of the five before them."""


def rounded_shift(values: Integers, bits: int) -> Integers:
    """Divide by two to the power of `bits`, rounding half up."""
    return np.asarray((values + (1 << (bits - 1))) >> bits)


@dataclass(eq=False)
class RollingWindow:
    """A stretch of sessions of a panel.

    Attributes
    ----------
    panel
        The stretch.
    first
        The number of its first session in the whole panel.
    """

    panel: Panel
    first: int = 0
    _sums: dict[str, Integers] = field(default_factory=dict, repr=False)
    _extremes: dict[str, Integers] = field(default_factory=dict, repr=False)

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """(sessions, names) whether there is a price."""
        return np.isfinite(self.panel.prices)

    @cached_property
    def returns(self) -> Integers:
        """(sessions, names) log total returns in steps of 2**-32; zero where there is no price."""
        moves = np.zeros_like(self.panel.growth)
        moves[1:] = np.diff(self.panel.growth, axis=0)
        return moves

    @cached_property
    def small_returns(self) -> Integers:
        """Returns in steps of 2**-24, none beyond 1."""
        return np.clip(
            rounded_shift(self.returns, LOG_BITS - SQUARE_BITS), -(1 << SQUARE_BITS), 1 << SQUARE_BITS
        )

    @cached_property
    def market(self) -> Integers:
        """(sessions, 1) mean return of the names with a price, in steps of 2**-24, rounded down."""
        counts = np.maximum(self.present.sum(axis=1, dtype=np.int64), 1)
        return np.asarray((self.small_returns.sum(axis=1, dtype=np.int64) // counts)[:, np.newaxis])

    @cached_property
    def traded(self) -> Floats:
        """(sessions, names) price times volume; zero where either is missing."""
        volume = self.panel.fields[VOLUME]
        value = self.panel.prices * volume
        return np.where(np.isfinite(value) & (value > 0), value, 0.0)

    @cached_property
    def log_traded(self) -> Integers:
        """(sessions, names) logarithm of the value traded in steps of 2**-20; zero where there was none."""
        return rounded_shift(fixed_log(self.traded), LOG_BITS - VALUE_BITS)

    def sums(self, name: str) -> Integers:
        """Return the running sums of one of `ATOMS`."""
        if name not in self._sums:
            self._sums[name] = running_sums(ATOMS[name](self))
        return self._sums[name]

    def extreme(self, name: str, rows: slice) -> Integers:
        """Return the extremes of one of `EXTREMES` over some of the stretch's sessions, one a name."""
        values, reduce = EXTREMES[name](self)
        first, last = -(-rows.start // EXTREMES_AT_ONCE), rows.stop // EXTREMES_AT_ONCE
        if first >= last:
            return np.asarray(reduce(values[rows]))
        blocks = self._blocks(name, values, reduce)
        inner = reduce(blocks[first:last])
        for rest in (
            values[rows.start : first * EXTREMES_AT_ONCE],
            values[last * EXTREMES_AT_ONCE : rows.stop],
        ):
            if len(rest):
                inner = reduce(np.stack([inner, reduce(rest)]))
        return np.asarray(inner)

    def _blocks(self, name: str, values: Integers, reduce: "Reduction") -> Integers:
        """The extremes of each whole block of sessions."""
        if name not in self._extremes:
            count = len(values) // EXTREMES_AT_ONCE
            blocks = [values[n * EXTREMES_AT_ONCE : (n + 1) * EXTREMES_AT_ONCE] for n in range(count)]
            self._extremes[name] = np.stack([reduce(block) for block in blocks])
        return self._extremes[name]

    def view(self, session: int) -> "MarketView":
        """Return what was known at the close of a session, by its number in the whole panel."""
        return MarketView(self, session - self.first, np.arange(len(self.panel.names)))


def _cube(window: RollingWindow) -> Integers:
    small = rounded_shift(window.small_returns, SQUARE_BITS - CUBE_BITS)
    return small * small * small


ATOMS: Final[dict[str, Callable[[RollingWindow], Integers]]] = {
    "present": lambda window: window.present.astype(np.int64),
    "absolute": lambda window: np.abs(window.returns),
    "square": lambda window: window.small_returns**2,
    "negative_square": lambda window: np.minimum(window.small_returns, 0) ** 2,
    "small": lambda window: window.small_returns,
    "cube": _cube,
    "up": lambda window: (window.returns > 0).astype(np.int64),
    "market": lambda window: window.market,
    "market_square": lambda window: window.market**2,
    "with_market": lambda window: window.small_returns * window.market,
    "reversal": lambda window: np.vstack(
        [np.zeros_like(window.small_returns[:1]), window.small_returns[1:] * window.small_returns[:-1]]
    ),
    "traded": lambda window: np.rint(np.minimum(window.traded, 2.0**49)).astype(np.int64),
    "trades": lambda window: (window.traded > 0).astype(np.int64),
    "log_traded": lambda window: window.log_traded,
    "log_traded_square": lambda window: window.log_traded**2,
}
"""Sums over sessions, by name, as whole steps."""
Reduction = Callable[[Integers], Integers]


def _highest(values: Integers) -> Integers:
    return np.asarray(values.max(axis=0))


def _lowest(values: Integers) -> Integers:
    return np.asarray(values.min(axis=0))


EXTREMES: Final[dict[str, Callable[[RollingWindow], tuple[Integers, Reduction]]]] = {
    "highest": lambda window: (window.panel.growth, _highest),
    "lowest": lambda window: (window.panel.growth, _lowest),
    "greatest": lambda window: (window.returns, _highest),
}
"""Values by session, and what is kept of them, by name."""


@dataclass(frozen=True, eq=False)
class MarketView:
    """The knowledge at the close of one session about some names.

    Methods return one value for each name; sums are exact. Nothing here can reach a later session.
    """

    _window: RollingWindow = field(repr=False)
    _row: int
    _places: Integers = field(repr=False)
    _histories: dict[tuple[int, int], NDArray[np.bool_]] = field(default_factory=dict, repr=False)
    _groups: dict[str, tuple[Integers, Integers]] = field(default_factory=dict, repr=False)

    @property
    def session(self) -> date:
        """The session's date."""
        return self._window.panel.sessions[self._row]

    @property
    def names(self) -> tuple[str, ...]:
        """The names, ascending."""
        return tuple(self._window.panel.names[place] for place in self._places.tolist())

    @property
    def places(self) -> Integers:
        """The places of the names in the panel."""
        return self._places

    def only(self, kept: NDArray[np.bool_]) -> "MarketView":
        """Return the view of some of the names."""
        return MarketView(self._window, self._row, self._places[kept])

    def late(self, lag: int) -> "MarketView":
        """Return the view of the same names `lag` sessions earlier, or at the first session."""
        return MarketView(self._window, max(self._row - lag, 0), self._places, self._histories)

    def sum(self, name: str, last: int, skip: int = 0) -> Floats:
        """Return the exact sum of one of `ATOMS` over `last` sessions that end `skip` sessions ago."""
        sums = self._window.sums(name)
        end = max(self._row + 1 - skip, 0)
        difference = sums[end] - sums[max(end - last, 0)]
        if len(difference) != len(self._places) and len(difference) > 1:
            difference = difference[self._places]
        return np.asarray(difference, dtype=np.float64)

    def growth(self, last: int, skip: int = 0) -> Floats:
        """Return the log total return over `last` sessions that end `skip` sessions ago."""
        growth = self._window.panel.growth
        end = max(self._row - skip, 0)
        steps = growth[end] - growth[max(end - last, 0)]
        return np.asarray(steps[self._places], dtype=np.float64) * 2.0**-LOG_BITS

    def highest(self, last: int) -> Integers:
        """Return the highest log total return index of the last sessions."""
        return self._window.extreme("highest", self._span(last))[self._places]

    def lowest(self, last: int) -> Integers:
        """Return the lowest log total return index of the last sessions."""
        return self._window.extreme("lowest", self._span(last))[self._places]

    def greatest(self, last: int) -> Integers:
        """Return the greatest log return of the last sessions."""
        return self._window.extreme("greatest", self._span(last))[self._places]

    def levels(self, last: int) -> Integers:
        """Return (sessions, names) the log total return index of the last sessions, oldest first; a copy."""
        return self._window.panel.growth[self._span(last)][:, self._places]

    def window(self, name: str, last: int) -> Floats:
        """Return (sessions, names) a field, or ``price``, over the last sessions, oldest first; a copy."""
        panel = self._window.panel
        values = panel.prices if name == "price" else panel.fields[name]
        return values[self._span(last)][:, self._places]

    def latest(self, name: str, within: int) -> Floats:
        """Return the latest known value of a field, or ``price``, of at most `within` sessions; else NaN."""
        values = self.window(name, within)
        found: Floats = values[-1]
        for row in values[-2::-1]:
            missing = np.isnan(found)
            if not missing.any():
                break
            found = np.where(missing, row, found)
        return found

    def group(self, name: str) -> tuple[Integers, tuple[str, ...]]:
        """Return the code of each name's group, `UNKNOWN` for none, and all labels."""
        groups: Groups = self._window.panel.groups[name]
        return groups.codes[self._row][self._places].astype(np.int64), groups.labels

    def groups_of(self, name: str) -> tuple[Integers, Integers]:
        """Return the code of each name's group, and how many names each group has."""
        if name not in self._groups:
            codes, labels = self.group(name)
            self._groups[name] = codes, np.bincount(codes[codes != UNKNOWN], minlength=len(labels))
        return self._groups[name]

    def has_history(self, last: int) -> NDArray[np.bool_]:
        """Return which names had a price in the week before the last sessions, so that a return is whole."""
        key = self._row, last
        if key not in self._histories:
            self._histories[key] = self.sum("present", HISTORY_SESSIONS, skip=last) > 0
        return self._histories[key]

    def _span(self, last: int) -> slice:
        return slice(max(self._row + 1 - last, 0), self._row + 1)


__all__ = ["ATOMS", "UNKNOWN", "MarketView", "RollingWindow"]
