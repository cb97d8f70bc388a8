"""Decides what is left to do for a round: pure functions of plain data, without chain, files or clock."""

from scorer.chain.records import (
    NEVER,
    ZERO_HASH,
    ProposalRecord,
    ProposalStatus,
    RoundRecord,
    RoundState,
)
from scorer.chain.windows import SETTLEMENT_GRACE, fundable_until
from scorer.observation.court_case import Disproof
from scorer.oracle.actions import (
    Alarm,
    AnnounceProof,
    AnswerDemand,
    ApproveBond,
    Attest,
    BeginSettlement,
    Challenge,
    CloseVotes,
    Collect,
    CountSignature,
    Expire,
    MemberAction,
    PostEvidence,
    ProveWrong,
    ReturnChunk,
    SettleChunk,
    StagePiece,
    VoidRound,
    Wait,
    WalkOn,
)
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.view import RoundView
from scorer.protocol.report import Report
from scorer.units import nmr_from_nano


def decide(view: RoundView) -> tuple[MemberAction, ...]:
    """Return what a member does next for a round, in order.

    It attests only what it computed itself, and settles only what it would have attested.
    """
    match view.record.state:
        case RoundState.OPEN | RoundState.LOCKING | RoundState.LOCKED:
            return _while_unsealed(view)
        case RoundState.SEALED:
            return _while_sealed(view)
        case RoundState.SETTLING:
            return _while_settling(view)
        case RoundState.VOIDED:
            # The chunk locked last comes first: the contract takes no other one off its stack.
            return tuple(ReturnChunk(index) for index in reversed(range(view.chunks_left)))
        case _:
            return ()


def decide_credit(account: str, credit: int) -> tuple[MemberAction, ...]:
    """Return what to do about `credit` wei that the committee owes us, from whatever round."""
    return (Collect(account, credit),) if credit else ()


def is_due(record: RoundRecord, now: int) -> bool:
    """Say whether a round's outcome is known, so that a report can be made."""
    return record.state in (RoundState.SEALED, RoundState.SETTLING) and now >= record.resolve_at


def _while_unsealed(view: RoundView) -> tuple[MemberAction, ...]:
    if view.now >= view.record.lock_until:
        # No seal is taken any more: all that is left is to return the positions.
        return _in_turn(view, view.record.lock_until, VoidRound())
    if view.seal is not None:
        return _in_turn(view, view.sealable_from, view.seal)
    return (Wait("not sealed yet"),)


def _while_sealed(view: RoundView) -> tuple[MemberAction, ...]:
    if view.now < view.record.resolve_at:
        return (*_when_absent(view), Wait("the outcome is not known yet"))
    # Before the deadline is looked at: a report that was accepted in time may still settle after it.
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


def _when_absent(view: RoundView) -> tuple[MemberAction, ...]:
    """Hand in a signature that was left out, which counts until the outcome, or call a human."""
    if view.absence is None:
        return ()
    if view.absence.signature is not None:
        return (CountSignature(view.address, view.absence.signature),)
    count = f"{view.absence.in_a_row} in a row; after {view.absence.limit} anybody may remove us"
    return (
        Alarm(f"round {view.record.round_id}: sealed without our signature, {count}", AlarmReason.ABSENT),
    )


def _attest(view: RoundView, report: Report) -> tuple[MemberAction, ...]:
    """Attest a sound report; one that is not is never adjusted to look sound."""
    if view.refusals:
        return tuple(Alarm(f"round {view.record.round_id}: not attested: {why}") for why in view.refusals)
    return (Attest(report, view.vote),)


def _in_turn(view: RoundView, since: int, *actions: MemberAction) -> tuple[MemberAction, ...]:
    """Take actions that anybody may take since a time, once our turn has come."""
    if view.now < since + view.delay:
        return (Wait("others have their turn before us"),)
    return actions


def _once_accepted(view: RoundView, proposal: ProposalRecord) -> tuple[MemberAction, ...]:
    """Do what an accepted report asks for, and show predictions before waiting: none rests on the other."""
    actions = _on_report(view, proposal)
    waiting = len(actions) - isinstance(actions[-1], Wait) if actions else 0
    return (*actions[:waiting], *_answering(view, proposal), *actions[waiting:])


