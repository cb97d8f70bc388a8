"""Repair prices session by session, from what was known in each: nothing here looks at a later session.

A price that moves by more than a factor of two may be a split that no action names, a bad tick, or news. A
split has a simple ratio, and what remains of the move without it is an ordinary day's. Any other jump is held
back: the price counts as missing in that session, and the next one either confirms its level or takes it
back. Both are decided by the session at which they are known, so an era's features never change when later
prices come in.
"""

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.data.faults import REFUSED, Fault, FaultReport
from scorer.data.fixed import LOG_BITS, Integers, fixed_log
from scorer.data.sources.actions import Action
from scorer.scoring.exact import Floats

# New shares for one old share. Ratios nearer to one than 3:2 cannot be separated from a crash by price alone:
# of some forty such moves in pyhuge's prices nearly all were bad news.
SIMPLE_RATIOS: Final = tuple(
    Fraction(text) for text in ("5", "4", "3", "2", "3/2", "1/2", "1/4", "1/6", "1/8", "1/10")
)
LOWEST_PRICE_SPLIT: Final = 20.0
HIGHEST_PRICE_MERGED: Final = 10.0
LEAST_MOVE_IN_SIGMAS: Final = 15.0
GREATEST_REMAINDER_IN_SIGMAS: Final = 4.0
GREATEST_REMAINDER: Final = 0.07
MEDIAN_TO_SIGMA: Final = 1.4826
MEMORY: Final = 252
"""Sessions from which a name's ordinary move is known."""
LEAST_MEMORY: Final = 20
JUMP: Final = int(fixed_log(np.array([2.0]))[0])
"""A move that is held back: a factor of two."""
LEAST_SPLIT: Final = int(fixed_log(np.array([1.5]))[0])
"""A smaller split looks like an ordinary move."""
CONFIRMS: Final = JUMP // 2
"""The ratio to a held price within which the next one confirms it."""
STEP: Final = 2.0**LOG_BITS
RATIO_STEPS: Final = fixed_log(np.array([float(ratio) for ratio in SIMPLE_RATIOS]))


@dataclass(frozen=True, eq=False)
class Repaired:
    """Prices after repair, and the growth that follows from them; see `scorer.data.panel.Panel`."""

    prices: Floats
    growth: Integers


