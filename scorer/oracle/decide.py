"""What is left to do for a round: pure functions of plain data, without chain, files or clock."""

from dataclasses import dataclass, field

from scorer.chain.contracts import ProposalRecord, ProposalStatus, RoundRecord, RoundState
from scorer.chain.windows import SETTLEMENT_GRACE, fundable_until
from scorer.protocol.report import Report
from scorer.protocol.seal import Seal
from scorer.units import nmr_from_nano


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
    """Nothing can be done now, and why."""

    reason: str


@dataclass(frozen=True)
class Alarm:
    """A human must look: what is wrong, and its kind, a name of `scorer.oracle.alarm_reasons.Reason`."""

    reason: str
    kind: str = "REPORT"


Action = (
    Attest
    | SealRound
    | CountSignature
    | BeginSettlement
    | SettleChunk
    | ReturnChunk
    | VoidRound
    | ApproveBond
    | Challenge
    | Expire
    | CloseVotes
    | Collect
    | Wait
    | Alarm
)


@dataclass(frozen=True)
class Challenging:
    """How we challenge: whether we do at all, and what is missing for the bond.

    Attributes
    ----------
    approve
        Wei to approve first, one after the other; nothing when the committee may take the bond already. NMR
        changes an allowance from or to zero alone.
    """

    allowed: bool = False
    approve: tuple[int, ...] = ()


@dataclass(frozen=True)
class Absence:
    """A seal that was recorded without our signature.

    Attributes
    ----------
    signature
        Ours of the same statement; None where we signed none.
    in_a_row
        How many seals, up to the last one recorded, were.
    limit
        After how many of them anybody may remove us.
    """

    signature: bytes | None
    in_a_row: int
    limit: int


@dataclass(frozen=True)
class RoundView:
    """All that a decision on one round depends on, as of one finalised block.

    Attributes
    ----------
    now
        The block's timestamp: the only clock there is.
    chunks_left
        How many chunks were not settled yet.
    vote
        The report hash we attested last.
    report
        Our own report; None while we have not computed it.
    refusals
        Why our report is not sound enough to be attested.
    address
        Ours.
    block
        Number of the finalised block.
    pool
        What the tournament can pay, nano-NMR; None: no report of the round is accepted yet.
    delay
        Seconds that we leave to others before we send what anybody may send: members take turns.
    seal
        With a quorum's signatures, once there is one.
    sealable_from
        From when on it may be sent, in chain time: whoever is left out of it counts as absent.
    bonded
        Whether votes hold bonds, which are to be let go of.
    locking
        The tournament's rounds that are still to be locked. An operator who locks one while this round is
        settled does both for less.
    roll_wait
        Seconds after the beginning of a settlement for which chunks are left to such an operator.
    absence
        That the round was sealed without our signature; None: it was not.
    """

    record: RoundRecord
    now: int
    chunks_left: int
    proposal: ProposalRecord | None
    vote: bytes | None
    report: Report | None
    refusals: tuple[str, ...] = ()
    challenging: Challenging = Challenging()
    address: str = ""
    delay: int = 0
    block: int = 0
    seal: SealRound | None = None
    sealable_from: int = 0
    pool: int | None = None
    bonded: bool = False
    locking: tuple[RoundRecord, ...] = ()
    roll_wait: int = 0
    absence: Absence | None = None


def decide(view: RoundView) -> tuple[Action, ...]:
    """What an oracle does next for a round, in order.

    It attests only what it computed itself, and settles only what it would have attested.
    """
    match view.record.state:
        case RoundState.OPEN | RoundState.LOCKING:
            return _while_unsealed(view)
        case RoundState.SEALED:
            return _while_sealed(view)
        case RoundState.SETTLING:
            return _while_settling(view)
        case RoundState.VOIDED:
            return tuple(ReturnChunk(index) for index in reversed(range(view.chunks_left)))
        case _:
            return ()


def decide_credit(account: str, credit: int) -> tuple[Action, ...]:
    """What to do about `credit` wei that the committee owes us, whatever round it came from."""
    return (Collect(account, credit),) if credit else ()


def is_due(record: RoundRecord, now: int) -> bool:
    """Whether a round's outcome is known, so that a report can be made."""
    return record.state in (RoundState.SEALED, RoundState.SETTLING) and now >= record.resolve_at


def _while_unsealed(view: RoundView) -> tuple[Action, ...]:
    if view.now >= view.record.lock_until:
        return _in_turn(view, view.record.lock_until, VoidRound())
    if view.seal is not None:
        return _in_turn(view, view.sealable_from, view.seal)
    return (Wait("not sealed yet"),)


def _while_sealed(view: RoundView) -> tuple[Action, ...]:
    if view.now < view.record.resolve_at:
        return (*_when_absent(view), Wait("the outcome is not known yet"))
    if view.proposal is not None:
        return _once_accepted(view, view.proposal)
    if view.now >= view.record.deadline:
        closing = (CloseVotes(),) if view.bonded and view.vote is not None else ()
        return _in_turn(view, view.record.deadline, *closing, VoidRound())
    if view.report is None:
        return (Wait("no report of our own: published files or targets are missing"),)
    if view.vote == view.report.hash():
        return (Wait("attested; waiting for the quorum"),)
    return _attest(view, view.report)


def _when_absent(view: RoundView) -> tuple[Action, ...]:
    """Until the round resolves a signature that was left out counts; without one, a human must look."""
    if view.absence is None:
        return ()
    if view.absence.signature is not None:
        return (CountSignature(view.address, view.absence.signature),)
    found = f"{view.absence.in_a_row} in a row; after {view.absence.limit} anybody may remove us"
    return (Alarm(f"round {view.record.round_id}: sealed without our signature, {found}", "ABSENT"),)


