"""What is left to do for a round: pure functions of plain data, without chain, files or clock."""

from dataclasses import dataclass

from scorer.chain.contracts import SETTLEMENT_GRACE, ProposalRecord, ProposalStatus, RoundRecord, RoundState
from scorer.rounds.report import Report


@dataclass(frozen=True)
class Attest:
    """Vote for our own report."""

    report: Report


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
class Wait:
    """Nothing can be done now, and why."""

    reason: str


@dataclass(frozen=True)
class Alarm:
    """A human must look: what is wrong."""

    reason: str


Action = Attest | BeginSettlement | SettleChunk | ReturnChunk | VoidRound | Wait | Alarm


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
    """

    record: RoundRecord
    now: int
    chunks_left: int
    proposal: ProposalRecord | None
    vote: bytes | None
    report: Report | None


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


def is_due(record: RoundRecord, now: int) -> bool:
    """Whether a round's outcome is known, so that a report can be made."""
    return record.state in (RoundState.SEALED, RoundState.SETTLING) and now >= record.resolve_at


def _while_unsealed(view: RoundView) -> tuple[Action, ...]:
    if view.now >= view.record.lock_until:
        return (VoidRound(),)
    return (Wait("not sealed yet"),)


def _while_sealed(view: RoundView) -> tuple[Action, ...]:
    if view.now < view.record.resolve_at:
        return (Wait("the outcome is not known yet"),)
    if view.proposal is not None:
        return _once_accepted(view, view.proposal)
    if view.now >= view.record.deadline:
        return (VoidRound(),)
    if view.report is None:
        return (Wait("no report of our own: published files or targets are missing"),)
    if view.vote == view.report.hash():
        return (Wait("attested; waiting for the quorum"),)
    return (Attest(view.report),)


def _once_accepted(view: RoundView, proposal: ProposalRecord) -> tuple[Action, ...]:
    if proposal.status == ProposalStatus.EXPIRED:
        return (VoidRound(),)
    if view.report is None:
        return (Wait("a report was accepted, and we have none of our own to compare"),)
    if proposal.status == ProposalStatus.DISPUTED:
        return _second_vote(view, view.report)
    if proposal.report_hash != view.report.hash():
        return (_wrong_report(view, proposal.report_hash),)
    if not proposal.is_final(view.now):
        return (Wait("accepted; the challenge window is open"),)
    return (BeginSettlement(view.report), *_remaining_chunks(view))


def _second_vote(view: RoundView, report: Report) -> tuple[Action, ...]:
    """A disputed report is voted on once more, by what everyone computed."""
    if view.vote == report.hash():
        return (Wait("disputed; attested once more, waiting for two thirds"),)
    return (Attest(report),)


def _while_settling(view: RoundView) -> tuple[Action, ...]:
    if view.now >= view.record.settlement_began_at + SETTLEMENT_GRACE:
        return (VoidRound(),)
    if view.report is None or view.proposal is None:
        return (Wait("settling, and we have no report of our own to settle by"),)
    if view.proposal.report_hash != view.report.hash():
        return (_wrong_report(view, view.proposal.report_hash),)
    return _remaining_chunks(view)


def _remaining_chunks(view: RoundView) -> tuple[Action, ...]:
    """Chunks are popped from the stack: the one locked last comes first."""
    return tuple(SettleChunk(index) for index in reversed(range(view.chunks_left)))


def _wrong_report(view: RoundView, accepted: bytes) -> Alarm:
    own = "none" if view.report is None else "0x" + view.report.hash().hex()
    return Alarm(
        f"round {view.record.round_id}: the committee accepted the report 0x{accepted.hex()}, "
        f"we computed {own}"
    )
