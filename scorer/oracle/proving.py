"""A member's part before the court: it finds what an accepted report says wrongly, and the proof of it."""

from dataclasses import dataclass

from scorer.chain.contracts import Suite
from scorer.chain.records import ProposalRecord, RoundRecord
from scorer.evaluation.inputs import Positions
from scorer.observation.court_case import CaseFiles, CourtCase, Disproof, TooLargeToProve, read_case
from scorer.observation.observe import Sealed, read_sealed
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.cache import MemberCache, ProofSearch
from scorer.oracle.context import CycleContext
from scorer.oracle.failures import apart
from scorer.oracle.paths import MemberPaths
from scorer.proofs.calls import SealedTree
from scorer.proofs.search import FalseClaim, cheapest


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
        case = self._case(self.context.suite, record, sealed.positions, report_hash)
        if case is None:
            return None
        fault = self._cheapest(record, case)
        if fault is not None:
            self._confirm(record.round_id, report_hash, fault)
        found = None if fault is None else self._proof(record, case, fault)
        # What we cannot read yet, we may read later.
        if found is not None or not case.facts.sealed.submissions.is_withheld:
            self.cache.disproofs[report_hash] = ProofSearch(answered, found)
        return found

    def _confirm(self, round_id: int, report_hash: bytes, fault: FalseClaim) -> None:
        """Have other endpoints confirm what is wrong: a proof shows predictions, and nobody takes them back.

        Raises
        ------
        scorer.chain.errors.EndpointsDisagree
            When what one says has nothing wrong, or something else, or too few answer.
        """
        context = self.context

        def read(suite: Suite) -> FalseClaim | None:
            if suite is context.suite:
                return fault
            record = suite.round(round_id, context.block.number)
            positions = read_sealed(suite, record, context.block).positions
            case = self._case(suite, record, positions, report_hash)
            return None if case is None else cheapest(_provable(case), case.facts.sealed)

        context.quorum_check.confirmed(context.suite, f"round {round_id}, {fault}", read)

    def _answered(self, report_hash: bytes) -> int:
        """Return of how many models answers to demands under a report made the predictions public."""
        suite, at = self.context.suite, self.context.block.number
        if suite.demands is None:
            return 0
        return len(suite.demands.draw_of(str(suite.tournament.address), report_hash, at).answered)

    def _case(
        self, suite: Suite, record: RoundRecord, positions: Positions, report_hash: bytes
    ) -> CourtCase | None:
        bundle = self.paths.own_bundle(record.round_id)
        if not bundle.has_collected:
            return None
        files = CaseFiles(bundle.rules(), SealedTree(bundle.submissions(), bundle.refused()))
        return read_case(suite, record, positions, files, report_hash, self.context.block)

    def _cheapest(self, record: RoundRecord, case: CourtCase) -> FalseClaim | None:
        """Return the fault whose proof takes least: any one ends the report, and pools drop what is large."""
        faults = case.faults()
        provable = [fault for fault in faults if case.is_provable(fault)]
        if faults and not provable:
            self.raise_alarm(
                AlarmReason.PROVEN_WRONG,
                f"round {record.round_id}: {faults[0]}; the court's rank tables are not those of this "
                "version, or it hears no VerdictCourt, so that another one must prove it",
            )
        return cheapest(provable, case.facts.sealed)

    def _proof(self, record: RoundRecord, case: CourtCase, fault: FalseClaim) -> Disproof | None:
        try:
            return case.disproof(fault, self.address)
        except TooLargeToProve as error:
            self.raise_alarm(AlarmReason.PROVEN_WRONG, f"round {record.round_id}: {fault}: {error}")
            return None


def _provable(case: CourtCase) -> list[FalseClaim]:
    return [fault for fault in case.faults() if case.is_provable(fault)]
