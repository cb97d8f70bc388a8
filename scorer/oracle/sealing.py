"""A member's part in sealing a round: it judges submissions, exchanges votes, and signs what is agreed on.

Nothing is signed before the operator says that all stakes are locked, and before the last lock is final. What
is signed names the head of all positions: a stake that is locked later voids it, and it is signed anew.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eth_hash.auto import keccak

from scorer.chain.contracts import MemberSet, RoundRecord, RoundState, SealRecord, Suite
from scorer.evaluation.commitments import refusals_of
from scorer.isolation import SHARED_READER
from scorer.observation.observe import Block, read_sealed
from scorer.oracle.failures import apart
from scorer.oracle.gatekeeper import GATE_TABLES, Gatekeeper
from scorer.oracle.quorum_check import QuorumCheck
from scorer.oracle.takeover import REREAD, Stamp, stamp_of
from scorer.protocol.seal import Seal, SealVote, Verdicts, agreed_refusals, quorum_signatures, seal_of
from scorer.protocol.submissions import Submissions
from scorer.protocol.tables import table_file
from scorer.storage.bundle import LOCKED, VOTE, Bundle, BundleError, round_folder
from scorer.storage.votes import read_vote


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


@dataclass(frozen=True)
class Judgement:
    """What a member found of a round's submissions.

    Attributes
    ----------
    ground
        The files and the positions head that it rests on.
    positions
        nano-NMR by model.
    """

    ground: tuple[Stamp, bytes]
    submissions: Submissions
    verdicts: Verdicts
    signature: bytes
    positions: Mapping[int, int]


@dataclass
class SealCache:
    """What a process knows of rounds that are being sealed; a restart loses nothing by losing it.

    Attributes
    ----------
    judged
        Our own judgement, by round.
    peers
        Other members' votes by their file: its stamp, what was read, and until when that holds, monotonic
        seconds.
    sets
        Member sets, which never change, by number.
    recorded
        Who signed the seals of rounds that wait for their outcome, by round.
    late
        The votes that we last compared a seal with that leaves us out, and what came of it, by round.
    """

    judged: dict[int, Judgement] = field(default_factory=dict)
    peers: dict[Path, tuple[Stamp, SealVote | None, float]] = field(default_factory=dict)
    sets: dict[int, MemberSet] = field(default_factory=dict)
    recorded: dict[int, SealRecord] = field(default_factory=dict)
    late: dict[int, tuple[frozenset[bytes], bytes | None]] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    def forget(self, round_id: int) -> None:
        """Judge a round anew, and read its votes again."""
        for known in (self.judged, self.recorded, self.late):
            known.pop(round_id, None)
        for folder in [each for each in self.peers if each.name == str(round_id)]:
            del self.peers[folder]

    def forget_all(self) -> None:
        """Read everything anew: the chain that it was read from is no more."""
        for known in (self.judged, self.peers, self.sets, self.recorded, self.late):
            known.clear()


@dataclass(frozen=True)
class Sealing:
    """Judges, votes and signs as one member of one tournament.

    Attributes
    ----------
    rounds, published, peers
        Our own bundles; what the operator publishes; other members' bundles.
    address, sign
        Ours; None where nothing is to be signed, as in a dry run.
    """

    suite: Suite
    rounds: Path
    published: Path
    peers: Sequence[Path]
    address: str
    sign: Callable[[bytes], bytes] | None
    memory: SealCache
    alarm: Callable[[str, str], None]
    witnesses: QuorumCheck = field(default_factory=QuorumCheck)

    def ready(self, record: RoundRecord, block: Block) -> QuorumSeal | None:
        """A seal of a round that has its quorum of signatures, once there is one.

        Our own vote is made first, and made anew where others' votes change what is agreed on.
        """
        votes = self._votes(record, block)
        own = self._vote(record, block, votes)
        if own is not None:
            votes.append(own)
        members = self._members(record, block)
        for seal in dict.fromkeys(vote.seal for vote in votes):
            if seal.positions_head == record.positions_head:
                found = quorum_signatures(seal, votes, members.members, members.quorum)
                if found is not None:
                    return QuorumSeal(seal, *found, found[0].bit_count() == len(members.members))
        return None

    def read_seals(self, records: Sequence[RoundRecord], block: Block) -> None:
        """Read who signed the seals of rounds that wait for their outcome.

        A round whose seal has our signature is not asked about again, once other endpoints say the same.
        """
        waiting = [each for each in records if is_countable(each, block)]
        known = self.memory.recorded
        asked = [each for each in waiting if each.round_id not in known or self.is_absent(each, block)]
        numbers = [each.round_id for each in asked]
        found = dict(zip(numbers, self.suite.seals(numbers, block.number), strict=True)) if asked else {}
        doubted = self._doubted(found, block)
        for round_id, seal in found.items():
            if round_id in doubted:
                known.pop(round_id, None)
            else:
                known[round_id] = seal

    def _doubted(self, found: Mapping[int, SealRecord], block: Block) -> set[int]:
        """The rounds of whose seal another endpoint says otherwise; each is an alarm."""
        doubted, numbers = set[int](), [*found]
        told = self.witnesses.say(lambda suite: suite.seals(numbers, block.number)) if numbers else ()
        for host, seals in told:
            for round_id, theirs in zip(numbers, seals, strict=True):
                if theirs != found[round_id]:
                    doubted.add(round_id)
                    self.alarm(
                        "ENDPOINTS_DISAGREE",
                        f"round {round_id}: endpoint {host} says otherwise of who signed its seal",
                    )
        return doubted

    def is_absent(self, record: RoundRecord, block: Block) -> bool:
        """Whether a round that waits for its outcome was sealed without our signature: see `read_seals`."""
        seal = self.memory.recorded.get(record.round_id)
        if seal is None or not is_countable(record, block):
            return False
        return seal.leaves_out(self.address, self._members(record, block).members)

    def late_signature(self, record: RoundRecord, block: Block) -> bytes | None:
        """Our signature of the statement that a round was sealed with, where what we find is the same.

        Others may have had no time to see what we signed, or we may have been down.
        """
        digest, bundle = self.memory.recorded[record.round_id].digest, self._own(record.round_id)
        before = self._own_vote(bundle)
        if before is not None and keccak(before.seal.message) == digest:
            return before.seal_signature
        if self.sign is None:
            return None
        votes = self._votes(record, block)
        seen, known = frozenset(each.seal_signature for each in votes), self.memory.late.get(record.round_id)
        if known is None or known[0] != seen:
            judged, seal, refused = self._stated(record, block, bundle, votes)
            same = keccak(seal.message) == digest
            signature = self._signed(bundle, judged, seal, refused).seal_signature if same else None
            known = self.memory.late[record.round_id] = seen, signature
        return known[1]

    def candidates(self, record: RoundRecord, bundle: Bundle) -> Iterator[frozenset[int]]:
        """What a seal may refuse of a bundle's submissions: what others signed, or what we find ourselves."""
        for folder in self._peer_folders(record.round_id):
            vote = self._peer_vote(folder)
            if vote is not None:
                yield vote.refused
        submitters = self.suite.submitters(record.close_at, self.suite.w3.eth.block_number)
        yield frozenset(refusals_of(bundle.submissions(), submitters, *self._where(record)))

    def _where(self, record: RoundRecord) -> tuple[int, str, int]:
        return self.suite.addresses.chain_id, str(self.suite.tournament.address), record.round_id

    def _members(self, record: RoundRecord, block: Block) -> MemberSet:
        known = self.memory.sets
        if record.member_set_id not in known:
            known[record.member_set_id] = self.suite.member_set(record.member_set_id, block.number)
        return known[record.member_set_id]

    def _vote(self, record: RoundRecord, block: Block, votes: Sequence[SealVote]) -> SealVote | None:
        """Our vote, signed; None while it is too early, or where we are no member of the round."""
        members, bundle = self._members(record, block), self._own(record.round_id)
        if self.sign is None or self.address not in members.members or not self.is_locked(record):
            return None
        return self._signed(bundle, *self._stated(record, block, bundle, votes))

    def _stated(
        self, record: RoundRecord, block: Block, bundle: Bundle, votes: Sequence[SealVote]
    ) -> tuple[Judgement, Seal, frozenset[int]]:
        """What we found, the statement that follows from it and the others' verdicts, and what it refuses."""
        members, judged = self._members(record, block), self._judgement(record, block, bundle)
        refused = agreed_refusals(
            judged.verdicts,
            _newest_verdicts(votes, record.positions_head),
            members=len(members.members),
            quorum=members.quorum,
        )
        seal = seal_of(judged.verdicts, judged.submissions, refused, record.positions_head, judged.positions)
        return judged, seal, refused

    def _signed(self, bundle: Bundle, judged: Judgement, seal: Seal, refused: frozenset[int]) -> SealVote:
        """Our vote for a statement, which others find in our bundle."""
        if self.sign is None:
            raise TypeError("expected something to sign with, found nothing")
        before = self._own_vote(bundle)
        if before is not None and (before.seal, before.verdicts) == (seal, judged.verdicts):
            return before
        vote = SealVote(
            self.address, judged.verdicts, judged.signature, seal, self.sign(seal.message), refused
        )
        bundle.write_refused(refused)
        bundle.write_vote(vote)
        return vote

    def _own_vote(self, bundle: Bundle) -> SealVote | None:
        """The vote that we left in our bundle; None where there is none, or what is there is not ours."""
        if not bundle.has(VOTE):
            return None
        try:
            found = bundle.vote()
        except BundleError:
            return None  # it is made anew
        return found if found.member == self.address and found.is_signed else None

    def is_locked(self, record: RoundRecord) -> bool:
        """Whether the operator says that nothing is locked beyond what a final block shows."""
        published = self._published(record.round_id)
        try:
            return published.has(LOCKED) and published.locked() == record.positions_head
        except BundleError:
            return False

    def _judgement(self, record: RoundRecord, block: Block, bundle: Bundle) -> Judgement:
        ground = (stamp_of(bundle), record.positions_head)
        known = self.memory.judged.get(record.round_id)
        if known is not None and known.ground == ground:
            return known
        if self.sign is None:
            raise TypeError("expected something to sign with, found nothing")
        submissions = bundle.submissions()
        positions = read_sealed(self.suite, record, block).positions.by_model
        reasons = self._reasons(record, block, bundle, submissions, positions)
        verdicts = Verdicts.on(submissions, reasons, *self._where(record))
        for model, reason in reasons.items():
            self.alarm("REFUSED_SUBMISSION", f"round {record.round_id}, model {model}: {reason}")
        judged = Judgement(ground, submissions, verdicts, self.sign(verdicts.message), positions)
        self.memory.judged[record.round_id] = judged
        return judged

    def _reasons(
        self,
        record: RoundRecord,
        block: Block,
        bundle: Bundle,
        submissions: Submissions,
        positions: Mapping[int, int],
    ) -> dict[int, str]:
        """Why submissions do not count by the round's rules; gates are for models that stake."""
        submitters = self.witnesses.confirmed(
            self.suite,
            f"round {record.round_id}, who could sign",
            lambda suite: suite.submitters(record.close_at, block.number),
        )
        reasons = refusals_of(submissions, submitters, *self._where(record))
        with apart(f"round {record.round_id}, tables that gates need", self.alarm):
            self._keep_gate_tables(record, bundle, submissions.universe)
        gates = bundle.rules().gates
        if gates is not None:
            staking = sorted({*positions}.intersection(submissions.model_ids).difference(reasons))
            reasons |= Gatekeeper(self.suite, self._own).reasons(gates, record, submissions, staking)
        return reasons

    def _keep_gate_tables(self, record: RoundRecord, bundle: Bundle, universe: tuple[str, ...]) -> None:
        """Keep what churn is measured with, where it is published: later rounds may have gates."""
        source = self._published(record.round_id)
        for name in GATE_TABLES:
            file = table_file(name)
            if source.has(file) and not bundle.has(file):
                bundle.write_table(name, universe, source.table(name, universe))

    def _votes(self, record: RoundRecord, block: Block) -> list[SealVote]:
        """Votes of the round's other members that can be read.

        There may be several of a member: others can show what it signed before.
        """
        members, found = self._members(record, block).members, list[SealVote]()
        for folder in self._peer_folders(record.round_id):
            vote = self._peer_vote(folder)
            if vote is None or vote.member == self.address or vote.member not in members:
                continue
            where = vote.seal.chain_id, vote.seal.tournament, vote.seal.round_id
            if where == self._where(record) and vote.is_signed:
                found.append(vote)
        return found

    def _peer_vote(self, folder: Path) -> SealVote | None:
        """A vote in another member's bundle, read once for as long as it stays the same."""
        stamp = stamp_of(Bundle(folder), (VOTE,))
        known = self.memory.peers.get(folder)
        if known is None or known[0] != stamp or self.memory.clock() >= known[2]:
            size = 0 if stamp[0] is None else stamp[0][0]
            vote = read_vote(folder, size, SHARED_READER)
            until = math.inf if vote is not None else self.memory.clock() + REREAD
            known = self.memory.peers[folder] = (stamp, vote, until)
        return known[1]

    def _peer_folders(self, round_id: int) -> list[Path]:
        return [round_folder(peer, str(self.suite.tournament.address), round_id) for peer in self.peers]

    def _own(self, round_id: int) -> Bundle:
        return Bundle(round_folder(self.rounds, str(self.suite.tournament.address), round_id))

    def _published(self, round_id: int) -> Bundle:
        return Bundle(round_folder(self.published, str(self.suite.tournament.address), round_id), strict=True)


def is_countable(record: RoundRecord, block: Block) -> bool:
    """Whether a signature that a round's seal left out can still be counted."""
    return record.state == RoundState.SEALED and block.timestamp < record.resolve_at


def _newest_verdicts(votes: Sequence[SealVote], positions_head: bytes) -> list[Verdicts]:
    """The verdicts of each member, one's with a statement on all positions before any that it replaced."""
    ascending = sorted(votes, key=lambda vote: vote.seal.positions_head == positions_head)
    return [*{vote.member: vote.verdicts for vote in ascending}.values()]
