"""Makes, keeps and renews a member's own reports, from files that were taken over at the seal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scorer.chain.contracts import Suite
from scorer.chain.records import ProposalRecord, ProposalStatus, RoundRecord, RoundState
from scorer.evaluation.commitments import check_verdicts, target_digest
from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import InputsMismatch, RoundInputs
from scorer.failpoints import reach
from scorer.observation.observe import Block, Sealed, read_sealed
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.cache import MemberCache
from scorer.oracle.consistency import disagreement
from scorer.oracle.context import CycleContext
from scorer.oracle.decide import is_due
from scorer.oracle.gatekeeper import Gatekeeper
from scorer.oracle.paths import MemberPaths
from scorer.oracle.recomputation import begun_beside, stop
from scorer.oracle.stamps import stamp_of
from scorer.oracle.takeover import PublishedFiles
from scorer.protocol.report import Report
from scorer.protocol.rules import Rules
from scorer.protocol.submissions import Submissions
from scorer.protocol.tables import NEUTRAL_CHURN, Table, digest_of, table_file
from scorer.storage.bundle import REPORT, TARGETS, Bundle, BundleError


@dataclass
class Reporter:
    """Makes the reports of one member's tournament for one cycle.

    Attributes
    ----------
    published
        Published files, and what of them we hold.
    delay
        Seconds that are waited after the outcome for a source of targets to correct itself.
    recomputes
        Whether a fresh process computes a new report beside us, for `Soundness`.
    """

    context: CycleContext
    paths: MemberPaths
    cache: MemberCache
    raise_alarm: RaiseAlarm
    published: PublishedFiles
    delay: int = 0
    recomputes: bool = False

    @property
    def _block(self) -> Block:
        return self.context.block

    def _submitters(self, record: RoundRecord, suite: Suite) -> dict[int, str]:
        return suite.submitters_before(record.close_at, self._block.number)

    def sealed(self, record: RoundRecord) -> Sealed:
        """Return what a round locked, read once for as long as the round says the same."""
        sealed = self.cache.sealed.get(record.round_id)
        if sealed is not None and not _is_still_said(record, sealed):
            self.cache.forget(record.round_id)
            sealed = None
        if sealed is None:
            sealed = read_sealed(self.context.suite, record, self._block)
            self.cache.sealed[record.round_id] = sealed
        return sealed

    def report(
        self, record: RoundRecord, sealed: Sealed | None, proposal: ProposalRecord | None
    ) -> tuple[Report | None, str | None]:
        """Return our report of a round whose outcome is known, or what is wrong with our files."""
        if sealed is None or not self._is_due(record, proposal):
            return None, None
        try:
            if self._is_consistent(record, sealed):
                return self._renewed(record, sealed, proposal), None
            return self._evaluated(record, sealed), None
        except (InputsMismatch, BundleError) as error:
            self._distrust(record, error)
            return None, f"round {record.round_id}: {error}"

    def _distrust(self, record: RoundRecord, error: Exception) -> None:
        """Read anew what no report could be made of: what was read of the chain, and what we hold."""
        if isinstance(error, InputsMismatch):
            self.cache.forget(record.round_id)
        own = self.paths.own_bundle(record.round_id)
        if self.published.is_kept(record) and self.published.problem_with(own, record) is not None:
            self.published.discard(record.round_id)

    def _is_due(self, record: RoundRecord, proposal: ProposalRecord | None) -> bool:
        """Say whether to report now: the delay ends once others reported, or half of the time is over."""
        now, delay = self._block.timestamp, min(self.delay, (record.deadline - record.resolve_at) // 2)
        waits = proposal is None and now < record.resolve_at + delay
        return is_due(record, now) and not waits

    def anew(self, record: RoundRecord) -> Bundle:
        """Return our bundle of a round, computed once more from our files and targets as they are now.

        Raises
        ------
        InputsMismatch, BundleError, scorer.chain.logs.IncompleteLogs
            When it cannot be made.
        """
        self._evaluated(record, read_sealed(self.context.suite, record, self._block))
        return self.paths.own_bundle(record.round_id)

    def _is_consistent(self, record: RoundRecord, sealed: Sealed) -> bool:
        """Say whether there is a report that rests on what the chain says now; any other is put aside.

        An endpoint may have said something else when it was computed, and a chain that was there before may
        have had the same addresses.

        Raises
        ------
        scorer.chain.errors.EndpointsDisagree
            When endpoints do not say the same of whether it does: else two that differ would have a bundle
            put aside in every cycle, until the disk is full.
        """
        bundle = self.paths.own_bundle(record.round_id)
        if not bundle.has(REPORT) or record.round_id in self.cache.consistent:
            return bundle.has(REPORT)
        problem = disagreement(bundle, sealed, self._submitters(record, self.context.suite))
        if problem is not None:
            self._confirm_problem(record, bundle)
            kept = bundle.set_aside().name
            self.raise_alarm(
                AlarmReason.SET_ASIDE, f"round {record.round_id}: {problem}; it is kept as {kept}"
            )
            return False
        self.cache.consistent.add(record.round_id)
        return True

    def _confirm_problem(self, record: RoundRecord, bundle: Bundle) -> None:
        """Have other endpoints confirm that a report does not rest on what the chain says."""

        def is_consistent(suite: Suite) -> bool:
            sealed = read_sealed(suite, record, self._block)
            return disagreement(bundle, sealed, self._submitters(record, suite)) is None

        what = f"round {record.round_id}, whether our report rests on the chain"
        self.context.quorum_check.confirmed(self.context.suite, what, is_consistent)

    def _renewed(self, record: RoundRecord, sealed: Sealed, proposal: ProposalRecord | None) -> Report:
        """Return our report, made anew where its targets changed and a vote may change."""
        kept = self.paths.own_bundle(record.round_id).report()
        changed = self._changed_sources(record.round_id)
        if not changed:
            return kept
        report, outcome = kept, "no vote can change any more"
        if _may_vote(record, proposal, self._block):
            try:
                report, outcome = self._evaluated(record, sealed) or kept, "it was computed anew"
            except (InputsMismatch, BundleError) as error:
                outcome = f"it is kept, as none can be made: {error}"
        what = f"{', '.join(changed)}: not what our report 0x{kept.hash().hex()} rests on"
        self.raise_alarm(AlarmReason.TARGETS_CHANGED, f"round {record.round_id}: {what}; {outcome}")
        return report

    def _changed_sources(self, round_id: int) -> tuple[str, ...]:
        """Return the targets and tables that are not those of our report; read only where a stamp is new."""
        bundle, source = self.paths.own_bundle(round_id), self.paths.targets_bundle(round_id)
        rules = bundle.rules()
        files = (TARGETS, *(table_file(name) for name in rules.needs if name not in _own_tables(rules)))
        stamp = stamp_of(source, files)
        known = self.cache.sources.get(round_id)
        if known is not None and known[0] == stamp:
            return known[1]
        # A source that has lost a file does not say that its content changed.
        if None in stamp:
            return ()
        try:
            changed = tuple(_changed_sources(bundle, source))
        except BundleError as error:
            changed = (str(error),)
        self.cache.sources[round_id] = (stamp, changed)
        return changed

    def _evaluated(self, record: RoundRecord, sealed: Sealed) -> Report | None:
        """Score what we took over against our own targets; None where files are missing."""
        round_id, published = record.round_id, self.published
        outcomes = self.paths.targets_bundle(round_id)
        if not outcomes.has(TARGETS) or not (published.is_kept(record) or published.look(record).is_kept):
            return None
        bundle = self.paths.own_bundle(round_id)
        submissions, rules = bundle.submissions(), bundle.rules()
        if submissions.is_withheld:
            return None
        inputs = RoundInputs(
            terms=sealed.terms,
            rules=rules,
            submissions=submissions,
            submitters=self._submitters(record, self.context.suite),
            targets=outcomes.targets(submissions.universe),
            positions=sealed.positions,
            tables=self._tables(record, outcomes, rules, submissions),
            refused=bundle.refused(),
        )
        self._check_seal(record, inputs)
        # Once there is a report, its inputs are replaced with it and not before: they must stay those that it
        # rests on.
        is_first = not bundle.has(REPORT)
        if is_first:
            bundle.write_inputs(inputs, has_published=True)
        if is_first and self.recomputes:
            begun_beside(self.cache.recomputations, round_id, bundle.folder, sealed.terms)
        try:
            result = evaluate(inputs)
        except InputsMismatch:
            stop(self.cache.recomputations, round_id)
            raise
        reach("report-computed", str(round_id))
        if not is_first:
            bundle.write_inputs(inputs, has_published=True)
        bundle.write_result(inputs, result)
        self.cache.consistent.add(round_id)
        # Compared with the former report; the new one rests on the targets as they are now.
        self.cache.sources.pop(round_id, None)
        reach("report-written", str(round_id))
        return result.report

    def _check_seal(self, record: RoundRecord, inputs: RoundInputs) -> None:
        """Refuse to report over a seal that counts what provably must not count.

        Raises
        ------
        InputsMismatch
            When it does.
        scorer.chain.errors.EndpointsDisagree
            When endpoints do not say the same of who could sign: one may have made it up.
        """
        try:
            check_verdicts(inputs)
        except InputsMismatch:
            what = f"round {record.round_id}, who could sign"
            self.context.quorum_check.confirmed(
                self.context.suite, what, lambda suite: self._submitters(record, suite)
            )
            raise

    def _tables(
        self, record: RoundRecord, outcomes: Bundle, rules: Rules, submissions: Submissions
    ) -> dict[str, Table]:
        """Return the further inputs; of encrypted submissions we measure churn ourselves: nobody else can."""
        tables = outcomes.tables(rules, submissions.universe, without=_own_tables(rules))
        if NEUTRAL_CHURN in _own_tables(rules):
            gatekeeper = Gatekeeper(self.context.suite, self.paths.own_or_published)
            tables[NEUTRAL_CHURN] = gatekeeper.neutral_churn(record, submissions)
        return tables


def _own_tables(rules: Rules) -> frozenset[str]:
    """Return the further inputs that no source has but we compute from what we decrypted."""
    return frozenset({NEUTRAL_CHURN} & rules.needs.keys() if rules.is_encrypted else ())


def _is_still_said(record: RoundRecord, sealed: Sealed) -> bool:
    """Say whether what we remember of a seal is what the round says now."""
    terms = sealed.terms
    pairs = (
        (record.rules_hash, terms.rules_hash),
        (record.submissions_root, terms.submissions_root),
        (record.at_risk, terms.at_risk),
        (record.valid_at_risk, terms.valid_at_risk),
        (record.universe, terms.universe),
        (record.terms_hash, terms.terms_hash),
        (record.payout_factor, terms.payout_factor),
        (record.cap, terms.cap),
        (record.threshold, terms.threshold),
        (record.minimum_position, terms.minimum_position),
    )
    # While a round settles, its head moves with each chunk that is taken off.
    is_whole = record.state != RoundState.SEALED or record.positions_head == terms.positions_head
    return is_whole and all(now == before for now, before in pairs)


def _may_vote(record: RoundRecord, proposal: ProposalRecord | None, block: Block) -> bool:
    """Say whether the committee still takes another vote: until a report is accepted, or in a dispute."""
    if record.state != RoundState.SEALED:
        return False
    if proposal is None:
        return block.timestamp < record.deadline
    return proposal.status == ProposalStatus.DISPUTED and block.timestamp < proposal.dispute_until


def _changed_sources(bundle: Bundle, source: Bundle) -> Iterator[str]:
    """Yield the targets and tables of a source whose content is not that of a bundle's manifest."""
    rules, universe = bundle.rules(), bundle.universe()
    digests: Mapping[str, Any] = bundle.manifest()["digests"]
    targets = source.targets(universe)
    for name in rules.targets:
        target = targets.get(name)
        if target is None or digests["targets"].get(name) != target_digest(universe, name, target):
            yield f"target {name}"
    for name, table in source.tables(rules, universe, without=_own_tables(rules)).items():
        if digests.get("tables", {}).get(name) != digest_of(name, table, universe):
            yield table_file(name)
