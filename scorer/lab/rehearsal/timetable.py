"""Times of the five rounds: each opens while the one before still takes submissions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scorer.lab.market import SyntheticMarket
from scorer.lab.rounds import Times, write_plan
from scorer.protocol.rules import Rules

HOUR: Final = 3600
APART: Final = 2 * HOUR
SUBMISSION: Final = 4 * HOUR
SCORING: Final = 24 * HOUR
REPORTING: Final = 72 * HOUR
ROUNDS: Final = 5
VOID, DISPUTED, LAST = 3, 4, 5
PLAIN: Final = (1, 2, 5)


@dataclass(frozen=True)
class Timetable:
    """Times of the rounds 1 to 5, Unix seconds, from the opening of the first."""

    start: int

    def times(self, number: int) -> Times:
        """Return opening, close, outcome and deadline of a round."""
        opening = self.start + (number - 1) * APART
        close = opening + SUBMISSION
        return opening, close, close + SCORING, close + SCORING + REPORTING

    def opening(self, number: int) -> int:
        """Return when a round begins to take submissions."""
        return self.times(number)[0]

    def close(self, number: int) -> int:
        """Return when it takes no more."""
        return self.times(number)[1]

    def outcome(self, number: int) -> int:
        """Return when the outcome is known."""
        return self.times(number)[2]

    def deadline(self, number: int) -> int:
        """Return when it can be given up without a report."""
        return self.times(number)[3]

    def write(self, plans: Path, market: SyntheticMarket, rules: Rules) -> None:
        """Write the rounds into the folder from which the operator opens them."""
        for number in range(1, ROUNDS + 1):
            write_plan(plans / f"round-{number}", rules, market.universe, self.times(number))