@dataclass(eq=False)
class Repairer:
    """Goes through the sessions of a panel, oldest first.

    Attributes
    ----------
    find_splits, hold_jumps
        See `scorer.data.sources.document.Repairs`.
    """

    sessions: tuple[date, ...]
    names: tuple[str, ...]
    prices: Floats
    actions: list[Action]
    report: FaultReport
    file: str
    find_splits: bool
    hold_jumps: bool
    _moves: Integers = field(init=False, repr=False)

    def run(self) -> Repaired:
        """Repair all sessions."""
        prices, steps = self.prices.copy(), fixed_log(self.prices)
        shape = prices.shape
        growth, self._moves = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        last, held = np.zeros(shape[1], dtype=np.int64), np.zeros(shape[1], dtype=np.int64)
        started, pending = np.zeros(shape[1], dtype=np.bool_), np.zeros(shape[1], dtype=np.bool_)
        carried, owed = np.zeros(shape[1], dtype=np.int64), np.zeros(shape[1])
        terms = self._terms()
        for session in range(shape[0]):
            present = np.isfinite(prices[session])
            ratios, payments, gone = terms.get(session, ({}, {}, {}))
            self._delist(session, prices, steps, present, gone)
            for place, ratio in ratios.items():
                # Split and dividend stay in force for a name that has no price today.
                carried[place] += ratio
            for place, value in payments.items():
                owed[place] += self._payment(session, place, value)
            paid = self._paid(session, prices, steps, owed)
            move = paid + carried - last
            accepted = present & started
            if self.hold_jumps:
                self._check_splits(session, accepted, steps[session] - last, carried)
            if self.find_splits:
                self._split(session, accepted & (carried == 0), move, carried)
                move = paid + carried - last
            if self.hold_jumps:
                accepted = self._hold(session, prices, accepted, move, pending, held, steps[session])
            growth[session] = growth[session - 1] if session else 0
            growth[session, accepted] += move[accepted]
            self._moves[session, accepted] = move[accepted]
            fresh = accepted | (present & ~started)
            last[fresh], carried[fresh], owed[fresh] = steps[session, fresh], 0, 0
            started |= present
        return Repaired(prices, growth)

    def _terms(self) -> dict[int, tuple[dict[int, int], dict[int, float], dict[int, Action]]]:
        """Splits in log steps, payments and delistings, by session and place."""
        places = {name: place for place, name in enumerate(self.names)}
        days = np.array(self.sessions, dtype="datetime64[D]")
        terms: dict[int, tuple[dict[int, int], dict[int, float], dict[int, Action]]] = {}
        for action in self.actions:
            session = int(np.searchsorted(days, np.datetime64(action.day, "D")))
            if action.kind == "rename" or action.name not in places or session == len(days):
                continue
            ratios, payments, gone = terms.setdefault(session, ({}, {}, {}))
            place = places[action.name]
            if action.kind == "split":
                ratios[place] = ratios.get(place, 0) + int(fixed_log(np.array([action.value]))[0])
            elif action.kind == "dividend":
                payments[place] = payments.get(place, 0.0) + action.value
            else:
                gone[place] = action
        return terms

    def _delist(
        self,
        session: int,
        prices: Floats,
        steps: Integers,
        present: NDArray[np.bool_],
        gone: dict[int, Action],
    ) -> None:
        """A delisted name is paid its last value, and has no price after that."""
        for place, action in gone.items():
            for later in np.flatnonzero(np.isfinite(prices[session:, place])).tolist()[1:2]:
                self._note(session + later, place, "no price after the name was delisted", "one", "left out")
            prices[session:, place] = np.nan
            if action.value > 0:
                prices[session, place] = action.value
                steps[session, place] = fixed_log(np.array([action.value]))[0]
            present[place] = action.value > 0

    def _payment(self, session: int, place: int, value: float) -> float:
        """A dividend; one as large as the price before it is in another unit, or no dividend."""
        before = self._price_before(session, place)
        if value >= before:
            expected = f"a dividend below the price before it, {before:g}"
            self._note(session, place, expected, f"{value:g}", REFUSED)
        return value

    @staticmethod
    def _paid(session: int, prices: Floats, steps: Integers, owed: Floats) -> Integers:
        """Log steps of the price and what was paid since the one before."""
        paid: Integers = steps[session].copy()
        for place in np.flatnonzero((owed > 0) & np.isfinite(prices[session])).tolist():
            paid[place] = fixed_log(np.array([prices[session, place] + owed[place]]))[0]
        return paid

    def _check_splits(
        self, session: int, present: NDArray[np.bool_], change: Integers, carried: Integers
    ) -> None:
        """Refuse a split on record where the price did not move by it, as in prices that are adjusted."""
        half = np.abs(carried) // 2
        unmoved = (np.abs(change) < half) & (np.abs(change + carried) > half)
        for place in np.flatnonzero(present & unmoved & (np.abs(carried) >= LEAST_SPLIT)).tolist():
            ratio, move = np.exp(carried[place] / STEP), np.exp(change[place] / STEP) - 1
            expected = f"a price that moves by the split on record, {ratio:.4g} to 1; prices are as quoted"
            self._note(session, place, expected, f"a move of {move:+.1%}", REFUSED)

    def _split(self, session: int, candidates: NDArray[np.bool_], move: Integers, carried: Integers) -> None:
        """Find splits that no action names, among the greater moves."""
        nearest = RATIO_STEPS[np.abs(move[:, np.newaxis] + RATIO_STEPS).argmin(axis=1)]
        remainder = np.abs(move + nearest) / STEP
        for place in np.flatnonzero(candidates & (remainder <= GREATEST_REMAINDER)).tolist():
            known = self._moves[max(session - MEMORY, 0) : session, place]
            known = known[known != 0]
            if len(known) < LEAST_MEMORY:
                continue
            sigma = MEDIAN_TO_SIGMA * float(np.median(np.abs(known))) / STEP
            if abs(move[place]) / STEP <= LEAST_MOVE_IN_SIGMAS * sigma:
                continue
            before = self._price_before(session, place)
            is_split = nearest[place] > 0
            fits = before >= LOWEST_PRICE_SPLIT if is_split else before <= HIGHEST_PRICE_MERGED
            if fits and remainder[place] <= GREATEST_REMAINDER_IN_SIGMAS * sigma:
                ratio = SIMPLE_RATIOS[int(np.flatnonzero(nearest[place] == RATIO_STEPS)[0])]
                carried[place] = nearest[place]
                found = f"a move of {np.exp(move[place] / STEP) - 1:+.1%} from {before:g}"
                self._note(
                    session, place, "an ordinary move or a split on record", found, f"split {ratio} to 1"
                )

    def _price_before(self, session: int, place: int) -> float:
        earlier = self.prices[:session, place]
        known = earlier[np.isfinite(earlier)]
        return float(known[-1]) if len(known) else np.inf

    def _hold(
        self,
        session: int,
        prices: Floats,
        accepted: NDArray[np.bool_],
        move: Integers,
        pending: NDArray[np.bool_],
        held: Integers,
        steps: Integers,
    ) -> NDArray[np.bool_]:
        """Hold back jumps; return who is accepted."""
        jumps = accepted & (np.abs(move) > JUMP)
        confirmed = jumps & pending & (np.abs(steps - held) <= CONFIRMS)
        withheld = jumps & ~confirmed
        for place in np.flatnonzero(withheld).tolist():
            found = f"{float(prices[session, place]):g}, a factor of {np.exp(move[place] / STEP):.3g}"
            self._note(session, place, "a price within a factor of two of the one before", found, "held back")
        prices[session, withheld] = np.nan
        held[withheld] = steps[withheld]
        pending[accepted] = False
        pending[withheld] = True
        return np.asarray(accepted & ~withheld)

    def _note(self, session: int, place: int, expected: str, found: str, done: str) -> None:
        day, name = self.sessions[session].isoformat(), self.names[place]
        self.report.add(Fault(self.file, 0, name, day, expected, found, done))