def _answering(view: RoundView, proposal: ProposalRecord) -> tuple[MemberAction, ...]:
    """Show predictions that were demanded, in turn, or call a human where we cannot."""
    owed = view.owed
    if owed is None or view.now >= owed.until:
        return ()
    alarms = tuple(
        Alarm(
            f"round {view.record.round_id}: the predictions of model {each.model} were demanded, and "
            f"{each.problem}; unless somebody shows them until {owed.until} (Unix time), it is not paid",
            AlarmReason.UNANSWERED,
        )
        for each in owed.places
        if each.problem is not None
    )
    # Their owner first, who gets the deposit; then one member after the other, while there is time.
    if view.now < owed.since + min(view.delay, (owed.until - owed.since) // 2):
        return alarms
    steps: list[MemberAction] = []
    for each in owed.places:
        if each.problem is None and each.unstaged:
            steps += [StagePiece(piece, owed.until) for piece in each.unstaged]
        elif each.problem is None:
            answered = proposal.report_hash, each.place, each.model, view.address
            steps.append(AnswerDemand(*answered, owed.until))
    return (*alarms, *steps)


def _on_report(view: RoundView, proposal: ProposalRecord) -> tuple[MemberAction, ...]:
    if proposal.status in (ProposalStatus.EXPIRED, ProposalStatus.DISPROVEN):
        expire = (Expire(),) if view.bonded and proposal.open_votes else ()
        return _in_turn(view, proposal.dispute_until, *expire, VoidRound())
    # From then on the contract asks the committee no more: the round can be voided whatever report stands.
    grace_over = view.record.deadline + SETTLEMENT_GRACE
    if view.now >= grace_over and proposal.status != ProposalStatus.DISPUTED:
        return _in_turn(view, grace_over, VoidRound())
    disproving = _disproving(view, proposal)
    if view.report is None:
        waiting = Wait("a report was accepted, and we have none of our own to compare")
        return (*disproving, *_unposted(view, proposal), waiting)
    if proposal.status == ProposalStatus.DISPUTED:
        voting = _second_vote(view, view.report)
        # What cannot be sent ends the cycle: no vote must wait for a proof, and no proof for others' votes.
        waits = isinstance(voting[-1], Wait)
        return (*disproving, *voting) if waits else (*voting, *disproving)
    if proposal.report_hash != view.report.hash():
        # Where it can be proven wrong, no bond is needed.
        against = disproving or _challenge(view, proposal)
        return (_wrong_report(view, proposal.report_hash), *against, *_unposted(view, proposal))
    if proposal.awaits_evidence:
        return (*_pool_short(view, proposal, view.report), *_unposted(view, proposal, view.report))
    if not proposal.is_final(view.now):
        return (*_pool_short(view, proposal, view.report), Wait("accepted; the challenge window is open"))
    return _once_final(view, proposal, view.report)


def _unposted(
    view: RoundView, proposal: ProposalRecord, own: Report | None = None
) -> tuple[MemberAction, ...]:
    """Post our evidence of an accepted report of `own`; call a human where nobody did for a whole window."""
    until = view.evidence_until
    if until is None or not proposal.awaits_evidence:
        return ()
    if view.now >= until:
        late = f"none is taken since {until} (Unix time): its positions return whole"
        closing = _in_turn(view, until, *_closing(view, proposal))
        return (_no_evidence(view, late), *closing, Wait("its evidence was never posted"))
    alarms: tuple[Alarm, ...] = ()
    if view.now >= proposal.challenge_until:
        alarms = (_no_evidence(view, f"it is taken until {until} (Unix time)"),)
    if own is None:
        return alarms
    # The first part of its steps does not wait for it; each further one does for the part before.
    with_steps = not view.posted_parts and view.record.submissions_root != ZERO_HASH
    parts = (0, 1) if with_steps else (view.posted_parts,)
    # What one transaction does not carry is staged before.
    steps: tuple[MemberAction, ...] = tuple(PostEvidence(own, until, part) for part in parts)
    if view.unstaged:
        steps = tuple(StagePiece(piece, until) for piece in view.unstaged)
    posting = _in_turn(view, proposal.challenge_until - view.challenge_window, *steps)
    return (*alarms, *posting, Wait("accepted; its evidence is not public yet"))


def _no_evidence(view: RoundView, what_now: str) -> Alarm:
    return Alarm(
        f"round {view.record.round_id}: the accepted report is never final without its evidence, which is "
        f"not public; {what_now}",
        AlarmReason.NO_EVIDENCE,
    )


def _disproving(view: RoundView, proposal: ProposalRecord) -> tuple[MemberAction, ...]:
    """Prove the accepted report wrong: announce it first, and send the proof once that is final."""
    found = view.disproof
    disputed = proposal.status == ProposalStatus.DISPUTED
    until = proposal.dispute_until if disputed else proposal.final_from
    if found is None or view.now >= until:
        return ()
    alarm = Alarm(f"round {view.record.round_id}: {found.fault}", AlarmReason.PROVEN_WRONG)
    posted_at = proposal.final_at - view.challenge_window
    # Others may be proving it too; but whoever lies may be among them, and never send it.
    if not disputed and view.now < posted_at + min(view.delay, view.challenge_window // 2):
        return (alarm,)
    return (alarm, *_next_steps(view, found, until))


def _next_steps(view: RoundView, found: Disproof, until: int) -> tuple[MemberAction, ...]:
    """Announce a proof, then stage what one transaction does not carry, then send it."""
    if not found.is_announced:
        return (AnnounceProof(found, until),)
    if found.staging is None:
        return (ProveWrong(found, until),)
    if found.provable_from >= until:
        # Announced too late: what is staged now would be in vain.
        return ()
    if found.staging.pieces:
        return tuple(StagePiece(piece, until) for piece in found.staging.pieces)
    if found.staging.walks:
        # Each goes on from the one before it.
        return (WalkOn(found.staging.walks[0], until),)
    return (ProveWrong(found, until),) if view.now >= found.provable_from else ()


def _once_final(view: RoundView, proposal: ProposalRecord, report: Report) -> tuple[MemberAction, ...]:
    short, closing = _pool_short(view, proposal, report), _closing(view, proposal)
    since = proposal.final_from
    if short and view.now < _fundable_until(view, proposal):
        waiting = Wait("final; the pool cannot pay it yet")
        # Bonds are let go of meanwhile: they do not depend on the pool.
        return (*short, *(_in_turn(view, since, *closing) if closing else ()), waiting)
    # The settlement begins with this action, so that the wait for the operator counts from now.
    return _in_turn(view, since, *closing, BeginSettlement(report), *_remaining_chunks(view, view.now))


def _closing(view: RoundView, proposal: ProposalRecord) -> tuple[MemberAction, ...]:
    """Close the votes on a report that is final."""
    return (CloseVotes(),) if view.bonded and proposal.open_votes else ()


def _fundable_until(view: RoundView, proposal: ProposalRecord) -> int:
    # While it awaits its evidence, nobody knows: from its acceptance on, at the earliest.
    final_from = proposal.challenge_until if proposal.final_from == NEVER else proposal.final_from
    return fundable_until(final_from, view.record.deadline, view.record.funding_grace)


def _pool_short(view: RoundView, proposal: ProposalRecord, report: Report) -> tuple[Alarm, ...]:
    """Call a human from the acceptance on: a settlement pays no more than the pool holds as it begins."""
    if view.pool is None or view.pool >= report.total_payout:
        return ()
    owed, held = nmr_from_nano(report.total_payout), nmr_from_nano(view.pool)
    amounts = f"the report pays {owed:f} NMR, the pool holds {held:f} NMR"
    until = f"fund it until {_fundable_until(view, proposal)} (Unix time), or every payout is cut"
    return (Alarm(f"round {view.record.round_id}: {amounts}; {until}", AlarmReason.POOL_SHORT),)


def _challenge(view: RoundView, proposal: ProposalRecord) -> tuple[MemberAction, ...]:
    """Dispute a report while it can be disputed, where policy allows it, and where ours is sound."""
    in_time = proposal.status == ProposalStatus.ACCEPTED and view.now < proposal.challenge_until
    # A report to which we would not put our name is no ground to dispute another.
    if not (in_time and view.challenging.allowed) or view.refusals:
        return ()
    return (*map(ApproveBond, view.challenging.approve), Challenge())


def _second_vote(view: RoundView, report: Report) -> tuple[MemberAction, ...]:
    """Vote once more on a disputed report, by what we computed."""
    if view.vote == report.hash():
        return (Wait("disputed; attested once more, waiting for the quorum"),)
    return _attest(view, report)


def _while_settling(view: RoundView) -> tuple[MemberAction, ...]:
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


def _remaining_chunks(view: RoundView, began_at: int) -> tuple[MemberAction, ...]:
    """Settle the chunks that are left, the one locked last first, as the contract pops them.

    While another round is to be locked soon, they are left to its operator, for a set time at most.
    """
    until = began_at + view.roll_wait
    if view.now < until and any(_is_locked_before(until, other, view.now) for other in view.locking):
        return (Wait(f"chunks are left to the operator, who locks another round, until {until}"),)
    return tuple(SettleChunk(index) for index in reversed(range(view.chunks_left)))


def _is_locked_before(until: int, other: RoundRecord, now: int) -> bool:
    """Say whether another round can be locked now, or from some time before `until`."""
    return other.is_lockable and other.close_at < until and now < other.lock_until


def _wrong_report(view: RoundView, accepted: bytes) -> Alarm:
    own = "none" if view.report is None else "0x" + view.report.hash().hex()
    return Alarm(
        f"round {view.record.round_id}: the committee accepted the report 0x{accepted.hex()}, "
        f"we computed {own}"
    )
