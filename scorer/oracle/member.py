"""A committee member at work: one cycle over every unfinished round."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from web3 import Web3

from scorer.chain.contracts import ProposalRecord, ProposalStatus, RoundRecord, RoundState, Suite
from scorer.chain.logs import IncompleteLogs
from scorer.observation.observe import (
    Block,
    CommitteeView,
    Sealed,
    awaits_seal,
    chunks_left,
    finalised_block,
)
from scorer.oracle.calls import ONLY_MEMBERS, Calls, business_key, latest_time
from scorer.oracle.decide import (
    Absence,
    Action,
    Alarm,
    ApproveBond,
    Attest,
    Challenge,
    Challenging,
    RoundView,
    SealRound,
    Wait,
    decide,
    decide_credit,
    is_due,
)
from scorer.oracle.disputing import Disputing
from scorer.oracle.failures import apart
from scorer.oracle.observation import committee_doubts, observed_rounds
from scorer.oracle.policy import MemberPolicy as MemberPolicy
from scorer.oracle.quorum_check import QuorumCheck
from scorer.oracle.reporting import MemberCache as MemberCache
from scorer.oracle.reporting import MemberPaths as MemberPaths
from scorer.oracle.reporting import Reporter
from scorer.oracle.sanity import NoVerdict, Summary, recomputed_elsewhere, refusals, summary
from scorer.oracle.sealing import Sealing
from scorer.oracle.turns import turn_of
from scorer.protocol.report import Report
from scorer.storage.bundle import REPORT, Bundle
from scorer.transactions.request import Reverted, TransactionRequest, TransactionSender

ALREADY_DONE = frozenset(
    {
        "AlreadyAccepted",
        "AlreadyAttested",
        "AlreadyCounted",
        "NothingOwed",
        "NotTopOfStack",
        "ReportStands",
        "RoundNotSealed",
        "SealKnown",
        "WrongState",
        "WrongStatus",
    }
)
"""Reverts that mean somebody else was faster: not an error."""

NO_ROUND: Final = 0
"""The number of what belongs to no round; rounds are counted from 1."""


@dataclass(frozen=True)
class ActionResult:
    """One action of a cycle, and what became of it."""

    round_id: int
    action: Action
    outcome: str


@dataclass(frozen=True)
class Member:
    """One member of the committee.

    Attributes
    ----------
    address
        Whose votes to look for.
    sender
        Votes and challenges, as `address`. None: a dry run, in which everything is computed and nothing sent.
    relay
        Sends what anybody may send; None: `sender` does.
    witnesses
        Other endpoints, which must confirm what a vote or a challenge rests on.
    """

    suite: Suite
    files: MemberPaths
    address: str
    sender: TransactionSender | None
    relay: TransactionSender | None = None
    duty: MemberPolicy = field(default_factory=MemberPolicy)
    witnesses: QuorumCheck = field(default_factory=QuorumCheck)
    memory: MemberCache = field(default_factory=MemberCache)

    def cycle(self, rounds: Sequence[int] | None = None, block: Block | None = None) -> list[ActionResult]:
        """Observe, decide and act once for every unfinished round, oldest first.

        Parameters
        ----------
        rounds
            Look at these alone; None: at all that were ever opened.
        block
            The finalised block to read at; None: the endpoint's newest.

        Returns
        -------
        list[Step]
            What was done, and what was not and why.
        """
        at = block or finalised_block(self.suite)
        if not self.memory.basis.moves_to(self.suite, at):
            self._forget_chain()
        seen = observed_rounds(self.suite, at, self.witnesses, self.memory.rounds, rounds)
        asked = [record.round_id for record in seen.records if _needs_positions(record, at)]
        committee = CommitteeView.read(self.suite, asked, self.address, at)
        doubts = {**seen.doubts, **committee_doubts(committee, self.witnesses, at)}
        self._sealing.read_seals(seen.records, at)
        parts = [(each, partial(self._doubt, each, why)) for each, why in doubts.items()]
        locking = tuple(record for record in seen.records if self._is_to_be_locked(record, at))
        parts += [
            (record.round_id, partial(self._act_on, record, at, committee, locking))
            for record in seen.records
            if record.round_id not in doubts
        ]
        if rounds is None:
            self.memory.drop_over()
            parts += [(NO_ROUND, partial(self._tell_lost, at)), (NO_ROUND, partial(self._collect, at))]
        return [step for round_id, act in parts for step in self._apart(round_id, act)]

    def _apart(self, round_id: int, act: Callable[[], list[ActionResult]]) -> list[ActionResult]:
        """What one round comes to; what is wrong with it keeps no other round waiting."""
        what = f"round {round_id}" if round_id else "what the committee owes us"
        steps: list[ActionResult] = []
        with apart(what, self.duty.alarm) as failed:
            steps = act()
        return steps + [ActionResult(round_id, Alarm(each), "not looked at") for each in failed]

    def _doubt(self, round_id: int, why: str) -> list[ActionResult]:
        """Leave a round alone of which endpoints say different things, whatever that would keep from us."""
        self._forget(round_id)
        return [ActionResult(round_id, self._alarm("ENDPOINTS_DISAGREE", why), "not looked at")]

    def _collect(self, block: Block) -> list[ActionResult]:
        """Have paid out what disputes left us; it belongs to no round, and has the number 0."""
        address = Web3.to_checksum_address(self.address)
        credit = self.suite.committee.functions.creditOf(address).call(block_identifier=block.number)
        calls = Calls(self.suite, NO_ROUND, None, self.bundle(NO_ROUND))
        return [
            ActionResult(NO_ROUND, action, self._carry_out(calls, action, block.number)[0])
            for action in decide_credit(self.address, int(credit))
        ]

    def _forget_chain(self) -> None:
        """The block that we remember from is no more: nothing that was final is known to be."""
        self.memory.forget_chain()
        self.witnesses.heard.clear()

    def _forget(self, round_id: int) -> None:
        self.memory.forget(round_id)
        for each in [each for each in self.witnesses.heard if each[1] == round_id]:
            self.witnesses.heard.discard(each)

    def _is_to_be_locked(self, record: RoundRecord, block: Block) -> bool:
        """Whether an operator locks a round, or will: it has not said yet that it is done."""
        may_be = record.is_unsealed and block.timestamp < record.lock_until
        return may_be and not self._sealing.is_locked(record)

    def _act_on(
        self,
        record: RoundRecord,
        block: Block,
        committee: CommitteeView,
        locking: tuple[RoundRecord, ...],
    ) -> list[ActionResult]:
        round_id = record.round_id
        told: list[str] = []
        with apart(f"published files of round {round_id}", self.duty.alarm) as failed:
            told = self._reporter.watch(record, block)
        steps = [ActionResult(round_id, Alarm(each), "published files") for each in (*told, *failed)]
        try:
            return steps + self._report_and_act(record, block, committee, locking)
        except IncompleteLogs:
            self._forget(round_id)
            raise

    def _report_and_act(
        self,
        record: RoundRecord,
        block: Block,
        committee: CommitteeView,
        locking: tuple[RoundRecord, ...],
    ) -> list[ActionResult]:
        relevant = _needs_positions(record, block)
        sealed = self._reporter.sealed(record, block) if relevant else None
        proposal = committee.proposal(record.round_id) if relevant else None
        report, problem = self._reporter.report(record, sealed, proposal, block)
        steps = []
        if problem is not None:
            steps.append(ActionResult(record.round_id, self._alarm("NO_REPORT", problem), "no report"))
        if report is not None:
            self._tell_differing(record.round_id)
        view = self._view(record, block, sealed, committee, report, locking)
        calls = Calls(self.suite, record.round_id, sealed, self.bundle(record.round_id))
        for action in decide(view):
            outcome, goes_on = self._confirmed(view, calls, action, block)
            steps.append(ActionResult(record.round_id, action, outcome))
            if not goes_on:
                break
        return steps

    def _tell_differing(self, round_id: int) -> None:
        """Tell of members that were given other inputs, whether or not their report is accepted."""
        with apart(f"round {round_id}, other members' reports", self.duty.alarm):
            for found in self._disputing.differing(self.bundle(round_id)):
                self.duty.alarm("PEERS_DIFFER", f"round {round_id}: {found}")

    @property
    def _reporter(self) -> Reporter:
        duty = self.duty
        return Reporter(
            self.suite,
            self.files,
            self.memory,
            duty.alarm,
            duty.publication_grace,
            duty.outcome_delay,
            self.witnesses,
            self._sealing.candidates,
        )

    @property
    def _sealing(self) -> Sealing:
        sign = None if self.sender is None else self.sender.sign_message
        return Sealing(
            self.suite,
            self.files.rounds,
            self.files.published,
            self.files.peers,
            self.address,
            sign,
            self.memory.seals,
            self.duty.alarm,
            self.witnesses,
        )

    def _seal(self, record: RoundRecord, block: Block) -> SealRound | None:
        """The seal of a round that waits for one, once a quorum signed it and we hold the round's files."""
        if not awaits_seal(record, block) or not self._reporter.is_kept(record, block):
            return None
        found = self._sealing.ready(record, block)
        if found is None:
            return None
        others_have_time = 0 if found.is_complete else (record.close_at + record.lock_until) // 2
        sealable_from = max(block.timestamp, others_have_time)
        before = self.memory.sealable_from.get(record.round_id)
        if before is not None and before[0] == found.seal:
            sealable_from = min(before[1], sealable_from)
        self.memory.sealable_from[record.round_id] = found.seal, sealable_from
        return SealRound(found.seal, found.signers, found.signatures)

    def _absence(self, record: RoundRecord, block: Block) -> Absence | None:
        """That a round was sealed without our signature, for as long as it can be counted."""
        if not self._sealing.is_absent(record, block):
            return None
        kept = self._reporter.is_kept(record, block)
        signature = self._sealing.late_signature(record, block) if kept else None
        (in_a_row,) = self.suite.absences([self.address], block.number)
        return Absence(signature, in_a_row, self.suite.absence_limit(block.number))

    @property
    def _disputing(self) -> Disputing:
        memory, peers = self.memory, self.files.peers
        return Disputing(
            self.suite, self.address, self.duty, peers, memory.decided, memory.peers, self.witnesses
        )

    def _view(
        self,
        record: RoundRecord,
        block: Block,
        sealed: Sealed | None,
        committee: CommitteeView,
        report: Report | None,
        locking: tuple[RoundRecord, ...],
    ) -> RoundView:
        proposal = committee.proposal(record.round_id) if sealed else None
        vote = committee.vote(record.round_id) if sealed else None
        votes = report is not None and vote != report.hash()
        seal = self._seal(record, block)
        _, sealable_from = self.memory.sealable_from.get(record.round_id, (None, 0))
        return RoundView(
            record=record,
            now=block.timestamp,
            chunks_left=chunks_left(record, sealed.positions) if sealed else 0,
            proposal=proposal,
            vote=vote,
            report=report,
            refusals=self._refusals(record.round_id, report) if report is not None and votes else (),
            challenging=self._challenging(record, proposal, report, block),
            address=self.address,
            delay=self._delay(record.round_id, committee),
            block=block.number,
            seal=seal,
            sealable_from=sealable_from,
            pool=None if proposal is None else self.suite.pool(block.number),
            bonded=self._bonded,
            locking=locking,
            roll_wait=self.duty.roll_wait,
            absence=self._absence(record, block),
        )

    @property
    def _bonded(self) -> bool:
        """Whether votes, or challenges, hold bonds. Neither changes once a committee is deployed."""
        functions = self.suite.committee.functions
        if self.memory.bonded is None:
            self.memory.bonded = bool(functions.memberBond().call() or functions.challengeBond().call())
        return self.memory.bonded

    def _delay(self, round_id: int, committee: CommitteeView) -> int:
        if not self.duty.stagger:
            return 0
        return turn_of(self.address, committee.members, round_id) * self.duty.stagger

    def _challenging(
        self, record: RoundRecord, proposal: ProposalRecord | None, report: Report | None, block: Block
    ) -> Challenging:
        """Whether we may dispute the accepted report, where there is one that is not ours."""
        if proposal is None or report is None or proposal.report_hash == report.hash():
            return Challenging()
        return self._disputing.of(self.bundle(record.round_id), proposal, block)

    def _tell_lost(self, block: Block) -> list[ActionResult]:
        """Who lost a challenge may be wrong in the next round too: a human must look first."""
        if not self.duty.challenges:
            return []
        lost = sorted(self._disputing.lost(block))
        return [
            ActionResult(
                each, self._alarm("CHALLENGE_LOST", f"round {each}: upheld; no more challenges"), "stopped"
            )
            for each in lost
        ]

    def _refusals(self, round_id: int, report: Report) -> tuple[str, ...]:
        """Why our report is not sound, looked at once."""
        known = self.memory.sound.get(report.hash())
        if known is None:
            try:
                known = self.memory.sound[report.hash()] = self._unsound(round_id, report)
            except NoVerdict as error:
                return (f"{error}; it is tried again",)
        return known

    def _unsound(self, round_id: int, report: Report) -> tuple[str, ...]:
        found: tuple[str, ...] = ()
        bundle = self.bundle(round_id)
        if self.duty.limits is not None:
            found = refusals(
                report, bundle.terms(), bundle.scores(), self._before(round_id), self.duty.limits
            )
        if not found and self.duty.recomputes:
            disagreement = recomputed_elsewhere(bundle.folder)
            found = () if disagreement is None else (disagreement,)
        return found

    def _before(self, round_id: int) -> Summary | None:
        """The newest earlier round that we reported on."""
        for earlier in range(round_id - 1, 0, -1):
            if self.bundle(earlier).has(REPORT):
                with apart(f"round {earlier}, which round {round_id} is compared with", self.duty.alarm):
                    return summary(self.bundle(earlier).scores())
        return None

    def _alarm(self, kind: str, detail: str) -> Alarm:
        self.duty.alarm(kind, detail)
        return Alarm(detail)

    def recomputed(self, round_id: int, block: Block) -> tuple[Bundle, bytes | None]:
        """Our bundle of a round, made anew from our inputs as they are now; the hash of the report before.

        Raises
        ------
        InputsMismatch, BundleError, scorer.chain.logs.IncompleteLogs
            When it cannot be made.
        """
        bundle = self.bundle(round_id)
        before = bundle.report().hash() if bundle.has(REPORT) else None
        return self._reporter.anew(self.suite.round(round_id, block.number), block), before

    def bundle(self, round_id: int) -> Bundle:
        """The member's own bundle of a round."""
        return self._reporter.bundle(round_id)

    def _confirmed(self, view: RoundView, calls: Calls, action: Action, block: Block) -> tuple[str, bool]:
        """Carry out an action, as `_act` does; with our name or bond at stake, only what others confirm."""
        if isinstance(action, Attest | ApproveBond | Challenge):
            objection = self.witnesses.objection(view, self.address, calls.bundle, block)
            if objection is not None:
                self._forget(view.record.round_id)
                self._alarm("ENDPOINTS_DISAGREE", objection)
                return f"not done: {objection}", False
        return self._act(view, calls, action)

    def _act(self, view: RoundView, calls: Calls, action: Action) -> tuple[str, bool]:
        """Carry out one action; the outcome, and whether the next one still makes sense."""
        if isinstance(action, Alarm):
            self.duty.alarm(action.kind, action.reason)
            return action.reason, True
        if isinstance(action, Wait):
            return action.reason, False
        status = ProposalStatus.NONE if view.proposal is None else view.proposal.status
        not_after = latest_time(action, view.record, view.proposal)
        return self._carry_out(calls, action, view.block, status, not_after)

    def _carry_out(
        self,
        calls: Calls,
        action: Action,
        known_at: int,
        status: ProposalStatus = ProposalStatus.NONE,
        not_after: int | None = None,
    ) -> tuple[str, bool]:
        sender = self.sender if isinstance(action, ONLY_MEMBERS) else self.relay or self.sender
        if sender is None:
            return "dry run: not sent", True
        key = business_key(self.suite, calls.round_id, action, status)
        try:
            spare = calls.spare_gas(action, known_at)
            request = TransactionRequest.of(
                calls.of(action), key, not_after=not_after, known_at=known_at, spare_gas=spare
            )
            delivery = sender.deliver(request)
        except Reverted as revert:
            if revert.name in ALREADY_DONE:
                return f"already done ({revert.name})", True
            self._alarm("NOT_ALLOWED", f"round {calls.round_id}, {type(action).__name__}: {revert}")
            return str(revert), False
        return delivery.note, delivery.is_mined


def _needs_positions(record: RoundRecord, block: Block) -> bool:
    """Whether anything can be done that needs to know what the round locked."""
    return record.state == RoundState.VOIDED or is_due(record, block.timestamp)
