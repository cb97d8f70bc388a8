"""The demo's year: one round a week, with its era, its times and every model's file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.progress import Progress
from threadpoolctl import threadpool_limits

from scorer.data.calendar import EraDate
from scorer.data.faults import DataError
from scorer.data.feature_sets import feature_sets
from scorer.data.plans import times_of
from scorer.data.rounds import Rebuilder
from scorer.lab.demo.dataset import Era, era_of
from scorer.lab.demo.strategies import Strategy, demo_strategies
from scorer.protocol.rules import Rules
from scorer.protocol.schedule import RoundTimes


@dataclass(frozen=True)
class Week:
    """One round of the demo: its live era, its times, and every model's file, or none."""

    round_id: int
    era: Era
    times: RoundTimes
    files: Mapping[str, bytes | None]

    @property
    def universe(self) -> tuple[str, ...]:
        """The ids, ascending."""
        return tuple(self.era.ids)


def predicted_weeks(
    progress: Progress, rebuilder: Rebuilder, rules: Rules, count: int
) -> tuple[tuple[Strategy, ...], tuple[Week, ...]]:
    """Return the models, and the last `count` weeks with what each predicted from what was known then."""
    chosen = rebuilder.known[-count:]
    strategies = demo_strategies(chosen, feature_sets(rebuilder.identifiers))
    live = live_eras(rebuilder, rules, chosen)
    seen = progress.track(live, len(chosen), description="models predict, week by week")
    # The strategies' matrices are small: more threads than one cost more than they bring.
    with threadpool_limits(limits=1, user_api="blas"):
        weeks = tuple(
            Week(number, era, times, {each.name: each.submission(history, era) for each in strategies})
            for number, (times, era, history) in enumerate(seen, start=1)
        )
    return strategies, weeks


def live_eras(
    rebuilder: Rebuilder, rules: Rules, chosen: Sequence[EraDate]
) -> Iterator[tuple[RoundTimes, Era, tuple[Era, ...]]]:
    """Yield the times of each era's round, the live era, and the eras whose target is known as it opens.

    They are made of the sessions that are over at the opening: nothing later is there to be read.
    """
    history: list[Era] = []
    for date in chosen:
        times = times_of(rules, date)
        if times is None:
            raise DataError(f"rules {rules.name}: expected a round for the era of {date.day}, found none")
        then = rebuilder.as_of(times.open_at)
        history += [era_of(then.of(era)) for era in then.known[len(history) :]]
        yield times, era_of(then.of(then.eras[-1])), tuple(history)


def most_open(weeks: Sequence[Week]) -> int:
    """Return the greatest number of rounds that were unsettled at once."""
    times = [week.times for week in weeks]
    return max(sum(t.open_at <= at.open_at < t.resolve_at for t in times) for at in times)