def _attest(view: RoundView, report: Report) -> tuple[Action, ...]:
    """A report that is not sound is not attested, and not made to look sound either."""
    if view.refusals:
        return tuple(Alarm(f"round {view.record.round_id}: not attested: {each}") for each in view.refusals)
    return (Attest(report, view.vote),)


def _in_turn(view: RoundView, since: int, *actions: Action) -> tuple[Action, ...]:
    """What anybody may send since a time: when our turn has come, and nobody did it before."""
    if view.now < since + view.delay:
        return (Wait("others have their turn before us"),)
    return actions


def _once_accepted(view: RoundView, proposal: ProposalRecord) -> tuple[Action, ...]:
    if proposal.status in (ProposalStatus.EXPIRED, ProposalStatus.DISPROVEN):
        expire = (Expire(),) if view.bonded and proposal.open_votes else ()
        return _in_turn(view, proposal.dispute_until, *expire, VoidRound())
    grace_over = view.record.deadline + SETTLEMENT_GRACE
    if view.now >= grace_over and proposal.status != ProposalStatus.DISPUTED:
        return _in_turn(view, grace_over, VoidRound())
    if view.report is None:
        return (Wait("a report was accepted, and we have none of our own to compare"),)
    if proposal.status == ProposalStatus.DISPUTED:
        return _second_vote(view, view.report)
    if proposal.report_hash != view.report.hash():
        return (_wrong_report(view, proposal.report_hash), *_challenge(view, proposal))
    if not proposal.is_final(view.now):
        return (*_pool_short(view, proposal, view.report), Wait("accepted; the challenge window is open"))
    return _once_final(view, proposal, view.report)


def _once_final(view: RoundView, proposal: ProposalRecord, report: Report) -> tuple[Action, ...]:
    short, closing = _pool_short(view, proposal, report), _closing(view, proposal)
    since = proposal.challenge_until
    if short and view.now < _fundable_until(view, proposal):
        waiting = Wait("final; the pool cannot pay it yet")
        return (*short, *(_in_turn(view, since, *closing) if closing else ()), waiting)
    return _in_turn(view, since, *closing, BeginSettlement(report), *_remaining_chunks(view, view.now))


def _closing(view: RoundView, proposal: ProposalRecord) -> tuple[Action, ...]:
    """Of a report that is final."""
    return (CloseVotes(),) if view.bonded and proposal.open_votes else ()


def _fundable_until(view: RoundView, proposal: ProposalRecord) -> int:
    return fundable_until(proposal.challenge_until, view.record.deadline, view.record.funding_grace)


def _pool_short(view: RoundView, proposal: ProposalRecord, report: Report) -> tuple[Alarm, ...]:
    """Told from the acceptance on: who begins a settlement settles for good what the pool can pay."""
    if view.pool is None or view.pool >= report.total_payout:
        return ()
    owed, held = nmr_from_nano(report.total_payout), nmr_from_nano(view.pool)
    found = f"the report pays {owed:f} NMR, the pool holds {held:f} NMR"
    until = f"fund it until {_fundable_until(view, proposal)} (Unix time), or every payout is cut"
    return (Alarm(f"round {view.record.round_id}: {found}; {until}", "POOL_SHORT"),)


def _challenge(view: RoundView, proposal: ProposalRecord) -> tuple[Action, ...]:
    """Only while it can be disputed, only where we were told to, and only for a report that is sound."""
    in_time = proposal.status == ProposalStatus.ACCEPTED and view.now < proposal.challenge_until
    if not (in_time and view.challenging.allowed) or view.refusals:
        return ()
    return (*map(ApproveBond, view.challenging.approve), Challenge())


def _second_vote(view: RoundView, report: Report) -> tuple[Action, ...]:
    """A disputed report is voted on once more, by what everyone computed."""
    if view.vote == report.hash():
        return (Wait("disputed; attested once more, waiting for the quorum"),)
    return _attest(view, report)


def _while_settling(view: RoundView) -> tuple[Action, ...]:
    grace_over = view.record.settlement_began_at + SETTLEMENT_GRACE
    if view.now >= grace_over:
        return _in_turn(view, grace_over, VoidRound())
    if view.report is None or view.proposal is None:
        return (Wait("settling, and we have no report of our own to settle by"),)
    if view.proposal.report_hash != view.report.hash():
        return (_wrong_report(view, view.proposal.report_hash),)
    began_at = view.record.settlement_began_at
    actions = (*_closing(view, view.proposal), *_remaining_chunks(view, began_at))
    return _in_turn(view, began_at, *actions)


def _remaining_chunks(view: RoundView, began_at: int) -> tuple[Action, ...]:
    """Chunks are popped from the stack: the one locked last comes first.

    While another round is to be locked soon, they are left to its operator, for a set time at most.
    """
    until = began_at + view.roll_wait
    if view.now < until and any(_is_locked_before(until, other, view.now) for other in view.locking):
        return (Wait(f"chunks are left to the operator, who locks another round, until {until}"),)
    return tuple(SettleChunk(index) for index in reversed(range(view.chunks_left)))


def _is_locked_before(until: int, other: RoundRecord, now: int) -> bool:
    """Whether another round can be locked now, or from some time before `until`."""
    return other.is_unsealed and other.close_at < until and now < other.lock_until


def _wrong_report(view: RoundView, accepted: bytes) -> Alarm:
    own = "none" if view.report is None else "0x" + view.report.hash().hex()
    return Alarm(
        f"round {view.record.round_id}: the committee accepted the report 0x{accepted.hex()}, "
        f"we computed {own}"
    )
