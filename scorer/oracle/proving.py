"""A member's part before the court: it finds what an accepted report says wrongly, and the proof of it."""

from dataclasses import dataclass

from scorer.chain.records import ProposalRecord, RoundRecord
from scorer.observation.court_case import CaseFiles, CourtCase, Disproof, TooLargeToProve, read_case
from scorer.observation.observe import Sealed
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.cache import MemberCache
from scorer.oracle.context import CycleContext
from scorer.oracle.failures import apart
from scorer.oracle.paths import MemberPaths
from scorer.proofs.calls import SealedTree
from scorer.proofs.search import cheapest


@dataclass
class Proving:
    """Looks for what can be proven wrong, as one member of one tournament for one cycle.

    Attributes
    ----------
    address
        Our own, from which proofs are sent.
    """

    context: CycleContext
    paths: MemberPaths
    address: str
    cache: MemberCache
    raise_alarm: RaiseAlarm

    def disproof(self, record: RoundRecord, sealed: Sealed, proposal: ProposalRecord) -> Disproof | None:
        """Return a proof that the accepted report is wrong, and whether it is announced; None without one.

        A failure is reported, and keeps nothing else from being done.
        """
        if not proposal.stands:
            return None
        with apart(f"round {record.round_id}, proofs against its report", self.raise_alarm) as failures:
            found = self._announced(self._found(record, sealed, proposal.report_hash))
        return None if failures else found

    def _announced(self, found: Disproof | None) -> Disproof | None:
        court = self.context.suite.court
        if found is None or court is None:
            return None
        return found.observed(court, self.context.block.number)

    def _found(self, record: RoundRecord, sealed: Sealed, report_hash: bytes) -> Disproof | None:
        """Return the proof that takes least; searched for once, as evidence never changes."""
        known = self.cache.disproofs
        if report_hash not in known:
            case = self._case(record, sealed, report_hash)
            if case is None:
                return None
            found = self._cheapest(record, case)
            # What we cannot read yet, we may read later.
            if found is None and case.facts.sealed.submissions.is_withheld:
                return None
            known[report_hash] = found
        return known[report_hash]

    def _case(self, record: RoundRecord, sealed: Sealed, report_hash: bytes) -> CourtCase | None:
        bundle, context = self.paths.own_bundle(record.round_id), self.context
        if not bundle.has_collected:
            return None
        files = CaseFiles(bundle.rules(), SealedTree(bundle.submissions(), bundle.refused()))
        return read_case(context.suite, record, sealed.positions, files, report_hash, context.block)

    def _cheapest(self, record: RoundRecord, case: CourtCase) -> Disproof | None:
        faults = case.faults()
        provable = [fault for fault in faults if case.is_provable(fault)]
        if faults and not provable:
            self.raise_alarm(
                AlarmReason.PROVEN_WRONG,
                f"round {record.round_id}: {faults[0]}; the court's rank tables are not those of this "
                "version, or it hears no VerdictCourt, so that another one must prove it",
            )
        # Any one ends the report: pools drop what is too large.
        fault = cheapest(provable, case.facts.sealed)
        try:
            return None if fault is None else case.disproof(fault, self.address)
        except TooLargeToProve as error:
            self.raise_alarm(AlarmReason.PROVEN_WRONG, f"round {record.round_id}: {fault}: {error}")
            return None
