"""Opens planned rounds when they are due, and publishes their rules and universe."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scorer.chain.records import RoundRecord
from scorer.observation.encryption import usable_keys
from scorer.operator.cache import OperatorCache
from scorer.operator.collector import Collector
from scorer.operator.plans import PlanFolder, PlannedRound, due_plans, identity_of, missed_plans, publish
from scorer.oracle.actions import ActionResult, OpenRound, PublishPlan
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.context import CycleContext
from scorer.oracle.sending import DRY_RUN, Sending, send
from scorer.storage.bundle import RULES, UNIVERSE
from scorer.transactions.request import NO_ROUND, RequestKey, TransactionRequest, scope_of


@dataclass
class RoundOpener:
    """Opens rounds of one tournament for one cycle.

    Attributes
    ----------
    folder
        The folder in which rounds are prepared, see `scorer.operator.plans`; None: rounds are opened by other
        means.
    """

    context: CycleContext
    collector: Collector
    folder: Path | None
    cache: OperatorCache
    raise_alarm: RaiseAlarm

    def unfinished_plans(self, records: Sequence[RoundRecord]) -> list[PlannedRound]:
        """Return the plans that are not known to be over or missed."""
        if self.folder is None:
            return []
        cache, folder = self.cache, self.cache.plans.setdefault(self.folder, PlanFolder(self.folder))
        on_chain = {identity_of(record) for record in records}
        plans = [plan for plan in folder.plans(self.raise_alarm) if plan.digest not in cache.done]
        for plan in plans:
            if plan.identity in on_chain:
                cache.opened.add(plan.digest)
            # It was on the chain, and is no longer among the unfinished rounds.
            elif plan.digest in cache.opened:
                cache.done.add(plan.digest)
        return [plan for plan in plans if plan.digest not in cache.done]

    def report_missed(self, plans: Sequence[PlannedRound], records: Sequence[RoundRecord]) -> None:
        """Call a human, once for each, for plans that were not opened in time."""
        block = self.context.block
        missed = missed_plans(plans, records, block.timestamp)
        if not missed:
            return
        # A plan may have been opened and be over: the chain is asked for the rounds that are.
        suite, unfinished = self.context.suite, self.cache.rounds.unfinished
        count = suite.round_count(block.number)
        ended = [round_id for round_id in range(1, count + 1) if round_id not in unfinished]
        over = {identity_of(record) for record in suite.rounds(ended, block.number)}
        for plan in missed:
            self.cache.done.add(plan.digest)
            if plan.identity not in over:
                self.raise_alarm(
                    AlarmReason.MISSED_OPENING, f"{plan.folder.name}: was not opened before it closed"
                )

    def due(self, plans: Sequence[PlannedRound], records: Sequence[RoundRecord]) -> list[PlannedRound]:
        """Return the plans that should be open by now, can still be, and are not."""
        return due_plans(plans, records, self.context.block.timestamp)

    def publish(self, plans: Sequence[PlannedRound], record: RoundRecord) -> Iterator[ActionResult]:
        """Publish rules and universe of an opened round, for members and data scientists."""
        target = self.collector.published_bundle(record.round_id)
        for plan in plans if not target.has(RULES, UNIVERSE) else ():
            if plan.is_on_chain_as(record) and publish(plan, target):
                name = plan.folder.name
                yield ActionResult(record.round_id, PublishPlan(name), f"published {name}")

    def _has_keys(self) -> bool:
        """Say whether submissions could be encrypted to the current member set."""
        suite, at = self.context.suite, self.context.block.number
        return usable_keys(suite.member_set(suite.member_set_id(at), at)) is not None

    def _commitments(self, plan: PlannedRound) -> tuple[bytes, bytes, bytes]:
        """Return what the round is bound to: with terms wherever a court can hold its scores against them."""
        return plan.commitments(has_court=self.context.suite.court is not None)

    def open(self, plan: PlannedRound) -> Iterator[ActionResult]:
        """Open a planned round."""
        suite, action = self.context.suite, OpenRound(plan.folder.name)
        if plan.rules.is_encrypted and not self._has_keys():
            self.raise_alarm(
                AlarmReason.NO_ENCRYPTION_KEYS,
                f"plan {action.plan}: expected keys of a quorum of members on the chain, found fewer; it is "
                "opened once they published them (cupel oracle encryption-key publish)",
            )
            return
        if self.context.sender is None:
            yield ActionResult(NO_ROUND, action, DRY_RUN)
            return
        scope = scope_of(suite.addresses.chain_id, str(suite.tournament.address))
        request = TransactionRequest.of(
            suite.tournament.functions.openRound(*plan.times, self._commitments(plan)),
            RequestKey.of(scope, f"open:{plan.digest}", round_id=NO_ROUND),
            not_after=plan.close_at,
            known_at=self.context.block.number,
        )
        sending = Sending(f"open {action.plan}", request)
        yield ActionResult(NO_ROUND, action, send(self.context.sender, sending, self.raise_alarm).text)
