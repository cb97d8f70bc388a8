"""Signs the consensus document of a sealed round, once, and leaves it where others read it."""

from dataclasses import dataclass

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray

from scorer.agents.decide import ConsensusView, signs_now
from scorer.agents.document import Consensus, set_hash
from scorer.agents.files import collect, write_consensus
from scorer.agents.leaves import Body, body_of
from scorer.agents.signing import SignedConsensus
from scorer.chain.contracts import Suite
from scorer.chain.records import MemberSet, RoundRecord, RoundState
from scorer.evaluation.evaluate import meta_model_digest, meta_model_of
from scorer.failpoints import reach
from scorer.isolation import SHARED_READER
from scorer.observation.observe import sealed_at
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.context import CycleContext
from scorer.oracle.paths import MemberPaths
from scorer.oracle.reporting import Reporter
from scorer.oracle.sealing import Sealing
from scorer.oracle.stamps import Stamp, stamp_of
from scorer.protocol.documents import from_hex
from scorer.protocol.seal import Seal
from scorer.protocol.submissions import Submissions
from scorer.storage.bundle import SUBMISSIONS, VERDICTS, Bundle
from scorer.storage.schemas import CONSENSUS


@dataclass(frozen=True)
class ConsensusSigning:
    """Signs as one member of one tournament for one cycle.

    Attributes
    ----------
    address
        Our own.
    subscribers
        Public keys of those who get the body at once.
    looked
        By round: the stamps of other members' documents when they were looked at last.
    """

    context: CycleContext
    paths: MemberPaths
    address: str
    sealing: Sealing
    reporter: Reporter
    raise_alarm: RaiseAlarm
    subscribers: tuple[bytes, ...]
    looked: dict[int, tuple[Stamp, ...]]

    def work(self, record: RoundRecord) -> None:
        """Sign a sealed round's document where that is left to do, and look at those of others."""
        if record.state != RoundState.SEALED:
            return
        if self.context.sender is not None and signs_now(self._view(record)):
            self._sign(record)
        self._watch(record)

    def _view(self, record: RoundRecord) -> ConsensusView:
        own, public = self.paths.own_bundle(record.round_id), self.paths.exchange_bundle(record.round_id)
        return ConsensusView(
            is_sealed=record.state == RoundState.SEALED,
            is_resolved=self.context.block.timestamp >= record.resolve_at,
            is_member=self.address in self.sealing.recorded.member_set(record).members,
            # Also what a folder was restored without: a copy of it may be public.
            has_signed=own.has(CONSENSUS) or public.has(CONSENSUS),
            is_readable=own.has(SUBMISSIONS, VERDICTS),
        )

    def _sign(self, record: RoundRecord) -> None:
        own = self.paths.own_bundle(record.round_id)
        submissions, refused = own.submissions(), own.refused()
        # What we could not decrypt is NaN, whose hash is not the one that was signed.
        if submissions.is_withheld or set(submissions.wrong_hashes()) - refused:
            return
        # What we hold may be of a seal that others did not sign: of the recorded one there is one document.
        if submissions.root(refused) != record.submissions_root:
            return
        positions = self.reporter.sealed(record).positions.by_model
        meta_model = meta_model_of(submissions, refused, positions)
        if np.isnan(meta_model).any():
            return  # nobody staked: there is no meta model
        body = body_of(submissions, refused, meta_model)
        self._publish(own, self._document(record, submissions, meta_model, body), body)

    def _facts(self, suite: Suite, record: RoundRecord) -> tuple[RoundRecord, int]:
        """Return what an endpoint says of a round, and when it was sealed."""
        return suite.round(record.round_id, self.context.block.number), sealed_at(
            suite, record, self.context.block
        )

    def _document(
        self,
        record: RoundRecord,
        submissions: Submissions,
        meta_model: NDArray[np.float64],
        body: Body,
    ) -> Consensus:
        what = f"round {record.round_id}, what its consensus document says of it"
        record, at = self.context.quorum_check.confirmed(
            self.context.suite, what, lambda suite: self._facts(suite, record)
        )
        place = self.context.suite.addresses.chain_id, self.paths.tournament, record.round_id
        seal = Seal(*place, record.positions_head, record.submissions_root, record.valid_at_risk)
        members = self.sealing.recorded.member_set(record)
        return Consensus(
            *place,
            set_hash(members.members, members.quorum),
            keccak(seal.message),
            from_hex(meta_model_digest(submissions.universe, meta_model), 32),
            body.root,
            len(body.universe),
            at,
            record.resolve_at,
        )

    def _publish(self, own: Bundle, document: Consensus, body: Body) -> None:
        sender = self.context.sender
        if sender is None:
            raise TypeError("expected something to sign with, found nothing")
        signed = SignedConsensus(document, sender.address, sender.sign_message(document.message))
        reach("consensus-signed", str(document.round_id))
        write_consensus(own.folder, signed, body, self.subscribers)

    def _watch(self, record: RoundRecord) -> None:
        """Call a human for a member that signed two documents, or another than we did."""
        folders = [*self.paths.peer_folders(record.round_id), self.paths.own_bundle(record.round_id).folder]
        stamps = tuple(stamp_of(Bundle(folder), (CONSENSUS,)) for folder in folders)
        if self.looked.get(record.round_id) == stamps:
            return
        members: MemberSet = self.sealing.recorded.member_set(record)
        place = self.context.suite.addresses.chain_id, self.paths.tournament, record.round_id
        found = collect(folders, place, members.members, members.quorum, SHARED_READER)
        for first, _ in found.equivocations:
            self._alarm(record, f"{first.member} signed two documents: cupel consensus accuse proves it")
        if len({signed.consensus for signed in found.signed}) > 1:
            self._alarm(record, "members signed different documents, so one of them computed another")
        self.looked[record.round_id] = stamps

    def _alarm(self, record: RoundRecord, detail: str) -> None:
        self.raise_alarm(AlarmReason.CONSENSUS, f"round {record.round_id}: {detail}")
