"""Takes over what the operator publishes, and calls a human for what is wrong with it."""

from dataclasses import dataclass
from functools import cached_property

from scorer.chain.records import RoundRecord, RoundState
from scorer.observation.observe import has_closed, sealed_at
from scorer.oracle.actions import Alarm
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.cache import MemberCache
from scorer.oracle.context import CycleContext
from scorer.oracle.decide import is_due
from scorer.oracle.paths import MemberPaths
from scorer.oracle.takeover import Candidates, PublishedFiles, Takeover, is_late


@dataclass
class PublicationWatch:
    """Watches the published files of one member's tournament for one cycle.

    Attributes
    ----------
    grace
        Seconds after a seal in which published files may still be on their way.
    candidates
        Returns what a seal may refuse, see `scorer.oracle.takeover.PublishedFiles`.
    """

    context: CycleContext
    paths: MemberPaths
    cache: MemberCache
    raise_alarm: RaiseAlarm
    grace: int
    candidates: Candidates

    @cached_property
    def files(self) -> PublishedFiles:
        """The published files, and those of them that we hold."""
        paths = self.paths
        return PublishedFiles(
            paths.rounds,
            paths.published,
            paths.tournament,
            self._most_models,
            self.candidates,
            self.cache.seen,
        )

    def _most_models(self, record: RoundRecord) -> int:
        submitters = self.context.suite.submitters_before(record.close_at, self.context.block.number)
        return max(submitters, default=0)

    def watch(self, record: RoundRecord) -> list[Alarm]:
        """Take over what was published of a round that has closed; raise and return what is wrong with it."""
        is_closed = has_closed(record, self.context.block)
        if not is_closed and record.state not in (RoundState.SEALED, RoundState.SETTLING):
            return []
        takeover = self.files.look(record)
        alarms = self._alarms(record, takeover)
        for alarm in alarms:
            self.raise_alarm(alarm.reason, alarm.detail)
        if takeover.mismatch is not None and is_due(record, self.context.block.timestamp):
            self.raise_alarm(AlarmReason.NO_REPORT, f"round {record.round_id}: {takeover.mismatch}")
        return alarms

    def _alarms(self, record: RoundRecord, takeover: Takeover) -> list[Alarm]:
        problems: list[tuple[AlarmReason, str]] = []
        if takeover.aside is not None:
            text = f"its report rests on another seal; it is kept as {takeover.aside}"
            problems.append((AlarmReason.SET_ASIDE, text))
        if takeover.changed:
            text = f"{', '.join(takeover.changed)}: not what we took over, any more"
            problems.append((AlarmReason.PUBLISHED_CHANGED, text))
        if takeover.missing and self._is_late(record):
            state = "closed" if record.is_unsealed else "sealed"
            text = f"{state}, and not published: {', '.join(takeover.missing)}"
            problems.append((AlarmReason.NOT_PUBLISHED, text))
        if takeover.mismatch is not None:
            problems.append((AlarmReason.PUBLISHED_MISMATCH, takeover.mismatch))
        return [Alarm(f"round {record.round_id}: {text}", reason) for reason, text in problems]

    def _is_late(self, record: RoundRecord) -> bool:
        """Say whether files are late: half of the lock window has passed, or the grace after the seal."""
        now = self.context.block.timestamp
        if record.is_unsealed:
            return now >= (record.close_at + record.lock_until) // 2
        # No seal comes before the close, so the chain is asked for it only when even that would be late.
        if not is_late(record, record.close_at, now, self.grace):
            return False
        known = self.cache.sealed_at
        if record.round_id not in known:
            known[record.round_id] = sealed_at(self.context.suite, record, self.context.block)
        return is_late(record, known[record.round_id], now, self.grace)
