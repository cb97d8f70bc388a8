"""A member's part in sealing a round: it judges submissions, exchanges votes, and signs what is agreed on.

Nothing is judged or signed before a final block shows that the operator has ended the lock: no stake can be
locked afterwards. What is signed names the head of all positions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from eth_hash.auto import keccak

from scorer.chain.records import RoundRecord
from scorer.evaluation.commitments import UNREADABLE, refusals_of
from scorer.isolation import SHARED_READER
from scorer.observation.observe import read_sealed
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.context import CycleContext
from scorer.oracle.decrypting import Decrypting
from scorer.oracle.failures import apart
from scorer.oracle.gatekeeper import GATE_TABLES, Gatekeeper
from scorer.oracle.paths import MemberPaths
from scorer.oracle.recorded_seals import RecordedSeals
from scorer.oracle.round_decryption import few
from scorer.oracle.seal_cache import Judgement, SealCache
from scorer.oracle.stamps import stamp_of
from scorer.oracle.votes import PeerVotes
from scorer.proofs.terms import terms_hash
from scorer.protocol.documents import to_hex
from scorer.protocol.rules import NO_TERMS
from scorer.protocol.seal import Seal, SealVote, Verdicts, agreed_refusals, quorum_signatures, seal_of
from scorer.protocol.submissions import Submissions
from scorer.protocol.tables import table_file
from scorer.storage.bundle import VOTE, Bundle, BundleError
from scorer.storage.published import take_over_table


@dataclass(frozen=True)
class QuorumSeal:
    """A seal with the signatures of a quorum, as ``Tournament.seal`` takes them.

    Attributes
    ----------
    signers
        Bit i stands for member i of the round's set.
    signatures
        65 bytes each, in the order of the bits.
    is_complete
        Whether all members signed.
    """

    seal: Seal
    signers: int
    signatures: bytes
    is_complete: bool


@dataclass
class Sealing:
    """Judges, votes and signs as one member of one tournament for one cycle.

    Attributes
    ----------
    address
        Our own.
    """

    context: CycleContext
    paths: MemberPaths
    address: str
    cache: SealCache
    raise_alarm: RaiseAlarm
    decrypting: Decrypting

    @cached_property
    def recorded(self) -> RecordedSeals:
        """The seals that the contract recorded."""
        return RecordedSeals(self.context, self.address, self.cache, self.raise_alarm)

    @property
    def _sign(self) -> Callable[[bytes], bytes] | None:
        """Signs as us; None where nothing is to be signed, as in a dry run."""
        return None if self.context.sender is None else self.context.sender.sign_message

    def ready(self, record: RoundRecord) -> QuorumSeal | None:
        """Return a seal of a round that awaits one, and has its quorum of signatures, once there is one.

        Our own vote is made first, and made anew where others' votes change what is agreed on.
        """
        if not self._has_terms(record):
            return None
        votes = self._votes(record)
        own = self._vote(record, votes)
        if own is not None:
            votes.append(own)
        members = self.recorded.member_set(record)
        # Each statement once, in the order of the votes.
        for seal in dict.fromkeys(vote.seal for vote in votes):
            # A vote from before a reorganisation may be on other positions.
            if seal.positions_head == record.positions_head:
                signed = quorum_signatures(seal, votes, members.members, members.quorum)
                if signed is not None:
                    return QuorumSeal(seal, *signed, signed[0].bit_count() == len(members.members))
        return None

    def late_signature(self, record: RoundRecord) -> bytes | None:
        """Return our signature of the statement that a round was sealed with, where we agree with it.

        Others may have had no time to see what we signed, or we may have been down.
        """
        digest = self.cache.recorded[record.round_id].digest
        bundle = self.paths.own_bundle(record.round_id)
        before = self._own_vote(bundle)
        if before is not None and keccak(before.seal.message) == digest:
            return before.seal_signature
        if self._sign is None or not self._may_sign(record) or not self._has_terms(record):
            return None
        votes = self._votes(record)
        seen = frozenset(vote.seal_signature for vote in votes)
        known = self.cache.late.get(record.round_id)
        # Judging takes long, and only other votes can change the statement.
        if known is None or known[0] != seen:
            # We could not read them, and so have no verdict of our own.
            if bundle.submissions().is_withheld:
                return None
            judged, seal, refused = self._stated(record, bundle, votes)
            same = keccak(seal.message) == digest
            signature = self._signed(bundle, judged, seal, refused).seal_signature if same else None
            known = self.cache.late[record.round_id] = seen, signature
        return known[1]

    def _has_terms(self, record: RoundRecord) -> bool:
        """Say whether a round has its rules' terms, without which no court judges it, or call a human."""
        round_id, context = record.round_id, self.context
        has_court = context.quorum_check.confirmed(
            context.suite,
            f"round {round_id}, whether a court asks for evidence",
            lambda suite: suite.court is not None,
        )
        bundle = self.paths.own_bundle(round_id)
        expected = terms_hash(bundle.rules(), len(bundle.universe()))
        if record.terms_hash == expected or (not has_court and record.terms_hash == NO_TERMS):
            return True
        self.raise_alarm(
            AlarmReason.WRONG_TERMS,
            f"round {round_id}: expected the terms {to_hex(expected)}, as its rules say, found "
            f"{to_hex(record.terms_hash)}",
        )
        return False

    def _may_sign(self, record: RoundRecord) -> bool:
        return not self.decrypting.is_encrypted(record) or self.decrypting.may_sign(record)

    def candidates(self, record: RoundRecord, bundle: Bundle) -> Iterator[frozenset[int]]:
        """Yield the models that a seal may refuse: by what others signed, then by what we find ourselves."""
        for vote in PeerVotes(self.paths, self.cache).all_of(record.round_id):
            yield vote.refused
        suite = self.context.suite
        submitters = suite.submitters_before(record.close_at, suite.w3.eth.block_number)
        yield frozenset(refusals_of(bundle.published_submissions(), submitters, *self._where(record)))

    def _where(self, record: RoundRecord) -> tuple[int, str, int]:
        return self.context.suite.addresses.chain_id, self.paths.tournament, record.round_id

    def _votes(self, record: RoundRecord) -> list[SealVote]:
        members, chain_id = self.recorded.member_set(record).members, self.context.suite.addresses.chain_id
        return PeerVotes(self.paths, self.cache).signed(record.round_id, members, self.address, chain_id)

    def _vote(self, record: RoundRecord, votes: Sequence[SealVote]) -> SealVote | None:
        """Return our vote, signed; None while it is too early, or where we are no member of the round."""
        members, bundle = self.recorded.member_set(record), self.paths.own_bundle(record.round_id)
        if self._sign is None or self.address not in members.members:
            return None
        if self.decrypting.is_encrypted(record) and not self.decrypting.may_vote(record):
            return None
        judged, seal, refused = self._stated(record, bundle, votes)
        self._report_overruled(record, judged, refused)
        return self._signed(bundle, judged, seal, refused)

    def _report_overruled(self, record: RoundRecord, judged: Judgement, refused: frozenset[int]) -> None:
        """Call a human where others' verdicts on submissions prevail over ours.

        What they refuse does not count. What they count we sign, so as not to be absent; but where it
        provably must not count, we attest to no report over the seal.
        """
        verdicts = judged.verdicts.by_model
        counted = [model for model in verdicts if not verdicts[model].is_valid and model not in refused]
        if counted:
            self.raise_alarm(
                AlarmReason.OVERRULED,
                f"round {record.round_id}: other members count {few(counted)}, which we would refuse",
            )
        models = [model for model in sorted(refused) if verdicts[model].is_valid]
        if models:
            self.raise_alarm(
                AlarmReason.OVERRULED,
                f"round {record.round_id}: other members refuse {few(models)}, which we would count",
            )

    def _stated(
        self, record: RoundRecord, bundle: Bundle, votes: Sequence[SealVote]
    ) -> tuple[Judgement, Seal, frozenset[int]]:
        """Return our judgement, the statement that follows from all verdicts, and the models it refuses."""
        members, judged = self.recorded.member_set(record), self._judgement(record, bundle)
        refused = agreed_refusals(
            judged.verdicts,
            # One a member; of several, the last that was found.
            [*{vote.member: vote.verdicts for vote in votes}.values()],
            members=len(members.members),
            quorum=members.quorum,
        )
        seal = seal_of(judged.verdicts, judged.submissions, refused, record.positions_head, judged.positions)
        return judged, seal, refused

    def _signed(self, bundle: Bundle, judged: Judgement, seal: Seal, refused: frozenset[int]) -> SealVote:
        """Return our vote for a statement, and leave it in our bundle, where others read it."""
        if self._sign is None:
            raise TypeError("expected something to sign with, found nothing")
        before = self._own_vote(bundle)
        if before is not None and (before.seal, before.verdicts) == (seal, judged.verdicts):
            return before
        vote = SealVote(
            self.address, judged.verdicts, judged.signature, seal, self._sign(seal.message), refused
        )
        # Before the vote: where a vote is, the refusals that it names are too.
        bundle.write_refused(refused)
        bundle.write_vote(vote)
        return vote

    def _own_vote(self, bundle: Bundle) -> SealVote | None:
        """Return the vote that we left in our bundle; None where there is none of ours."""
        if not bundle.has(VOTE):
            return None
        try:
            vote = bundle.vote()
        except BundleError:
            return None  # it is made anew
        return vote if vote.member == self.address and vote.is_signed else None

    def _judgement(self, record: RoundRecord, bundle: Bundle) -> Judgement:
        ground = (stamp_of(bundle), record.positions_head)
        known = self.cache.judged.get(record.round_id)
        if known is not None and known.ground == ground:
            return known
        if self._sign is None:
            raise TypeError("expected something to sign with, found nothing")
        submissions = bundle.submissions()
        submissions.rows()  # refuses to judge what we could not read
        positions = read_sealed(self.context.suite, record, self.context.block).positions.by_model
        reasons = self._reasons(record, bundle, submissions, positions)
        verdicts = Verdicts.on(submissions, reasons, *self._where(record))
        for model, reason in reasons.items():
            self.raise_alarm(
                AlarmReason.REFUSED_SUBMISSION, f"round {record.round_id}, model {model}: {reason}"
            )
        judged = Judgement(ground, submissions, verdicts, self._sign(verdicts.message), positions)
        self.cache.judged[record.round_id] = judged
        return judged

    def _reasons(
        self,
        record: RoundRecord,
        bundle: Bundle,
        submissions: Submissions,
        positions: Mapping[int, int],
    ) -> dict[int, str]:
        """Return why submissions do not count by the round's rules; gates are for models that stake."""
        context = self.context
        submitters = context.quorum_check.confirmed(
            context.suite,
            f"round {record.round_id}, who could sign",
            lambda suite: suite.submitters_before(record.close_at, context.block.number),
        )
        reasons = refusals_of(submissions, submitters, *self._where(record))
        unreadable = self.decrypting.reasons(record) if submissions.is_encrypted else {}
        # Why it cannot be read says more than that it cannot.
        reasons |= {model: why for model, why in unreadable.items() if reasons.get(model) == UNREADABLE}
        with apart(f"round {record.round_id}, tables that gates need", self.raise_alarm):
            self._keep_gate_tables(record, bundle, submissions.universe)
        gates = bundle.rules().gates
        if gates is not None:
            staking = sorted({*positions}.intersection(submissions.model_ids).difference(reasons))
            gatekeeper = Gatekeeper(context.suite, self.paths.own_bundle)
            reasons |= gatekeeper.reasons(gates, record, submissions, staking)
        return reasons

    def _keep_gate_tables(self, record: RoundRecord, bundle: Bundle, universe: tuple[str, ...]) -> None:
        """Keep published tables that churn is measured with: later rounds may have gates."""
        source = self.paths.published_bundle(record.round_id)
        for name in GATE_TABLES:
            file = table_file(name)
            if source.has(file) and not bundle.has(file):
                take_over_table(source.folder, bundle, name, universe, SHARED_READER)
