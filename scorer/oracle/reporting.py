"""A member's own report of a round: from files that were taken over at the seal to a bundle that is kept."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scorer.chain.contracts import ProposalRecord, ProposalStatus, RoundRecord, RoundState, Suite
from scorer.evaluation.commitments import target_digest
from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import InputsMismatch, RoundInputs
from scorer.failpoints import reach
from scorer.observation.basis import ChainBasis
from scorer.observation.observe import Block, RoundTracker, Sealed, awaits_seal, read_sealed, sealed_at
from scorer.oracle.consistency import disagreement
from scorer.oracle.decide import is_due
from scorer.oracle.evidence import Peers
from scorer.oracle.quorum_check import QuorumCheck
from scorer.oracle.sealing import SealCache
from scorer.oracle.takeover import (
    GRACE,
    Candidates,
    PublishedFiles,
    SeenFiles,
    Stamp,
    is_late,
    no_refusals,
    stamp_of,
)
from scorer.protocol.report import Report
from scorer.protocol.seal import Seal
from scorer.protocol.tables import digest_of, table_file
from scorer.storage.bundle import REPORT, TARGETS, Bundle, BundleError, round_folder

TellAlarm = Callable[[str, str], None]
"""Takes the name of a `scorer.oracle.alarm_reasons.Reason`, and what is wrong."""


@dataclass(frozen=True)
class MemberPaths:
    """Where a member finds and keeps files. Each folder holds ``<tournament>/<round>/``.

    Attributes
    ----------
    rounds
        The member's own bundles, and ``taken/``, which says what it took over for them.
    published
        What the operator publishes: rules, universe and signed submissions.
    targets
        The member's own source of targets: ``targets.parquet`` appears there once an outcome is known, after
        the further inputs that the rules need (see `scorer.protocol.tables`).
    peers
        Other members' bundles, as far as they can be read here.
    """

    rounds: Path
    published: Path
    targets: Path
    peers: tuple[Path, ...] = ()


@dataclass
class MemberCache:
    """What a process knows, so that it need not ask again; a restart loses nothing by losing it.

    Attributes
    ----------
    rounds
        Which rounds are over in a finalised block.
    sealed
        What rounds locked, by round, once a finalised block says that they are sealed or void.
    sealed_at
        When rounds were sealed, Unix seconds.
    standing
        Rounds whose report was computed by this process, or held against the chain.
    sound
        Why a report is not sound, by its hash; empty when it is.
    decided
        How disputes of ours ended, by round.
    sources
        Targets and tables whose stamp was looked at, by round, and what of them is not what the report says.
    seen
        What was found in published files.
    peers
        What was read of other members' reports.
    seals
        What is known of rounds that are being sealed.
    sealable_from
        Seals that a quorum signed, and from when on they may be sent, by round, in chain time.
    basis
        The block that all of this rests on.
    bonded
        Whether the committee asks for bonds; None while it was not asked.
    """

    rounds: RoundTracker = field(default_factory=RoundTracker)
    sealed: dict[int, Sealed] = field(default_factory=dict)
    sealed_at: dict[int, int] = field(default_factory=dict)
    standing: set[int] = field(default_factory=set)
    sound: dict[bytes, tuple[str, ...]] = field(default_factory=dict)
    decided: dict[int, ProposalStatus] = field(default_factory=dict)
    sources: dict[int, tuple[Stamp, tuple[str, ...]]] = field(default_factory=dict)
    seen: SeenFiles = field(default_factory=SeenFiles)
    peers: Peers = field(default_factory=Peers)
    seals: SealCache = field(default_factory=SealCache)
    sealable_from: dict[int, tuple[Seal, int]] = field(default_factory=dict)
    basis: ChainBasis = field(default_factory=ChainBasis)
    bonded: bool | None = None

    def forget(self, round_id: int) -> None:
        """Read a round anew: what we have of it may be wrong."""
        self.standing.discard(round_id)
        for known in (self.sealed, self.sealed_at, self.decided, self.sources):
            known.pop(round_id, None)

    def drop_over(self) -> None:
        """Keep nothing of rounds that are over, but how disputes of ours ended."""
        known = {*self.sealed, *self.sealed_at, *self.standing, *self.sources, *self.seen.rounds}
        known |= {*self.seals.judged, *self.seals.recorded, *self.sealable_from}
        for round_id in known - self.rounds.unfinished:
            ended = self.decided.get(round_id)
            self.forget(round_id)
            self.seen.forget(round_id)
            self.peers.forget(round_id)
            self.seals.forget(round_id)
            self.sealable_from.pop(round_id, None)
            if ended is not None:
                self.decided[round_id] = ended

    def forget_chain(self) -> None:
        """Read everything anew: the chain that it was read from is no more."""
        for round_id in {*self.sealed, *self.sealed_at, *self.standing, *self.decided, *self.sources}:
            self.forget(round_id)
        self.rounds.forget()
        self.sound.clear()
        self.sealable_from.clear()
        self.seals.forget_all()
        self.bonded = None
        self.seen.forget_all()


@dataclass(frozen=True)
class Reporter:
    """Takes over what is published, and makes, keeps and renews a member's reports.

    Attributes
    ----------
    grace
        Seconds after a seal in which published files may still be on their way.
    delay
        Seconds that are waited after the outcome for a source of targets to correct itself.
    witnesses
        Other endpoints, which must confirm that a report rests on something else before it is put aside.
    """

    suite: Suite
    files: MemberPaths
    memory: MemberCache
    alarm: TellAlarm
    grace: int = GRACE
    delay: int = 0
    witnesses: QuorumCheck = field(default_factory=QuorumCheck)
    candidates: Candidates = no_refusals

    def _keeper(self, block: Block) -> PublishedFiles:
        """Who keeps published files."""

        def most_models(record: RoundRecord) -> int:
            return max(self.suite.submitters(record.close_at, block.number), default=0)

        tournament = str(self.suite.tournament.address)
        return PublishedFiles(
            self.files.rounds,
            self.files.published,
            tournament,
            most_models,
            self.candidates,
            self.memory.seen,
        )

    def bundle(self, round_id: int) -> Bundle:
        """The member's own bundle of a round."""
        return self._bundle(self.files.rounds, round_id)

    def _bundle(self, root: Path, round_id: int) -> Bundle:
        return Bundle(round_folder(root, str(self.suite.tournament.address), round_id))

    def sealed(self, record: RoundRecord, block: Block) -> Sealed:
        """What a round locked, read once for as long as the round says the same."""
        found = self.memory.sealed.get(record.round_id)
        if found is not None and not _still_says(record, found):
            self.memory.forget(record.round_id)
            found = None
        if found is None:
            found = self.memory.sealed[record.round_id] = read_sealed(self.suite, record, block)
        return found

    def is_kept(self, record: RoundRecord, block: Block) -> bool:
        """Whether we hold what was published of a round."""
        return self._keeper(block).is_kept(record)

    def watch(self, record: RoundRecord, block: Block) -> list[str]:
        """Take over what was published of a round that has closed, and tell what is wrong with it."""
        if not awaits_seal(record, block) and record.state not in (RoundState.SEALED, RoundState.SETTLING):
            return []
        found, told = self._keeper(block).look(record), []
        if found.aside is not None:
            told.append(("SET_ASIDE", f"its report rests on another seal; it is kept as {found.aside}"))
        if found.changed:
            told.append(("PUBLISHED_CHANGED", f"{', '.join(found.changed)}: not what we took over, any more"))
        if found.missing and self._is_late(record, block):
            state = "closed" if record.is_unsealed else "sealed"
            told.append(("NOT_PUBLISHED", f"{state}, and not published: {', '.join(found.missing)}"))
        if found.mismatch is not None:
            told.append(("PUBLISHED_MISMATCH", found.mismatch))
        if found.mismatch is not None and is_due(record, block.timestamp):
            self.alarm("NO_REPORT", f"round {record.round_id}: {found.mismatch}")
        return [self._told(record, *each) for each in told]

    def _told(self, record: RoundRecord, kind: str, detail: str) -> str:
        detail = f"round {record.round_id}: {detail}"
        self.alarm(kind, detail)
        return detail

    def _is_late(self, record: RoundRecord, block: Block) -> bool:
        """Whether files are late: half of the lock window has passed, or there is a seal for some time.

        No seal comes before the close, so the chain is asked for it only then.
        """
        if record.is_unsealed:
            return block.timestamp >= (record.close_at + record.lock_until) // 2
        if not is_late(record, record.close_at, block.timestamp, self.grace):
            return False
        known = self.memory.sealed_at
        if record.round_id not in known:
            known[record.round_id] = sealed_at(self.suite, record, block)
        return is_late(record, known[record.round_id], block.timestamp, self.grace)

    def report(
        self, record: RoundRecord, sealed: Sealed | None, proposal: ProposalRecord | None, block: Block
    ) -> tuple[Report | None, str | None]:
        """Our report of a round whose outcome is known, or what is wrong with the files it would rest on."""
        if sealed is None or not self._is_due(record, proposal, block):
            return None, None
        bundle = self.bundle(record.round_id)
        try:
            if self._stands(record, sealed, block, bundle):
                self._renew(record, sealed, proposal, block)
            else:
                self._evaluate(record, sealed, block)
            return (bundle.report() if bundle.has(REPORT) else None), None
        except (InputsMismatch, BundleError) as error:
            self._doubt(record, block, error)
            return None, f"round {record.round_id}: {error}"

    def _doubt(self, record: RoundRecord, block: Block, error: Exception) -> None:
        """Look anew at what no report could be made of: what was read of the chain, and what we hold."""
        if isinstance(error, InputsMismatch):
            self.memory.forget(record.round_id)
        keeper = self._keeper(block)
        if keeper.is_kept(record) and keeper.problem_with(self.bundle(record.round_id), record) is not None:
            keeper.discard(record.round_id)

    def _is_due(self, record: RoundRecord, proposal: ProposalRecord | None, block: Block) -> bool:
        """Whether to report now: the delay ends once others reported, or half of the time is over."""
        delay = min(self.delay, (record.deadline - record.resolve_at) // 2)
        waits = proposal is None and block.timestamp < record.resolve_at + delay
        return is_due(record, block.timestamp) and not waits

    def anew(self, record: RoundRecord, block: Block) -> Bundle:
        """Our bundle of a round, computed once more from what we took over and our targets as they are now.

        Raises
        ------
        InputsMismatch, BundleError, scorer.chain.logs.IncompleteLogs
            When it cannot be made.
        """
        self._evaluate(record, read_sealed(self.suite, record, block), block)
        return self.bundle(record.round_id)

    def _stands(self, record: RoundRecord, sealed: Sealed, block: Block, bundle: Bundle) -> bool:
        """Whether there is a report that rests on what the chain says now; any other is put aside.

        An endpoint may have told something else when it was computed, and a chain that was there before may
        have had the same addresses.

        Raises
        ------
        scorer.chain.errors.EndpointsDisagree
            When endpoints do not say the same of whether it does: else two that differ would have a bundle
            put aside in every cycle, until the disk is full.
        """
        if not bundle.has(REPORT) or record.round_id in self.memory.standing:
            return bundle.has(REPORT)
        problem = disagreement(bundle, sealed, self.suite.submitters(record.close_at, block.number))
        if problem is not None:
            self._confirm_problem(record, bundle, block)
            kept = bundle.set_aside().name
            self.alarm("SET_ASIDE", f"round {record.round_id}: {problem}; it is kept as {kept}")
            return False
        self.memory.standing.add(record.round_id)
        return True

    def _confirm_problem(self, record: RoundRecord, bundle: Bundle, block: Block) -> None:
        """That other endpoints find too that a report does not rest on what the chain says."""

        def stands(suite: Suite) -> bool:
            submitters = suite.submitters(record.close_at, block.number)
            return disagreement(bundle, read_sealed(suite, record, block), submitters) is None

        what = f"round {record.round_id}, whether our report rests on the chain"
        self.witnesses.confirmed(self.suite, what, stands)

    def _renew(
        self, record: RoundRecord, sealed: Sealed, proposal: ProposalRecord | None, block: Block
    ) -> None:
        """Tell of targets that are others than those of our report; compute anew while a vote may change."""
        changed = self._changed_sources(record.round_id)
        if not changed:
            return
        before = self.bundle(record.round_id).report().hash().hex()
        what = f"round {record.round_id}: {', '.join(changed)}: not what our report 0x{before} rests on"
        if not _may_vote(record, proposal, block):
            self.alarm("TARGETS_CHANGED", f"{what}; no vote can change any more")
            return
        try:
            self._evaluate(record, sealed, block)
        except (InputsMismatch, BundleError) as error:
            self.alarm("TARGETS_CHANGED", f"{what}; it is kept, as none can be made: {error}")
            return
        self.alarm("TARGETS_CHANGED", f"{what}; it was computed anew")

    def _changed_sources(self, round_id: int) -> tuple[str, ...]:
        """Which targets and tables are others now than those of our report; read only if a stamp is new."""
        bundle, source = self.bundle(round_id), self._bundle(self.files.targets, round_id)
        rules = bundle.rules()
        files = (TARGETS, *map(table_file, rules.needs))
        stamp = stamp_of(source, files)
        known = self.memory.sources.get(round_id)
        if known is not None and known[0] == stamp:
            return known[1]
        if None in stamp:
            return ()
        try:
            changed = tuple(_changed_sources(bundle, source))
        except BundleError as error:
            changed = (str(error),)
        self.memory.sources[round_id] = (stamp, changed)
        return changed

    def _evaluate(self, record: RoundRecord, sealed: Sealed, block: Block) -> None:
        """Score what we took over at the seal against our own targets, and keep the bundle."""
        round_id = record.round_id
        outcomes = self._bundle(self.files.targets, round_id)
        keeper = self._keeper(block)
        if not outcomes.has(TARGETS) or not (keeper.is_kept(record) or keeper.look(record).is_kept):
            return
        bundle = self.bundle(round_id)
        submissions, rules = bundle.submissions(), bundle.rules()
        inputs = RoundInputs(
            terms=sealed.terms,
            rules=rules,
            submissions=submissions,
            submitters=self.suite.submitters(record.close_at, block.number),
            targets=outcomes.targets(submissions.universe),
            positions=sealed.positions,
            tables=outcomes.tables(rules, submissions.universe),
            refused=bundle.refused(),
        )
        result = evaluate(inputs)
        reach("report-computed", str(round_id))
        bundle.write(inputs, result, has_published=True)
        self.memory.standing.add(round_id)
        self.memory.sources.pop(round_id, None)
        reach("report-written", str(round_id))


def _still_says(record: RoundRecord, sealed: Sealed) -> bool:
    """Whether what we remember of a seal is what the round says now."""
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
    is_whole = record.state != RoundState.SEALED or record.positions_head == terms.positions_head
    return is_whole and all(now == before for now, before in pairs)


def _may_vote(record: RoundRecord, proposal: ProposalRecord | None, block: Block) -> bool:
    """Whether the committee still takes another vote of ours: until a report is accepted, or in a dispute."""
    if record.state != RoundState.SEALED:
        return False
    if proposal is None:
        return block.timestamp < record.deadline
    return proposal.status == ProposalStatus.DISPUTED and block.timestamp < proposal.dispute_until


def _changed_sources(bundle: Bundle, source: Bundle) -> Iterator[str]:
    """The targets and tables of a source whose content is not that of a bundle's manifest."""
    rules, universe = bundle.rules(), bundle.universe()
    digests: Mapping[str, Any] = bundle.manifest()["digests"]
    targets = source.targets(universe)
    for name in rules.targets:
        target = targets.get(name)
        if target is None or digests["targets"].get(name) != target_digest(universe, name, target):
            yield f"target {name}"
    for name, table in source.tables(rules, universe).items():
        if digests.get("tables", {}).get(name) != digest_of(name, table, universe):
            yield table_file(name)
