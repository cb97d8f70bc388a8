"""A committee member at work: one cycle over every unfinished round."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from web3 import Web3

from scorer.chain.contracts import ProposalStatus, RoundRecord, RoundState, Suite
from scorer.chain.killpoints import reach
from scorer.chain.sender import Courier, Reverted
from scorer.oracle.calls import ONLY_MEMBERS, Calls, business_key, latest_time
from scorer.oracle.challenges import Challenges, judged
from scorer.oracle.decide import (
    Action,
    Alarm,
    ApproveBond,
    Attest,
    Challenge,
    Challenging,
    RoundView,
    Wait,
    decide,
    decide_credit,
    is_due,
)
from scorer.oracle.failures import apart
from scorer.oracle.observe import (
    Block,
    CommitteeView,
    RoundTracker,
    Sealed,
    chunks_left,
    finalised_block,
    read_sealed,
    unfinished_rounds,
)
from scorer.oracle.sanity import Limits, NoVerdict, Summary, recomputed_elsewhere, refusals, summary
from scorer.oracle.standing import disagreement
from scorer.oracle.turns import turn_of
from scorer.oracle.witnesses import Witnesses
from scorer.rounds.evaluation import InputsMismatch, RoundInputs, evaluate
from scorer.rounds.report import Report
from scorer.store.bundle import PUBLISHED, REPORT, TARGETS, Bundle, BundleError, round_folder

ALREADY_DONE = frozenset(
    {
        "AlreadyAccepted",
        "AlreadyAttested",
        "NothingOwed",
        "NotTopOfStack",
        "ReportStands",
        "RoundNotSealed",
        "WrongState",
        "WrongStatus",
    }
)
"""Reverts that mean somebody else was faster: not an error."""

NO_ROUND: Final = 0
"""The number of what belongs to no round; rounds are counted from 1."""


@dataclass(frozen=True)
class Files:
    """Where a member finds and keeps files. Each folder holds ``<tournament>/<round>/``.

    Attributes
    ----------
    rounds
        The member's own bundles.
    published
        What the operator publishes: rules, universe and signed submissions.
    targets
        The member's own source of targets: ``targets.parquet`` appears there once an outcome is known, after
        the further inputs that the rules need (see `scorer.rounds.tables`).
    """

    rounds: Path
    published: Path
    targets: Path


@dataclass(frozen=True)
class Step:
    """One action of a cycle, and what became of it."""

    round_id: int
    action: Action
    outcome: str


def _say_nothing(_kind: str, _detail: str) -> None:
    return


@dataclass(frozen=True)
class Duty:
    """How a member works, beyond what the protocol says.

    Attributes
    ----------
    challenges, largest_bond
        Whether it disputes an accepted report that is not its own, and for what bond at most, wei.
    most_challenges
        How many bonds may hang on undecided challenges at once.
    challenged
        Tells the rounds whose report we disputed.
    lost_challenges
        Of these, the rounds whose lost challenge a human has looked at. Any other one ends all challenging.
    stagger
        Seconds between members' turns in sending what anybody may send.
    limits
        What is too unusual to be attested; None: nothing is held back.
    recomputes
        Whether a fresh process must come to the same report before it is attested.
    alarm
        Told the kind and the detail of what a human must know.
    """

    challenges: bool = False
    largest_bond: int = 0
    most_challenges: int = 3
    challenged: Callable[[], Sequence[int]] = tuple
    lost_challenges: frozenset[int] = frozenset()
    stagger: int = 0
    limits: Limits | None = None
    recomputes: bool = False
    alarm: Callable[[str, str], None] = _say_nothing


@dataclass
class Memory:
    """What a process knows for good, so that it need not ask again; a restart loses nothing by losing it.

    Attributes
    ----------
    rounds
        Which rounds are over in a finalised block.
    sealed
        What rounds locked, by round, once a finalised block says that they are sealed or void.
    standing
        Rounds whose report was computed by this process, or held against the chain.
    sound
        Why a report is not sound, by its hash; empty when it is.
    decided
        How disputes of ours ended, by round.
    """

    rounds: RoundTracker = field(default_factory=RoundTracker)
    sealed: dict[int, Sealed] = field(default_factory=dict)
    standing: set[int] = field(default_factory=set)
    sound: dict[bytes, tuple[str, ...]] = field(default_factory=dict)
    decided: dict[int, ProposalStatus] = field(default_factory=dict)

    def forget(self, round_id: int) -> None:
        """Read a round anew: what we have of it may be wrong."""
        self.sealed.pop(round_id, None)
        self.standing.discard(round_id)


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
    files: Files
    address: str
    sender: Courier | None
    relay: Courier | None = None
    duty: Duty = field(default_factory=Duty)
    witnesses: Witnesses = field(default_factory=Witnesses)
    memory: Memory = field(default_factory=Memory)

    def cycle(self, rounds: Sequence[int] | None = None, block: Block | None = None) -> list[Step]:
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
        records = unfinished_rounds(self.suite, at, rounds, self.memory.rounds)
        asked = [record.round_id for record in records if _needs_positions(record, at)]
        committee = CommitteeView.read(self.suite, asked, self.address, at)
        parts = [(record.round_id, partial(self._act_on, record, at, committee)) for record in records]
        if rounds is None:
            for over in self.memory.sealed.keys() - self.memory.rounds.unfinished:
                del self.memory.sealed[over]
            parts += [(NO_ROUND, partial(self._tell_lost, at)), (NO_ROUND, partial(self._collect, at))]
        return [step for round_id, act in parts for step in self._apart(round_id, act)]

    def _apart(self, round_id: int, act: Callable[[], list[Step]]) -> list[Step]:
        """What one round comes to; what is wrong with it keeps no other round waiting."""
        what = f"round {round_id}" if round_id else "what the committee owes us"
        steps: list[Step] = []
        with apart(what, self.duty.alarm) as failed:
            steps = act()
        return steps + [Step(round_id, Alarm(each), "not looked at") for each in failed]

    def _collect(self, block: Block) -> list[Step]:
        """Have paid out what disputes left us; it belongs to no round, and has the number 0."""
        address = Web3.to_checksum_address(self.address)
        credit = self.suite.committee.functions.creditOf(address).call(block_identifier=block.number)
        calls = Calls(self.suite, NO_ROUND, None, self.bundle(NO_ROUND))
        return [
            Step(NO_ROUND, action, self._carry_out(calls, action, block.number)[0])
            for action in decide_credit(self.address, int(credit))
        ]

    def _act_on(self, record: RoundRecord, block: Block, committee: CommitteeView) -> list[Step]:
        relevant = _needs_positions(record, block)
        sealed = self._sealed(record, block) if relevant else None
        report, problem = self._own_report(record, sealed, block)
        steps = []
        if problem is not None:
            steps.append(Step(record.round_id, self._alarm("NO_REPORT", problem), "no report"))
        view = self._view(record, block, sealed, committee, report)
        calls = Calls(self.suite, record.round_id, sealed, self.bundle(record.round_id))
        for action in decide(view):
            outcome, goes_on = self._confirmed(view, calls, action, block)
            steps.append(Step(record.round_id, action, outcome))
            if not goes_on:
                break
        return steps

    def _view(
        self,
        record: RoundRecord,
        block: Block,
        sealed: Sealed | None,
        committee: CommitteeView,
        report: Report | None,
    ) -> RoundView:
        proposal = committee.proposal(record.round_id) if sealed else None
        vote = committee.vote(record.round_id) if sealed else None
        votes = report is not None and vote != report.hash()
        differs = report is not None and proposal is not None and proposal.report_hash != report.hash()
        return RoundView(
            record=record,
            now=block.timestamp,
            chunks_left=chunks_left(record, sealed.positions) if sealed else 0,
            proposal=proposal,
            vote=vote,
            report=report,
            refusals=self._refusals(record.round_id, report) if report is not None and votes else (),
            challenging=self._challenging(record.round_id, block) if differs else Challenging(),
            address=self.address,
            delay=self._delay(record.round_id, committee),
            block=block.number,
        )

    def _sealed(self, record: RoundRecord, block: Block) -> Sealed:
        found = self.memory.sealed.get(record.round_id)
        if found is None:
            found = self.memory.sealed[record.round_id] = read_sealed(self.suite, record, block)
        return found

    def _delay(self, round_id: int, committee: CommitteeView) -> int:
        if not self.duty.stagger:
            return 0
        return turn_of(self.address, committee.members, round_id) * self.duty.stagger

    def _challenging(self, round_id: int, block: Block) -> Challenging:
        """Whether we may dispute a report, and what the committee may not take yet."""
        if not self.duty.challenges:
            return Challenging()
        before = self._challenges(block)
        others = before.at_stake - {round_id}
        if len(others) >= self.duty.most_challenges:
            self._alarm("TOO_MANY_CHALLENGES", f"round {round_id}: bonds hang on rounds {sorted(others)}")
            return Challenging()
        if before.lost - self.duty.lost_challenges:
            return Challenging()
        committee, at = self.suite.committee, block.number
        bond = int(committee.functions.challengeBond().call(block_identifier=at))
        allowance = self.suite.token.functions.allowance(
            Web3.to_checksum_address(self.address), committee.address
        ).call(block_identifier=at)
        if bond > self.duty.largest_bond:
            self._alarm("BOND_TOO_LARGE", f"a challenge takes {bond} wei, we stake {self.duty.largest_bond}")
            return Challenging()
        return Challenging(allowed=True, approve=bond if allowance < bond else 0)

    def _challenges(self, block: Block) -> Challenges:
        return judged(self.suite, self.duty.challenged(), block.number, self.memory.decided)

    def _tell_lost(self, block: Block) -> list[Step]:
        """Who lost a challenge may be wrong in the next round too: a human must look first."""
        if not self.duty.challenges:
            return []
        lost = sorted(self._challenges(block).lost - self.duty.lost_challenges)
        return [
            Step(each, self._alarm("CHALLENGE_LOST", f"round {each}: upheld; no more challenges"), "stopped")
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
        """Our bundle of a round, made anew from published files and targets; the hash of the report before.

        Raises
        ------
        InputsMismatch, BundleError, scorer.chain.logs.IncompleteLogs
            When it cannot be made.
        """
        bundle = self.bundle(round_id)
        before = bundle.report().hash() if bundle.has(REPORT) else None
        record = self.suite.round(round_id, block.number)
        self._evaluate(record, read_sealed(self.suite, record, block), block, bundle)
        return bundle, before

    def bundle(self, round_id: int) -> Bundle:
        """The member's own bundle of a round."""
        return Bundle(self._folder(self.files.rounds, round_id))

    def _folder(self, root: Path, round_id: int) -> Path:
        return round_folder(root, str(self.suite.tournament.address), round_id)

    def _own_report(
        self, record: RoundRecord, sealed: Sealed | None, block: Block
    ) -> tuple[Report | None, str | None]:
        """Our report of a round whose outcome is known, or what is wrong with the files it would rest on."""
        if sealed is None or not is_due(record, block.timestamp):
            return None, None
        bundle = self.bundle(record.round_id)
        try:
            if not self._stands(record, sealed, block, bundle):
                self._evaluate(record, sealed, block, bundle)
            return (bundle.report() if bundle.has(REPORT) else None), None
        except (InputsMismatch, BundleError) as error:
            return None, str(error)

    def _stands(self, record: RoundRecord, sealed: Sealed, block: Block, bundle: Bundle) -> bool:
        """Whether there is a report that rests on what the chain says now; any other is put aside.

        An endpoint may have told something else when it was computed, and a chain that was there before may
        have had the same addresses.
        """
        if not bundle.has(REPORT) or record.round_id in self.memory.standing:
            return bundle.has(REPORT)
        problem = disagreement(bundle, sealed, self.suite.submitters(record.close_at, block.number))
        if problem is not None:
            kept = bundle.set_aside().name
            self._alarm("SET_ASIDE", f"round {record.round_id}: {problem}; it is kept as {kept}")
            return False
        self.memory.standing.add(record.round_id)
        return True

    def _evaluate(self, record: RoundRecord, sealed: Sealed, block: Block, bundle: Bundle) -> None:
        """Take over what the operator published, score it against our own targets, and keep the bundle."""
        published = Bundle(self._folder(self.files.published, record.round_id))
        outcomes = Bundle(self._folder(self.files.targets, record.round_id))
        if not (published.has(*PUBLISHED) and outcomes.has(TARGETS)):
            return
        bundle.copy_published(published)
        submissions, rules = bundle.submissions(), bundle.rules()
        inputs = RoundInputs(
            terms=sealed.terms,
            rules=rules,
            submissions=submissions,
            submitters=self.suite.submitters(record.close_at, block.number),
            targets=outcomes.targets(submissions.universe),
            positions=sealed.positions,
            tables=outcomes.tables(rules, submissions.universe),
        )
        result = evaluate(inputs)
        reach("report-computed", str(record.round_id))
        bundle.write(inputs, result, has_published=True)
        self.memory.standing.add(record.round_id)
        reach("report-written", str(record.round_id))

    def _confirmed(self, view: RoundView, calls: Calls, action: Action, block: Block) -> tuple[str, bool]:
        """Carry out an action, as `_act` does; with our name or bond at stake, only what others confirm."""
        if isinstance(action, Attest | ApproveBond | Challenge):
            objection = self.witnesses.objection(view, self.address, calls.bundle, block)
            if objection is not None:
                self.memory.forget(view.record.round_id)
                self._alarm("ENDPOINTS_DISAGREE", objection)
                return f"not done: {objection}", False
        return self._act(view, calls, action)

    def _act(self, view: RoundView, calls: Calls, action: Action) -> tuple[str, bool]:
        """Carry out one action; the outcome, and whether the next one still makes sense."""
        if isinstance(action, Alarm):
            self.duty.alarm("REPORT", action.reason)
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
        courier = self.sender if isinstance(action, ONLY_MEMBERS) else self.relay or self.sender
        if courier is None:
            return "dry run: not sent", True
        key = business_key(self.suite, calls.round_id, action, status)
        try:
            spare = calls.spare_gas(action, known_at)
            done = courier.carry_out(calls.of(action), key, not_after, known_at, spare)
        except Reverted as revert:
            if revert.name in ALREADY_DONE:
                return f"already done ({revert.name})", True
            self._alarm("NOT_ALLOWED", f"round {calls.round_id}, {type(action).__name__}: {revert}")
            return str(revert), False
        return done.note, done.goes_on


def _needs_positions(record: RoundRecord, block: Block) -> bool:
    """Whether anything can be done that needs to know what the round locked."""
    return record.state == RoundState.VOIDED or is_due(record, block.timestamp)
