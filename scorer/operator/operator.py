"""The operator as a daemon: opens planned rounds and locks stakes, each once, whatever happens between."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from web3.contract.contract import ContractFunction

from scorer.chain.contracts import RoundRecord, RoundState
from scorer.failpoints import reach
from scorer.observation.basis import ChainBasis
from scorer.observation.observe import Block, RoundTracker, awaits_seal
from scorer.operator.collector import Collector, Lanes
from scorer.operator.intake import Collection
from scorer.operator.locking import SLOTS_PER_CHUNK
from scorer.operator.plans import PlanFolder, PlannedRound, due_plans, identity_of, missed_plans, publish
from scorer.operator.rolling import LockCall, Settling, SettlingRounds
from scorer.oracle.failures import apart
from scorer.oracle.member import ALREADY_DONE
from scorer.oracle.observation import observed_rounds
from scorer.oracle.takeover import Stamp, stamp_of
from scorer.storage.bundle import RULES, UNIVERSE
from scorer.transactions.alarms import AlarmCallback, ignore_alarm
from scorer.transactions.request import (
    NO_ROUND,
    RequestKey,
    Reverted,
    TransactionRequest,
    TransactionSender,
    scope_of,
)

ROLL_TO_LOCK: Final = 3.0
"""Settling a chunk and locking it again takes at most this much of the gas that locking it took: settling
alone takes twice as much at most (measured: benchmarks/oracle)."""
LEAST_SLOTS: Final = 2
SHOWN: Final = 3
ALREADY_LOCKED: Final = ALREADY_DONE | {"SlotsLockedBefore"}


@dataclass(frozen=True)
class OperatorAction:
    """Something that the operator did, or why not."""

    what: str
    outcome: str


@dataclass
class OperatorCache:
    """What a process knows for good; a restart loses nothing by losing it.

    Attributes
    ----------
    rounds
        Which rounds are over in a finalised block.
    slots
        How many slots a chunk of an unfinished round may have.
    plans
        Plans as they were read, by their folder.
    done
        Digests of plans that were opened and are over, or were missed and told.
    checked
        The stamp of published submissions that were held against their signatures, by round.
    settling
        Rounds in settlement, with the scores that members published.
    basis
        The block that what was read of the chain rests on.
    """

    rounds: RoundTracker = field(default_factory=RoundTracker)
    slots: dict[int, int] = field(default_factory=dict)
    plans: dict[Path, PlanFolder] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    checked: dict[int, Stamp] = field(default_factory=dict)
    settling: SettlingRounds = field(default_factory=SettlingRounds)
    basis: ChainBasis = field(default_factory=ChainBasis)

    def forget_chain(self) -> None:
        """Read everything anew: the chain that it was read from is no more."""
        self.rounds.forget()
        self.settling.keep(set())
        for known in (self.slots, self.opened, self.done, self.checked):
            known.clear()


@dataclass(frozen=True)
class Operator(Collector):
    """One operator of one tournament, level-triggered.

    Attributes
    ----------
    sender
        None: a dry run.
    plans
        Where rounds are prepared, see `scorer.operator.plans`; None: rounds are opened by other means.
    gas_budget
        What one transaction may take here, as of now; None: any amount.
    peers
        Members' bundles, in which the scores are found by which chunks of a round in settlement are settled
        while those of another are locked; without any, rounds are locked alone.
    """

    sender: TransactionSender | None
    plans: Path | None = None
    slots_per_chunk: int = SLOTS_PER_CHUNK
    gas_budget: Callable[[], int] | None = None
    peers: Sequence[Path] = ()
    alarm: AlarmCallback = ignore_alarm
    memory: OperatorCache = field(default_factory=OperatorCache)

    def work(self, block: Block) -> list[OperatorAction]:
        """One cycle at a finalised block: open what is due, then lock what has closed."""
        if not self.memory.basis.moves_to(self.suite, block):
            self.memory.forget_chain()
        seen = observed_rounds(self.suite, block, self.witnesses, self.memory.rounds)
        for why in seen.doubts.values():
            self.alarm("ENDPOINTS_DISAGREE", why)
        records = seen.records
        plans = self._unfinished_plans(records) if not seen.doubts else []  # one in doubt may be open
        lanes = Lanes(self.suite, block.number, self.witnesses)
        settling = [record for record in records if record.state == RoundState.SETTLING]
        self.memory.settling.keep({record.round_id for record in settling})
        with apart("missed plans", self.alarm):
            self._tell_missed(missed_plans(plans, records, block.timestamp), block)
        parts = [
            *((f"round {each.round_id}", self._publish_opened(plans, each)) for each in records),
            *(
                (f"plan {each.folder.name}", self._open(each, block))
                for each in due_plans(plans, records, block.timestamp)
            ),
            *((f"round {each.round_id}", self._close(each, block, lanes, settling)) for each in records),
        ]
        return [deed for what, deeds in parts for deed in self._apart(what, deeds)]

    def _apart(self, what: str, deeds: Iterator[OperatorAction]) -> Iterator[OperatorAction]:
        """What one round or plan comes to; what is wrong with it keeps no other one waiting."""
        with apart(what, self.alarm):
            yield from deeds

    def _publish_opened(self, plans: Sequence[PlannedRound], record: RoundRecord) -> Iterator[OperatorAction]:
        """Rules and universe of an opened round, for members and data scientists."""
        target = self.published_bundle(record.round_id)
        for plan in plans if not target.has(RULES, UNIVERSE) else ():
            if plan.is_on_chain_as(record) and publish(plan, target):
                yield OperatorAction(f"round {record.round_id}", f"published {plan.folder.name}")

    def _open(self, plan: PlannedRound, block: Block) -> Iterator[OperatorAction]:
        call = self.suite.tournament.functions.openRound(*plan.times, plan.commitments)
        deed = f"open {plan.folder.name}"
        key = self._key(f"open:{plan.digest}", NO_ROUND)
        outcome, _ = self._carry_out(deed, call, key, plan.close_at, block)
        yield OperatorAction(deed, outcome)

    def _close(
        self, record: RoundRecord, block: Block, lanes: Lanes, settling: Sequence[RoundRecord]
    ) -> Iterator[OperatorAction]:
        """Lock a round whose submissions have closed, while that is possible."""
        if awaits_seal(record, block):
            yield from self._lock(record, block, lanes, settling)
        elif record.is_unsealed and block.timestamp >= record.lock_until:
            self.alarm("NEVER_SEALED", f"round {record.round_id} was not sealed in time; it returns whole")

    def _unfinished_plans(self, records: Sequence[RoundRecord]) -> list[PlannedRound]:
        """Those that are not known to be over or missed."""
        memory = self.memory
        for over in memory.slots.keys() - {record.round_id for record in records}:
            del memory.slots[over]
        if self.plans is None:
            return []
        folder = memory.plans.setdefault(self.plans, PlanFolder(self.plans))
        on_chain = {identity_of(record) for record in records}
        plans = [plan for plan in folder.plans(self.alarm) if plan.digest not in memory.done]
        for plan in plans:
            if plan.identity in on_chain:
                memory.opened.add(plan.digest)
            elif plan.digest in memory.opened:
                memory.done.add(plan.digest)
        return [plan for plan in plans if plan.digest not in memory.done]

    def _tell_missed(self, plans: Sequence[PlannedRound], block: Block) -> None:
        """Tell of each once, unless it was opened and is over, which rounds that are over are asked for."""
        if not plans:
            return
        count, unfinished = self.suite.round_count(block.number), self.memory.rounds.unfinished
        ended = [each for each in range(1, count + 1) if each not in unfinished]
        over = {identity_of(record) for record in self.suite.rounds(ended, block.number)}
        for plan in plans:
            self.memory.done.add(plan.digest)
            if plan.identity not in over:
                self.alarm("MISSED_OPENING", f"{plan.folder.name}: was not opened before it closed")

    def _lock(
        self, record: RoundRecord, block: Block, lanes: Lanes, settling: Sequence[RoundRecord]
    ) -> Iterator[OperatorAction]:
        collection = self._collected(record, block)
        slots = self._slots(record, collection, lanes)
        for planned in self.lock_calls(record, collection, slots, lanes, self._settling(settling, block)):
            if planned is None:
                self._publish_locked(record.round_id)
                return
            chosen = self._affordable(planned)
            deed = f"round {record.round_id} {chosen.name}"
            key = self._key(chosen.meaning, record.round_id)
            outcome, goes_on = self._carry_out(deed, chosen.call, key, record.lock_until, block)
            yield OperatorAction(deed, outcome)
            if not goes_on:
                return

    def _settling(self, records: Sequence[RoundRecord], block: Block) -> Settling | None:
        """The oldest round in settlement whose scores are at hand."""
        for record in records:
            with apart(f"scores of round {record.round_id}", self.alarm):
                found = self.memory.settling.of(self.suite, record, block, self.peers)
                if found is not None:
                    return found
        return None

    def _affordable(self, planned: LockCall) -> LockCall:
        """What was planned, or its lock alone where to settle too is refused, or takes too much gas."""
        if planned.alone is None or self.sender is None:
            return planned
        gas = self._estimate(planned.call)
        fits = gas is not None and (self.gas_budget is None or gas <= self.gas_budget())
        return planned if fits else planned.alone

    def _publish_locked(self, round_id: int) -> None:
        if self.sender is not None:
            self.publish_locked(round_id)
            reach("locked-published", str(round_id))

    def _collected(self, record: RoundRecord, block: Block) -> Collection:
        was_told = self.has_published(record.round_id)
        collection = self.collect(record, block)
        if was_told:
            self._check_published(record, collection, block)
        for refusal in () if was_told else collection.refusals:
            self.alarm("REFUSED_SUBMISSION", f"round {record.round_id}: {refusal.reason}")
            if refusal.is_defect:
                self.alarm("DEFECT", f"round {record.round_id}: {refusal.reason}")
        reach("submissions-collected", str(record.round_id))
        if self.sender is not None:
            self.publish(record.round_id, collection)
        reach("submissions-published", str(record.round_id))
        return collection

    def _check_published(self, record: RoundRecord, collection: Collection, block: Block) -> None:
        """Tell of submissions that nobody signed any more: somebody else wrote to what we published.

        Stakes are locked all the same: members refuse those submissions, and their positions return whole.
        """
        round_id, suite = record.round_id, self.suite
        bundle = self.published_bundle(round_id)
        stamp = stamp_of(bundle)
        if self.memory.checked.get(round_id) == stamp:
            return
        wrong = collection.submissions.not_signed_by(
            self._submitters(record, block.number),
            suite.addresses.chain_id,
            str(suite.tournament.address),
            round_id,
        )
        if wrong:
            shown = ", ".join(map(str, wrong[:SHOWN]))
            self.alarm(
                "BROKEN_FILE",
                f"{bundle.folder}: expected what each submitter signed, found others of {len(wrong)} models "
                f"({shown}{', ...' if len(wrong) > SHOWN else ''}), whose positions return whole",
            )
        self.memory.checked[round_id] = stamp

    def _slots(self, record: RoundRecord, collection: Collection, lanes: Lanes) -> int:
        """How many slots a chunk may have, so that it can be locked, settled and rolled on this chain.

        Asked of the chain itself: a cold read costs more than twice as much on Polygon as on a local node.
        """
        known = self.memory.slots.get(record.round_id)
        if known is not None or self.gas_budget is None or self.sender is None:
            return known or self.slots_per_chunk
        slots, budget = self.slots_per_chunk, self.gas_budget()
        while slots > LEAST_SLOTS and self._gas(record, collection, slots, lanes) * ROLL_TO_LOCK > budget:
            slots = max(slots // 4 * 2, LEAST_SLOTS)
        self.memory.slots[record.round_id] = slots
        return slots

    def _gas(self, record: RoundRecord, collection: Collection, slots: int, lanes: Lanes) -> int:
        """What locking the first chunk takes, 0 when nothing is to be locked or it cannot be told."""
        planned = next(self.lock_calls(record, collection, slots, lanes), None)
        return 0 if planned is None else self._estimate(planned.call) or 0

    def _estimate(self, call: ContractFunction) -> int | None:
        """What a call takes; None where it cannot be told."""
        if self.sender is None:
            return None
        try:
            return int(call.estimate_gas({"from": self.suite.w3.to_checksum_address(self.sender.address)}))
        except Exception:  # noqa: BLE001 - whatever refuses an estimate refuses the call too, and says why there
            return None

    def _key(self, meaning: str, round_id: int) -> RequestKey:
        scope = scope_of(self.suite.addresses.chain_id, str(self.suite.tournament.address))
        return RequestKey.of(scope, meaning, round_id=round_id)

    def _carry_out(
        self, deed: str, call: ContractFunction, key: RequestKey, not_after: int, block: Block
    ) -> tuple[str, bool]:
        if self.sender is None:
            return "dry run: not sent", False
        request = TransactionRequest.of(call, key, not_after=not_after, known_at=block.number)
        try:
            delivery = self.sender.deliver(request)
        except Reverted as revert:
            if revert.name in ALREADY_LOCKED:
                return f"already done ({revert.name})", True
            self.alarm("NOT_ALLOWED", f"{deed}: {revert}")
            return str(revert), False
        return delivery.note, delivery.is_mined
