"""When the five rounds are: each opens while the one before still takes submissions."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scorer.lab.devnet.market import SyntheticMarket
from scorer.operator.plans import SCHEDULE, TIMES
from scorer.protocol.rules import Rules
from scorer.storage.bundle import Bundle

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

    def times(self, number: int) -> tuple[int, int, int, int]:
        """Opening, close, outcome and deadline of a round."""
        opening = self.start + (number - 1) * APART
        close = opening + SUBMISSION
        return opening, close, close + SCORING, close + SCORING + REPORTING

    def opening(self, number: int) -> int:
        """When a round begins to take submissions."""
        return self.times(number)[0]

    def close(self, number: int) -> int:
        """When it takes no more."""
        return self.times(number)[1]

    def outcome(self, number: int) -> int:
        """When what came of the names is known."""
        return self.times(number)[2]

    def deadline(self, number: int) -> int:
        """When it can be given up without a report."""
        return self.times(number)[3]

    def write(self, plans: Path, market: SyntheticMarket, rules: Rules) -> None:
        """Lay the rounds into the folder from which the operator opens them."""
        for number in range(1, ROUNDS + 1):
            bundle = Bundle(plans / f"round-{number}")
            bundle.write_rules(rules)
            bundle.write_universe(market.universe)
            times = dict(zip(TIMES, self.times(number), strict=True))
            (bundle.folder / SCHEDULE).write_text(json.dumps(times))
