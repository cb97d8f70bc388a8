"""A member's part before the court: it finds what an accepted report says wrongly, and the proof of it."""

from dataclasses import dataclass

from scorer.chain.records import ProposalRecord, RoundRecord
from scorer.observation.court_case import CaseFiles, CourtCase, Disproof, TooLargeToProve, read_case
from scorer.observation.observe import Sealed
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.cache import MemberCache, ProofSearch
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
        """Return the proof that takes least.

        Evidence never changes: it is searched for once, and where there was none, once more with each answer
        to a demand, which shows what we may not have read.
        """
        answered, known = self._answered(report_hash), self.cache.disproofs.get(report_hash)
        if known is not None and (known.found is not None or known.answered == answered):
            return known.found
        case = self._case(record, sealed, report_hash)
        if case is None:
            return None
        found = self._cheapest(record, case)
        # What we cannot read yet, we may read later.
        if found is not None or not case.facts.sealed.submissions.is_withheld:
            self.cache.disproofs[report_hash] = ProofSearch(answered, found)
        return found

    def _answered(self, report_hash: bytes) -> int:
        """Return of how many models answers to demands under a report made the predictions public."""
        suite, at = self.context.suite, self.context.block.number
        if suite.demands is None:
            return 0
        return len(suite.demands.draw_of(str(suite.tournament.address), report_hash, at).answered)

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
