"""One cycle of a committee member: what it reads, and each round's report, decision and actions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from web3 import Web3

from scorer.chain.bulk import read_view
from scorer.chain.logs import IncompleteLogs
from scorer.chain.records import RoundRecord, RoundState
from scorer.encryption import Identity
from scorer.observation.observe import CommitteeView
from scorer.oracle.acting import Actor
from scorer.oracle.actions import ON_THEIR_OWN, ActionResult, Alarm
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.answering import Answering
from scorer.oracle.cache import MemberCache
from scorer.oracle.calls import Calls
from scorer.oracle.consensus import ConsensusSigning
from scorer.oracle.context import CycleContext
from scorer.oracle.decide import decide, decide_credit, is_due
from scorer.oracle.decrypting import Decrypting
from scorer.oracle.disputing import Disputing
from scorer.oracle.exchange import Exchange
from scorer.oracle.failures import apart
from scorer.oracle.interim_scoring import InterimScoring
from scorer.oracle.meta_models import MetaModels
from scorer.oracle.observation import committee_doubts, observed_rounds
from scorer.oracle.paths import MemberPaths
from scorer.oracle.policy import MemberPolicy
from scorer.oracle.proving import Proving
from scorer.oracle.publication import PublicationWatch
from scorer.oracle.reporting import Reporter
from scorer.oracle.round_views import RoundViews
from scorer.oracle.sealing import Sealing
from scorer.oracle.soundness import Soundness
from scorer.transactions.request import NO_ROUND

PartOfCycle = tuple[int, Callable[[], list[ActionResult]]]
"""A round, or `NO_ROUND`, and what is done for it."""


@dataclass
class MemberCycle:
    """A member bound to the chain as one cycle reads it; fields as in `Member`."""

    context: CycleContext
    paths: MemberPaths
    address: str
    policy: MemberPolicy
    raise_alarm: RaiseAlarm
    challenged: Callable[[], Sequence[int]]
    cache: MemberCache
    identities: Sequence[Identity] = ()

    @cached_property
    def decrypting(self) -> Decrypting:
        """Releases our shares and decrypts submissions."""
        return Decrypting(
            self.context,
            self.paths,
            self.address,
            self.identities,
            self.cache.decryption,
            self.raise_alarm,
        )

    @cached_property
    def exchange(self) -> Exchange:
        """Publishes what everybody may have."""
        return Exchange(self.context, self.paths, self.cache.later)

    @cached_property
    def sealing(self) -> Sealing:
        """Judges submissions and signs seals."""
        return Sealing(
            self.context, self.paths, self.address, self.cache.seals, self.raise_alarm, self.decrypting
        )

    @cached_property
    def publication(self) -> PublicationWatch:
        """Takes over and watches what the operator publishes."""
        return PublicationWatch(
            self.context,
            self.paths,
            self.cache,
            self.raise_alarm,
            self.policy.publication_grace,
            self.sealing.candidates,
        )

    @cached_property
    def reporter(self) -> Reporter:
        """Makes our reports."""
        files, delay = self.publication.files, self.policy.outcome_delay
        recomputes = self.policy.recomputes
        return Reporter(self.context, self.paths, self.cache, self.raise_alarm, files, delay, recomputes)

    @cached_property
    def interim_scoring(self) -> InterimScoring:
        """Publishes scores of rounds that still run."""
        return InterimScoring(self.context, self.paths, self.decrypting, self.reporter)

    @cached_property
    def consensus(self) -> ConsensusSigning:
        """Signs consensus documents."""
        subscribers, looked = self.policy.subscribers, self.cache.consensus
        place = self.context, self.paths, self.address
        return ConsensusSigning(*place, self.sealing, self.reporter, self.raise_alarm, subscribers, looked)

    @cached_property
    def disputing(self) -> Disputing:
        """Weighs whether to challenge."""
        return Disputing(
            self.context,
            self.paths,
            self.address,
            self.policy,
            self.cache,
            self.raise_alarm,
            self.challenged,
        )

    @cached_property
    def views(self) -> RoundViews:
        """Puts together what `decide` looks at."""
        soundness = Soundness(self.paths, self.policy, self.cache, self.raise_alarm)
        return RoundViews(
            self.context,
            self.paths,
            self.address,
            self.policy,
            self.cache,
            self.sealing,
            self.publication.files,
            self.disputing,
            soundness,
            Proving(self.context, self.paths, self.address, self.cache, self.raise_alarm),
            Answering(self.context, self.paths, self.address, self.raise_alarm),
        )

    @cached_property
    def actor(self) -> Actor:
        """Carries actions out."""
        return Actor(self.context, self.address, self.cache, self.raise_alarm)

    def run(self, rounds: Sequence[int] | None) -> list[ActionResult]:
        """Observe, decide and act once; see `Member.cycle`."""
        # The block of the last cycle was final and is gone: whatever was read then may never have happened.
        if not self.cache.basis.moves_to(self.context.suite, self.context.block):
            self.cache.forget_chain()
        observation = observed_rounds(self.context, self.cache.rounds, rounds)
        asked = [record.round_id for record in observation.records if self._needs_positions(record)]
        committee = CommitteeView.read(self.context.suite, asked, self.address, self.context.block)
        doubts = {**observation.doubts, **committee_doubts(self.context, committee)}
        self.sealing.recorded.read(observation.records)
        parts = self._parts(observation.records, committee, doubts)
        if rounds is None:
            self.cache.drop_over()
            parts += [(NO_ROUND, self._report_lost_challenges), (NO_ROUND, self._collect_credit)]
            with apart("predictions that are public by now", self.raise_alarm):
                self.exchange.publish_later()
        return [result for round_id, act in parts for result in self._apart(round_id, act)]

    def _parts(
        self, records: Sequence[RoundRecord], committee: CommitteeView, doubts: Mapping[int, str]
    ) -> list[PartOfCycle]:
        """Return what is to be done for each round, those in doubt first."""
        locking = tuple(filter(self._is_to_be_locked, records))
        return [
            *((round_id, partial(self._leave_alone, round_id, why)) for round_id, why in doubts.items()),
            *(
                (record.round_id, partial(self._act_on, record, committee, locking))
                for record in records
                if record.round_id not in doubts
            ),
        ]

    def _apart(self, round_id: int, act: Callable[[], list[ActionResult]]) -> list[ActionResult]:
        """Return what one round comes to; a failure in it keeps no other round waiting."""
        what = f"round {round_id}" if round_id else "what the committee owes us"
        results: list[ActionResult] = []
        with apart(what, self.raise_alarm) as failures:
            results = act()
        return results + [ActionResult(round_id, Alarm(why), "not looked at") for why in failures]

    def _leave_alone(self, round_id: int, why: str) -> list[ActionResult]:
        """Do nothing for a round of which endpoints say different things."""
        self.cache.forget(round_id)
        self.cache.forget_confirmations(round_id)
        return [self._alarmed(round_id, AlarmReason.ENDPOINTS_DISAGREE, why, "not looked at")]

    def _collect_credit(self) -> list[ActionResult]:
        """Have paid out what disputes left us, which belongs to no round."""
        suite, at = self.context.suite, self.context.block.number
        address = Web3.to_checksum_address(self.address)
        credit = read_view(suite.committee.functions.creditOf(address), at)
        calls = Calls(suite, NO_ROUND, None, self.paths.own_bundle(NO_ROUND))
        return [
            ActionResult(NO_ROUND, action, self.actor.send(calls, action).text)
            for action in decide_credit(self.address, int(credit))
        ]

    def _report_lost_challenges(self) -> list[ActionResult]:
        """Call a human for lost challenges: who lost one may be wrong in the next round too."""
        if not self.policy.challenges:
            return []
        return [
            self._alarmed(
                round_id,
                AlarmReason.CHALLENGE_LOST,
                f"round {round_id}: upheld; no more challenges",
                "stopped",
            )
            for round_id in sorted(self.disputing.lost())
        ]

    def _alarmed(self, round_id: int, reason: AlarmReason, detail: str, outcome: str) -> ActionResult:
        """Call a human, and return that as the result."""
        self.raise_alarm(reason, detail)
        return ActionResult(round_id, Alarm(detail, reason), outcome)

    def _is_to_be_locked(self, record: RoundRecord) -> bool:
        """Say whether an operator locks a round, or will."""
        return record.is_lockable and self.context.block.timestamp < record.lock_until

    def _needs_positions(self, record: RoundRecord) -> bool:
        """Say whether anything can be done that needs to know what the round locked."""
        return record.state == RoundState.VOIDED or is_due(record, self.context.block.timestamp)

    def _act_on(
        self, record: RoundRecord, committee: CommitteeView, locking: tuple[RoundRecord, ...]
    ) -> list[ActionResult]:
        round_id = record.round_id
        alarms: list[Alarm] = []
        # Apart from what follows: we can act on what we hold, whatever is published now.
        with apart(f"published files of round {round_id}", self.raise_alarm) as failures:
            alarms = self.publication.watch(record)
        alarms += map(Alarm, failures)
        results = [ActionResult(round_id, alarm, "published files") for alarm in alarms]
        with apart(f"shares of round {round_id}", self.raise_alarm):
            self._read_submissions(record)
        try:
            return results + self._report_and_act(record, committee, locking)
        except IncompleteLogs:
            # What was read of the round before may rest on the same events.
            self.cache.forget(round_id)
            self.cache.forget_confirmations(round_id)
            raise

    def _read_submissions(self, record: RoundRecord) -> None:
        """Release our shares of a round and decrypt what can be, where we hold its files."""
        if record.state != RoundState.VOIDED and self.publication.files.is_kept(record):
            self.decrypting.work(record)

    def _report_and_act(
        self, record: RoundRecord, committee: CommitteeView, locking: tuple[RoundRecord, ...]
    ) -> list[ActionResult]:
        round_id, is_relevant = record.round_id, self._needs_positions(record)
        sealed = self.reporter.sealed(record) if is_relevant else None
        proposal = committee.proposal(round_id) if is_relevant else None
        report, problem = self.reporter.report(record, sealed, proposal)
        results = []
        if problem is not None:
            results.append(self._alarmed(round_id, AlarmReason.NO_REPORT, problem, "no report"))
        if report is not None:
            self._report_differing_peers(round_id)
        view = self.views.view(record, sealed, committee, report, locking)
        calls = Calls(self.context.suite, round_id, sealed, self.paths.own_bundle(round_id))
        # Before we act: whoever sees our vote on the chain finds what it rests on.
        self._publish(record)
        goes_on = True
        for action in decide(view):
            # What follows rests on what was not done, but for what rests on nothing.
            if goes_on or isinstance(action, ON_THEIR_OWN):
                outcome = self.actor.act(view, calls, action)
                results.append(ActionResult(round_id, action, outcome.text))
                goes_on = goes_on and outcome.goes_on
        return results

    def _publish(self, record: RoundRecord) -> None:
        """Publish what everybody may have of a round by now."""
        with apart(f"public files of round {record.round_id}", self.raise_alarm):
            models = MetaModels(self.paths)
            if models.is_due(record):
                models.write(record, self.reporter.sealed(record).positions)
        # Before the public files, so that a document is among them at once.
        with apart(f"consensus document of round {record.round_id}", self.raise_alarm):
            self.consensus.work(record)
        with apart(f"public files of round {record.round_id}", self.raise_alarm):
            self.exchange.publish(record)
        with apart(f"interim scores of round {record.round_id}", self.raise_alarm):
            self.interim_scoring.work(record)

    def _report_differing_peers(self, round_id: int) -> None:
        """Call a human for members that were given other inputs, whether or not their report is accepted."""
        with apart(f"round {round_id}, other members' reports", self.raise_alarm):
            for difference in self.disputing.differing(self.paths.own_bundle(round_id)):
                self.raise_alarm(AlarmReason.PEERS_DIFFER, f"round {round_id}: {difference}")
