"""The operator of a tournament: opens planned rounds and locks stakes, each once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scorer.chain.records import RoundRecord, RoundState
from scorer.operator.cache import OperatorCache
from scorer.operator.collector import Collector, Lanes
from scorer.operator.intake import LARGEST
from scorer.operator.locking import SLOTS_PER_CHUNK
from scorer.operator.opening import RoundOpener
from scorer.operator.round_locker import RoundLocker
from scorer.oracle.actions import ActionResult
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm, ignore_alarm
from scorer.oracle.context import CycleContext
from scorer.oracle.failures import apart
from scorer.oracle.observation import observed_rounds


@dataclass
class Operator:
    """The operator of one tournament; every cycle looks at the whole state and does what is left.

    Attributes
    ----------
    inbox, published
        Folders, see `scorer.operator.collector.Collector`.
    plans
        The folder in which rounds are prepared, see `scorer.operator.plans`; None: rounds are opened by other
        means.
    largest
        Most bytes of a submission that is taken.
    peers
        Members' bundles, in which the scores are found by which chunks of a round in settlement are settled
        while those of another are locked; without any, rounds are locked alone.
    cache
        What this process read and decided before.
    """

    inbox: Path
    published: Path
    plans: Path | None = None
    slots_per_chunk: int = SLOTS_PER_CHUNK
    largest: int = LARGEST
    peers: Sequence[Path] = ()
    raise_alarm: RaiseAlarm = ignore_alarm
    cache: OperatorCache = field(default_factory=OperatorCache)

    def cycle(self, context: CycleContext) -> list[ActionResult]:
        """Open what is due, then lock what has closed, oldest round first."""
        if not self.cache.basis.moves_to(context.suite, context.block):
            self.cache.forget_chain()
        observation = observed_rounds(context, self.cache.rounds)
        for why in observation.doubts.values():
            self.raise_alarm(AlarmReason.ENDPOINTS_DISAGREE, why)
        records = observation.records
        opener, locker = self.opener(context), self.locker(context, records)
        plans = []
        # A round in doubt may be the very one that a plan prepares, and is not over.
        if not observation.doubts:
            self._forget_sizes(records)
            plans = opener.unfinished_plans(records)
        with apart("missed plans", self.raise_alarm):
            opener.report_missed(plans, records)
        parts = [
            *((f"round {record.round_id}", opener.publish(plans, record)) for record in records),
            *((f"plan {plan.folder.name}", opener.open(plan)) for plan in opener.due(plans, records)),
            *((f"round {record.round_id}", locker.close(record)) for record in records),
        ]
        return [result for what, results in parts for result in self._apart(what, results)]

    def _apart(self, what: str, results: Iterator[ActionResult]) -> Iterator[ActionResult]:
        """Yield what one round or plan comes to; a failure in it keeps no other one waiting."""
        with apart(what, self.raise_alarm):
            yield from results

    def _forget_sizes(self, records: Sequence[RoundRecord]) -> None:
        for over in self.cache.slots.keys() - {record.round_id for record in records}:
            del self.cache.slots[over]

    def collector(self, context: CycleContext) -> Collector:
        """Return what collects and publishes submissions for one cycle."""
        return Collector(
            context.suite,
            self.inbox,
            self.published,
            largest=self.largest,
            quorum_check=context.quorum_check,
        )

    def opener(self, context: CycleContext) -> RoundOpener:
        """Return what opens rounds for one cycle."""
        return RoundOpener(context, self.collector(context), self.plans, self.cache, self.raise_alarm)

    def locker(self, context: CycleContext, records: Sequence[RoundRecord]) -> RoundLocker:
        """Return what locks rounds for one cycle, while those of `records` in settlement are settled."""
        settling = [record for record in records if record.state == RoundState.SETTLING]
        self.cache.settling.keep({record.round_id for record in settling})
        return RoundLocker(
            context,
            self.collector(context),
            Lanes(context.suite, context.block.number, context.quorum_check),
            settling,
            self.slots_per_chunk,
            self.peers,
            self.cache,
            self.raise_alarm,
        )
