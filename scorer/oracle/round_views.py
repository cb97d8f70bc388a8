"""Puts together what `decide` looks at, from the chain, our files and our policy."""

from dataclasses import dataclass

from scorer.chain.bulk import read_view
from scorer.chain.records import ProposalRecord, RoundRecord
from scorer.observation.court_case import Disproof
from scorer.observation.observe import CommitteeView, Sealed, awaits_seal, chunks_left
from scorer.oracle.actions import SealRound
from scorer.oracle.answering import Answering
from scorer.oracle.cache import MemberCache
from scorer.oracle.calls import Calls
from scorer.oracle.context import CycleContext
from scorer.oracle.disputing import Disputing
from scorer.oracle.paths import MemberPaths
from scorer.oracle.policy import MemberPolicy
from scorer.oracle.proving import Proving
from scorer.oracle.sealing import Sealing
from scorer.oracle.soundness import Soundness
from scorer.oracle.takeover import PublishedFiles
from scorer.oracle.turns import turn_of
from scorer.oracle.view import Absence, Challenging, RoundView
from scorer.protocol.report import Report


@dataclass
class RoundViews:
    """Makes the views of one member's rounds for one cycle.

    Attributes
    ----------
    address
        Our own.
    published
        Published files, and what of them we hold.
    """

    context: CycleContext
    paths: MemberPaths
    address: str
    policy: MemberPolicy
    cache: MemberCache
    sealing: Sealing
    published: PublishedFiles
    disputing: Disputing
    soundness: Soundness
    proving: Proving
    answering: Answering

    def view(
        self,
        record: RoundRecord,
        sealed: Sealed | None,
        committee: CommitteeView,
        report: Report | None,
        locking: tuple[RoundRecord, ...],
    ) -> RoundView:
        """Return everything that the decision on a round depends on."""
        round_id, block = record.round_id, self.context.block
        proposal = committee.proposal(round_id) if sealed else None
        vote = committee.vote(round_id) if sealed else None
        is_to_vote = report is not None and vote != report.hash()
        seal = self._seal(record)
        _, sealable_from = self.cache.sealable_from.get(round_id, (None, 0))
        return RoundView(
            record=record,
            now=block.timestamp,
            chunks_left=chunks_left(record, sealed.positions) if sealed else 0,
            proposal=proposal,
            vote=vote,
            report=report,
            refusals=self.soundness.refusals(round_id, report) if report and is_to_vote else (),
            challenging=self._challenging(record, proposal, report),
            address=self.address,
            delay=self._delay(round_id, committee),
            block=block.number,
            seal=seal,
            sealable_from=sealable_from,
            pool=None if proposal is None else self.context.suite.pool(block.number),
            bonded=self._bonded(),
            locking=locking,
            roll_wait=self.policy.roll_wait,
            absence=self._absence(record),
            challenge_window=0 if proposal is None else self._challenge_window(),
            evidence_until=None if proposal is None else self._evidence_until(record),
            posted_parts=self._posted_parts(proposal),
            unstaged=self._unstaged(record, sealed, proposal, report),
            disproof=self._disproof(record, sealed, proposal, report),
            owed=None if sealed is None or proposal is None else self.answering.owed(record, proposal),
        )

    def _seal(self, record: RoundRecord) -> SealRound | None:
        """Return the seal of a round that waits for one, once a quorum signed it and we hold the files."""
        block, round_id = self.context.block, record.round_id
        if not awaits_seal(record, block) or not self.published.is_kept(record):
            return None
        ready = self.sealing.ready(record)
        if ready is None:
            return None
        # Whoever is left out of a seal counts as absent, so others have half of the lock window to sign.
        others_have_time = 0 if ready.is_complete else (record.close_at + record.lock_until) // 2
        sealable_from = max(block.timestamp, others_have_time)
        before = self.cache.sealable_from.get(round_id)
        # The first time holds for as long as the seal is the same: our turn is counted from it.
        if before is not None and before[0] == ready.seal:
            sealable_from = min(before[1], sealable_from)
        self.cache.sealable_from[round_id] = ready.seal, sealable_from
        return SealRound(ready.seal, ready.signers, ready.signatures)

    def _absence(self, record: RoundRecord) -> Absence | None:
        """Return that a round was sealed without our signature, for as long as it can be counted."""
        if not self.sealing.recorded.is_absent(record):
            return None
        suite, at = self.context.suite, self.context.block.number
        signature = self.sealing.late_signature(record) if self.published.is_kept(record) else None
        (in_a_row,) = suite.absences([self.address], at)
        return Absence(signature, in_a_row, suite.absence_limit(at))

    def _bonded(self) -> bool:
        """Say whether votes, or challenges, hold bonds. Neither changes once a committee is deployed."""
        functions = self.context.suite.committee.functions
        if self.cache.bonded is None:
            self.cache.bonded = bool(
                read_view(functions.memberBond()) or read_view(functions.challengeBond())
            )
        return self.cache.bonded

    def _challenge_window(self) -> int:
        """Return the committee's challenge window, seconds, which never changes."""
        if self.cache.challenge_window is None:
            asked = self.context.suite.committee.functions.challengeWindow()
            self.cache.challenge_window = int(read_view(asked))
        return self.cache.challenge_window

    def _evidence_until(self, record: RoundRecord) -> int | None:
        """Return until when evidence of the round's reports is taken; None where none is asked for."""
        court = self.context.suite.court
        return None if court is None else record.deadline + court.posting_period

    def _posted_parts(self, proposal: ProposalRecord | None) -> int:
        """Return how many parts of an accepted report's evidence are public, while it waits for more."""
        suite, at = self.context.suite, self.context.block.number
        if suite.court is None or proposal is None or not proposal.awaits_evidence:
            return 0
        tournament = str(suite.tournament.address)
        if not suite.court.posted_at(tournament, proposal.report_hash, at):
            return 0
        return 1 + suite.court.steps_posting(tournament, proposal.report_hash, at).parts

    def _unstaged(
        self,
        record: RoundRecord,
        sealed: Sealed | None,
        proposal: ProposalRecord | None,
        report: Report | None,
    ) -> tuple[bytes, ...]:
        """Return the pieces that are missing before our evidence can be posted, where it is to be."""
        suite, at = self.context.suite, self.context.block.number
        if suite.court is None or suite.court.staged is None or sealed is None or report is None:
            return ()
        if proposal is None or not proposal.awaits_evidence or proposal.report_hash != report.hash():
            return ()
        if suite.court.posted_at(str(suite.tournament.address), proposal.report_hash, at):
            return ()
        calls = Calls(suite, record.round_id, sealed, self.paths.own_bundle(record.round_id))
        return suite.court.staged.missing_pieces(calls.posting_pieces(report), at)

    def _disproof(
        self,
        record: RoundRecord,
        sealed: Sealed | None,
        proposal: ProposalRecord | None,
        report: Report | None,
    ) -> Disproof | None:
        """Return the proof that the accepted report is wrong, where it is not ours and there is one."""
        if not self.policy.proves or sealed is None or proposal is None:
            return None
        if report is not None and proposal.report_hash == report.hash():
            return None
        return self.proving.disproof(record, sealed, proposal)

    def _delay(self, round_id: int, committee: CommitteeView) -> int:
        if not self.policy.stagger:
            return 0
        return turn_of(self.address, committee.members, round_id) * self.policy.stagger

    def _challenging(
        self, record: RoundRecord, proposal: ProposalRecord | None, report: Report | None
    ) -> Challenging:
        """Return whether we may dispute the accepted report, where there is one that is not ours."""
        if proposal is None or report is None or proposal.report_hash == report.hash():
            return Challenging()
        return self.disputing.challenging(self.paths.own_bundle(record.round_id), proposal)
