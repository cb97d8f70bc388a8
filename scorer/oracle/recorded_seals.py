"""Reads the seals that the contract recorded, and says where our signature is missing from one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scorer.chain.records import MemberSet, RoundRecord, RoundState, SealRecord
from scorer.observation.observe import Block
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.context import CycleContext
from scorer.oracle.seal_cache import SealCache


@dataclass
class RecordedSeals:
    """The recorded seals of rounds that wait for their outcome, as one member looks at them.

    Attributes
    ----------
    address
        Our own.
    """

    context: CycleContext
    address: str
    cache: SealCache
    raise_alarm: RaiseAlarm

    def read(self, records: Sequence[RoundRecord]) -> None:
        """Read who signed the seals of rounds that wait for their outcome.

        A round whose seal has our signature is not asked about again, once other endpoints say the same.
        """
        known = self.cache.recorded
        waiting = [record for record in records if is_countable(record, self.context.block)]
        asked = [record for record in waiting if record.round_id not in known or self.is_absent(record)]
        numbers = [record.round_id for record in asked]
        if not numbers:
            return
        seals = dict(zip(numbers, self.context.suite.seals(numbers, self.context.block.number), strict=True))
        doubted = self._doubted(seals)
        for round_id, seal in seals.items():
            if round_id in doubted:
                known.pop(round_id, None)
            else:
                known[round_id] = seal

    def _doubted(self, seals: Mapping[int, SealRecord]) -> set[int]:
        """Return the rounds of whose seal another endpoint says otherwise; each is an alarm."""
        doubted, numbers, at = set[int](), [*seals], self.context.block.number
        for host, theirs in self.context.quorum_check.answers(lambda suite: suite.seals(numbers, at)):
            for round_id, seal in zip(numbers, theirs, strict=True):
                if seal != seals[round_id]:
                    doubted.add(round_id)
                    self.raise_alarm(
                        AlarmReason.ENDPOINTS_DISAGREE,
                        f"round {round_id}: endpoint {host} says otherwise of who signed its seal",
                    )
        return doubted

    def is_absent(self, record: RoundRecord) -> bool:
        """Say whether a round that waits for its outcome was sealed without our signature."""
        seal = self.cache.recorded.get(record.round_id)
        if seal is None or not is_countable(record, self.context.block):
            return False
        return seal.leaves_out(self.address, self.member_set(record).members)

    def member_set(self, record: RoundRecord) -> MemberSet:
        """Return the members of a round, which were frozen when it opened."""
        known, number = self.cache.sets, record.member_set_id
        if number not in known:
            known[number] = self.context.suite.member_set(number, self.context.block.number)
        return known[number]


def is_countable(record: RoundRecord, block: Block) -> bool:
    """Say whether a signature that a round's seal left out can still be counted."""
    return record.state == RoundState.SEALED and block.timestamp < record.resolve_at
