"""The actions of a committee member and of the operator as values, and what carrying one out led to."""

from dataclasses import dataclass, field
from typing import Final

from scorer.observation.court_case import Disproof
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.proofs.staged import Walk
from scorer.protocol.report import Report
from scorer.protocol.seal import Seal


@dataclass(frozen=True)
class Attest:
    """Vote for our own report, in place of the report hash that we voted for before, if any."""

    report: Report
    instead: bytes | None = field(default=None, compare=False)


@dataclass(frozen=True)
class SealRound:
    """Hand the tournament a seal that a quorum of the round's members signed.

    Attributes
    ----------
    signers, signatures
        See `scorer.protocol.seal.quorum_signatures`.
    """

    seal: Seal
    signers: int
    signatures: bytes


@dataclass(frozen=True)
class CountSignature:
    """Hand in our signature of a seal, which it was recorded without: we were not absent."""

    member: str
    signature: bytes


@dataclass(frozen=True)
class BeginSettlement:
    """Hand the accepted report, which is ours too, to the tournament."""

    report: Report


@dataclass(frozen=True)
class SettleChunk:
    """Settle one chunk, counted in the order in which the chunks were locked."""

    index: int


@dataclass(frozen=True)
class ReturnChunk:
    """Return the positions of one chunk of a void round."""

    index: int


@dataclass(frozen=True)
class VoidRound:
    """Give the round up, so that its positions return whole."""


@dataclass(frozen=True)
class ApproveBond:
    """Let the committee take the bond of a challenge, wei."""

    amount: int


@dataclass(frozen=True)
class Challenge:
    """Dispute the accepted report, which is not ours."""


@dataclass(frozen=True)
class PostEvidence:
    """Make the evidence of the accepted report public, which is ours too; taken until a Unix time.

    Attributes
    ----------
    part
        0 the evidence itself, 1 and more the parts of its meta model's steps.
    """

    report: Report
    until: int = field(compare=False)
    part: int = 0


@dataclass(frozen=True)
class AnnounceProof:
    """Announce a proof by its commitment, so that nobody can take it from the mempool."""

    disproof: Disproof
    until: int = field(compare=False)


@dataclass(frozen=True)
class StagePiece:
    """Stage bytes as the code of a contract, for what is more than one transaction carries."""

    content: bytes = field(repr=False)
    until: int = field(compare=False)


@dataclass(frozen=True)
class WalkOn:
    """Walk on along an order whose bytes are staged, toward the proof of a score."""

    walk: Walk
    until: int = field(compare=False)


@dataclass(frozen=True)
class ProveWrong:
    """Prove the accepted report wrong to the court, by a proof that was announced."""

    disproof: Disproof
    until: int = field(compare=False)


@dataclass(frozen=True)
class AnswerDemand:
    """Show the predictions of a model that somebody demanded; taken until a Unix time.

    Attributes
    ----------
    report_hash
        Of the report under which the model was drawn, 32 bytes.
    place
        Of the demand in the draw, from 0.
    to
        Who gets the part of the deposit for sending it.
    """

    report_hash: bytes
    place: int
    model: int
    to: str
    until: int = field(compare=False)


@dataclass(frozen=True)
class Expire:
    """Put on record that a dispute was not decided in time, which lets go of the bonds."""


@dataclass(frozen=True)
class CloseVotes:
    """Let go of the bonds that a round holds, of whose votes nothing can come any more."""


@dataclass(frozen=True)
class Collect:
    """Have the committee pay out what it owes us: a challenge's bond and reward, wei."""

    account: str
    amount: int


@dataclass(frozen=True)
class Wait:
    """Do nothing now, for a reason."""

    reason: str


@dataclass(frozen=True)
class Alarm:
    """Call a human, who must look at what `detail` says."""

    detail: str
    reason: AlarmReason = AlarmReason.REPORT


@dataclass(frozen=True)
class OpenRound:
    """Open the round that a plan prepares, by the name of its folder."""

    plan: str


@dataclass(frozen=True)
class PublishPlan:
    """Publish rules and universe of an opened round, from the plan of this name."""

    plan: str


@dataclass(frozen=True)
class LockSlots:
    """Lock a chunk of slots, or end the lock of a round.

    `name` says which, how, and the first slot: ``lock:0``, ``roll:0``, ``endlock``.
    """

    name: str


MemberAction = (
    Attest
    | SealRound
    | CountSignature
    | BeginSettlement
    | SettleChunk
    | ReturnChunk
    | VoidRound
    | ApproveBond
    | Challenge
    | PostEvidence
    | AnnounceProof
    | StagePiece
    | WalkOn
    | ProveWrong
    | AnswerDemand
    | Expire
    | CloseVotes
    | Collect
    | Wait
    | Alarm
)
ON_THEIR_OWN: Final = (AnswerDemand, StagePiece)
"""Actions that rest on none of the same cycle: they are carried out whatever becomes of those before them."""
OperatorAction = OpenRound | PublishPlan | LockSlots
Action = MemberAction | OperatorAction


@dataclass(frozen=True)
class ActionResult:
    """One action of a cycle and its outcome.

    Attributes
    ----------
    round_id
        0 where the action belongs to no round.
    outcome
        In words: the block and the gas it took, or why nothing was done.
    tournament
        The tournament's name where a daemon serves several, else empty.
    """

    round_id: int
    action: Action
    outcome: str
    tournament: str = ""

    @property
    def subject(self) -> str:
        """The round and the action as logs and metrics name them."""
        match self.action:
            case OpenRound(plan):
                return f"open {plan}"
            case PublishPlan():
                return f"round {self.round_id}"
            case LockSlots(name):
                return f"round {self.round_id} {name}"
            case _:
                return f"{self.round_id} {type(self.action).__name__}"

    def __str__(self) -> str:
        where = f"{self.tournament} " if self.tournament else ""
        return f"{where}{self.subject}: {self.outcome}"
