"""Holds all that a committee member's process remembers between two cycles."""

from dataclasses import dataclass, field
from typing import Final

from scorer.chain.contracts import Suite
from scorer.chain.records import ProposalStatus
from scorer.observation.basis import ChainBasis
from scorer.observation.court_case import Disproof
from scorer.observation.observe import RoundTracker, Sealed
from scorer.oracle.decryption_cache import DecryptionCache
from scorer.oracle.evidence import PeerReports
from scorer.oracle.recomputation import Recomputation, stop
from scorer.oracle.seal_cache import SealCache
from scorer.oracle.seen_files import SeenFiles
from scorer.oracle.stamps import Stamp
from scorer.protocol.seal import Seal

MOST_REPORTS: Final = 1000
"""Reports whose verdicts are kept, the latest ones: more than rounds are open at a time."""


@dataclass(frozen=True)
class ProofSearch:
    """A search for a proof that an accepted report is wrong.

    Attributes
    ----------
    answered
        The number of models whose predictions answers to demands had made public by then.
    found
        None where nothing of the report could be proven wrong.
    """

    answered: int
    found: Disproof | None


@dataclass
class MemberCache:
    """Remembers what a process read, so that it need not ask again; losing it costs time alone.

    Attributes
    ----------
    rounds
        The rounds that are over in a finalised block.
    sealed
        The terms and positions that rounds locked, by round.
    sealed_at
        The times at which rounds were sealed, Unix seconds.
    consistent
        Rounds whose report was computed by this process, or found consistent with the chain.
    confirmed
        Endpoint and round where other endpoints confirmed all that a report rests on.
    recomputations
        Fresh processes that recompute a report beside us, by round.
    refusals
        The reasons for which a report must not be attested, by its hash; empty where it may.
    decided
        The ends of our disputes, by round.
    sources
        The stamp of targets and tables, by round, and which of them are not those of our report.
    seen
        What published files held.
    peer_reports
        Other members' reports.
    seals
        Rounds that are being sealed.
    later
        When predictions of rounds become public, by round, see `scorer.oracle.exchange`.
    decryption
        What we decrypted of rounds whose submissions are encrypted.
    sealable_from
        Seals that a quorum signed, by round, and the chain time from which they may be sent.
    basis
        The block that all of this rests on.
    challenge_window
        The committee's, seconds; None while it was not asked.
    disproofs
        The search for a proof that an accepted report is wrong, by its hash, once its evidence is public.
    bonded
        Whether the committee asks for bonds; None while it was not asked.
    consensus
        The stamps of members' consensus documents when they were looked at last, by round.
    """

    rounds: RoundTracker = field(default_factory=RoundTracker)
    sealed: dict[int, Sealed] = field(default_factory=dict)
    sealed_at: dict[int, int] = field(default_factory=dict)
    consistent: set[int] = field(default_factory=set)
    confirmed: set[tuple[Suite, int]] = field(default_factory=set)
    refusals: dict[bytes, tuple[str, ...]] = field(default_factory=dict)
    recomputations: dict[int, Recomputation] = field(default_factory=dict)
    decided: dict[int, ProposalStatus] = field(default_factory=dict)
    sources: dict[int, tuple[Stamp, tuple[str, ...]]] = field(default_factory=dict)
    seen: SeenFiles = field(default_factory=SeenFiles)
    peer_reports: PeerReports = field(default_factory=PeerReports)
    seals: SealCache = field(default_factory=SealCache)
    later: dict[int, int | None] = field(default_factory=dict)
    decryption: DecryptionCache = field(default_factory=DecryptionCache)
    sealable_from: dict[int, tuple[Seal, int]] = field(default_factory=dict)
    basis: ChainBasis = field(default_factory=ChainBasis)
    bonded: bool | None = None
    challenge_window: int | None = None
    disproofs: dict[bytes, ProofSearch] = field(default_factory=dict)
    consensus: dict[int, tuple[Stamp, ...]] = field(default_factory=dict)

    def forget(self, round_id: int) -> None:
        """Read a round anew: what we have of it may be wrong."""
        self.consistent.discard(round_id)
        stop(self.recomputations, round_id)
        for known in (self.sealed, self.sealed_at, self.decided, self.sources):
            known.pop(round_id, None)

    def drop_over(self) -> None:
        """Keep nothing of rounds that are over but the ends of our disputes."""
        known = {*self.sealed, *self.sealed_at, *self.consistent, *self.sources, *self.seen.rounds}
        known |= {*self.consensus}
        known |= {*self.seals.judged, *self.seals.recorded, *self.sealable_from, *self.decryption.decrypted}
        for round_id in known - self.rounds.unfinished:
            ended = self.decided.get(round_id)
            self.forget(round_id)
            self.seen.forget(round_id)
            self.peer_reports.forget(round_id)
            self.seals.forget(round_id)
            self.decryption.forget(round_id)
            self.sealable_from.pop(round_id, None)
            self.consensus.pop(round_id, None)
            if ended is not None:
                self.decided[round_id] = ended
        self.confirmed = {pair for pair in self.confirmed if pair[1] in self.rounds.unfinished}
        for by_hash in (self.refusals, self.disproofs):
            while len(by_hash) > MOST_REPORTS:
                by_hash.pop(next(iter(by_hash)))

    def forget_chain(self) -> None:
        """Read everything anew: the chain that it was read from is no more."""
        for round_id in {*self.sealed, *self.sealed_at, *self.consistent, *self.decided, *self.sources}:
            self.forget(round_id)
        self.rounds.forget()
        self.refusals.clear()
        self.sealable_from.clear()
        self.seals.forget_all()
        self.decryption.forget_all()
        self.later.clear()
        self.bonded = self.challenge_window = None
        self.disproofs.clear()
        self.consensus.clear()
        self.confirmed.clear()
        self.seen.forget_all()

    def forget_confirmations(self, round_id: int) -> None:
        """Ask other endpoints anew what a round's report rests on."""
        self.confirmed -= {pair for pair in self.confirmed if pair[1] == round_id}
