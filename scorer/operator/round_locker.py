"""Collects and publishes a closed round's submissions, locks their stakes by chunks, and ends the lock."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from web3.contract.contract import ContractFunction

from scorer.chain.records import RoundRecord
from scorer.failpoints import reach
from scorer.observation.observe import has_closed
from scorer.operator.cache import OperatorCache
from scorer.operator.collection import Collection
from scorer.operator.collector import Collector, Lanes
from scorer.operator.rolling import LockCall, Settling
from scorer.oracle.actions import ActionResult, LockSlots
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.context import CycleContext
from scorer.oracle.failures import apart
from scorer.oracle.sending import ALREADY_DONE, DRY_RUN, Outcome, Sending, send
from scorer.oracle.stamps import stamp_of
from scorer.transactions.request import RequestKey, TransactionRequest, scope_of

ROLL_TO_LOCK: Final = 3.0
"""Settling a chunk and locking it again takes at most this much of the gas that locking it took: settling
alone takes twice as much at most (measured: benchmarks/oracle)."""
END_LOCK: Final = "endlock"
LEAST_SLOTS: Final = 2
SHOWN: Final = 3
"""The number of models that an alarm names."""
ALREADY_LOCKED: Final = ALREADY_DONE | {"SlotsLockedBefore"}


@dataclass
class RoundLocker:
    """Locks rounds of one tournament for one cycle.

    Attributes
    ----------
    lanes
        The model of each lane.
    settling
        Rounds that are being settled: their chunks are settled on the way where a member published scores.
    peers
        Members' bundles, in which these scores are found.
    """

    context: CycleContext
    collector: Collector
    lanes: Lanes
    settling: Sequence[RoundRecord]
    slots_per_chunk: int
    peers: Sequence[Path]
    cache: OperatorCache
    raise_alarm: RaiseAlarm

    def close(self, record: RoundRecord) -> Iterator[ActionResult]:
        """Publish and lock what a round whose submissions have closed holds, while it can be sealed."""
        if has_closed(record, self.context.block):
            yield from self._lock(record)
        elif record.is_unsealed and self.context.block.timestamp >= record.lock_until:
            self.raise_alarm(
                AlarmReason.NEVER_SEALED,
                f"round {record.round_id} was not sealed in time; it returns whole",
            )

    def _lock(self, record: RoundRecord) -> Iterator[ActionResult]:
        collection = self._collected(record)
        if not record.is_lockable:
            return
        slots, settling = self._slots(record, collection), self.settling_round()
        for planned in self.collector.lock_calls(record, collection, slots, self.lanes, settling):
            chosen = self._end(record) if planned is None else self._affordable(planned)
            outcome = self._send(record, chosen)
            yield ActionResult(record.round_id, LockSlots(chosen.name), outcome.text)
            if not outcome.goes_on:
                return

    def _send(self, record: RoundRecord, lock: LockCall) -> Outcome:
        context = self.context
        if context.sender is None:
            return Outcome(DRY_RUN, goes_on=False)
        scope = scope_of(context.suite.addresses.chain_id, str(context.suite.tournament.address))
        key = RequestKey.of(scope, lock.meaning, round_id=record.round_id)
        request = TransactionRequest.of(
            lock.call, key, not_after=record.lock_until, known_at=context.block.number
        )
        sending = Sending(f"round {record.round_id} {lock.name}", request, ALREADY_LOCKED)
        return send(context.sender, sending, self.raise_alarm)

    def settling_round(self) -> Settling | None:
        """Return the oldest round in settlement whose scores are at hand."""
        context = self.context
        for record in self.settling:
            with apart(f"scores of round {record.round_id}", self.raise_alarm):
                settling = self.cache.settling.of(context.suite, record, context.block, self.peers)
                if settling is not None:
                    return settling
        return None

    def _affordable(self, planned: LockCall) -> LockCall:
        """Return what was planned, or its lock alone where settling too is refused or takes too much gas."""
        if planned.alone is None or self.context.sender is None:
            return planned
        gas, budget = self._estimate(planned.call), self.context.gas_budget
        fits = gas is not None and (budget is None or gas <= budget())
        return planned if fits else planned.alone

    def _end(self, record: RoundRecord) -> LockCall:
        """Return the call after which nothing more of a round can be locked, and members seal it."""
        call = self.context.suite.tournament.functions.endLock(record.round_id)
        return LockCall(END_LOCK, END_LOCK, call)

    def _collected(self, record: RoundRecord) -> Collection:
        """Return what was taken from a round's inbox, once it is published."""
        round_id, was_published = record.round_id, self.collector.has_published(record.round_id)
        collection = self.collector.collect(record, self.context.block)
        if was_published:
            self._check_published(record, collection)
        for refusal in () if was_published else collection.refusals:
            detail = f"round {round_id}: {refusal.reason}"
            self.raise_alarm(AlarmReason.REFUSED_SUBMISSION, detail)
            if refusal.is_defect:
                self.raise_alarm(AlarmReason.DEFECT, detail)
        reach("submissions-collected", str(round_id))
        if self.context.sender is not None:
            self.collector.publish(round_id, collection)
        reach("submissions-published", str(round_id))
        return collection

    def _check_published(self, record: RoundRecord, collection: Collection) -> None:
        """Call a human for published submissions that nobody signed: somebody else wrote to our folder.

        Stakes are locked all the same: members refuse those submissions, and their positions return whole.
        """
        round_id, suite = record.round_id, self.context.suite
        bundle = self.collector.published_bundle(round_id)
        stamp = stamp_of(bundle)
        if self.cache.checked.get(round_id) == stamp:
            return
        wrong = collection.submissions.not_signed_by(
            self.collector.submitters(record, self.context.block.number),
            suite.addresses.chain_id,
            str(suite.tournament.address),
            round_id,
        )
        if wrong:
            shown = ", ".join(map(str, wrong[:SHOWN]))
            self.raise_alarm(
                AlarmReason.BROKEN_FILE,
                f"{bundle.folder}: expected what each submitter signed, found others of {len(wrong)} models "
                f"({shown}{', ...' if len(wrong) > SHOWN else ''}), whose positions return whole",
            )
        self.cache.checked[round_id] = stamp

    def _slots(self, record: RoundRecord, collection: Collection) -> int:
        """Return the number of slots with which a chunk can be locked, settled and rolled on this chain.

        The chain itself is asked: a cold read costs more than twice as much on Polygon as on a local node.
        """
        known = self.cache.slots.get(record.round_id)
        if known is not None or self.context.gas_budget is None or self.context.sender is None:
            return known or self.slots_per_chunk
        slots, budget = self.slots_per_chunk, self.context.gas_budget()
        while slots > LEAST_SLOTS and self._gas(record, collection, slots) * ROLL_TO_LOCK > budget:
            # Half as many, and an even number.
            slots = max(slots // 4 * 2, LEAST_SLOTS)
        self.cache.slots[record.round_id] = slots
        return slots

    def _gas(self, record: RoundRecord, collection: Collection, slots: int) -> int:
        """Return the gas of locking the first chunk; 0 when nothing is to be locked or it is refused."""
        planned = next(self.collector.lock_calls(record, collection, slots, self.lanes), None)
        return 0 if planned is None else self._estimate(planned.call) or 0

    def _estimate(self, call: ContractFunction) -> int | None:
        """Return the gas that a call takes; None where it is refused."""
        suite, sender = self.context.suite, self.context.sender
        if sender is None:
            return None
        try:
            return int(call.estimate_gas({"from": suite.w3.to_checksum_address(sender.address)}))
        except Exception:  # noqa: BLE001 - whatever refuses an estimate refuses the call too, and says why there
            return None
