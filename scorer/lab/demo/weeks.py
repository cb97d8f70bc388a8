"""The demo's year: one round a week, with its era, its times and every model's file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import Progress
from threadpoolctl import threadpool_limits

from scorer.lab.demo.eras import Era, build_eras
from scorer.lab.demo.market import load_market
from scorer.lab.demo.strategies import Strategy, demo_strategies

HOUR: Final = 3600
CLOSE_OF_SESSION: Final = 21 * HOUR
"""Predictions are made after New York's close, 21:00 UTC in winter."""
SUBMISSION_WINDOW: Final = 24 * HOUR


@dataclass(frozen=True)
class Week:
    """One round of the demo: its era, its times (Unix seconds), and every model's file, or none."""

    round_id: int
    era: Era
    open_at: int
    close_at: int
    resolve_at: int
    files: Mapping[str, bytes | None]

    @property
    def universe(self) -> tuple[str, ...]:
        """The tickers, sorted."""
        return tuple(str(ticker) for ticker in self.era.ids)

    @property
    def target(self) -> NDArray[np.float64]:
        """The outcome, in the order of `universe`."""
        return self.era.target.to_numpy(dtype=np.float64)


def predicted_weeks(progress: Progress, count: int) -> tuple[tuple[Strategy, ...], tuple[Week, ...]]:
    """Build the last `count` weeks, and let every strategy predict each from what was known then."""
    eras = build_eras(load_market())
    chosen = eras[-count:]
    strategies = demo_strategies(chosen)
    weeks = progress.track(chosen, description="models predict, week by week")
    # The strategies' matrices are small: more threads than one cost more than they bring.
    with threadpool_limits(limits=1, user_api="blas"):
        return strategies, tuple(
            _week(number, era, eras, strategies) for number, era in enumerate(weeks, start=1)
        )


def _unix(date: pd.Timestamp) -> int:
    """The close of a session, Unix seconds."""
    return int(date.timestamp()) + CLOSE_OF_SESSION


def _week(round_id: int, era: Era, eras: Sequence[Era], strategies: Iterable[Strategy]) -> Week:
    open_at = _unix(era.date)
    return Week(
        round_id=round_id,
        era=era,
        open_at=open_at,
        close_at=open_at + SUBMISSION_WINDOW,
        resolve_at=_unix(era.resolve_date),
        files={strategy.name: strategy.submission(eras, era) for strategy in strategies},
    )


def most_open(weeks: Sequence[Week]) -> int:
    """Most rounds that were unsettled at once."""
    return max(sum(w.open_at <= at.open_at < w.resolve_at for w in weeks) for at in weeks)
