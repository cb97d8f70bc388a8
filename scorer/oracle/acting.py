"""Carries out what was decided for a round, where other endpoints confirm what our name or bond rests on."""

from dataclasses import dataclass

from scorer.chain.records import ProposalStatus
from scorer.oracle.actions import Alarm, MemberAction, Wait
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.cache import MemberCache
from scorer.oracle.calls import FROM_OWN_ACCOUNT, ONLY_MEMBERS, Calls, business_key, latest_time
from scorer.oracle.context import CycleContext
from scorer.oracle.objections import objection
from scorer.oracle.sending import DRY_RUN, Outcome, Sending, send
from scorer.oracle.view import RoundView
from scorer.transactions.request import TransactionRequest


@dataclass
class Actor:
    """Acts as one member for one cycle.

    Attributes
    ----------
    address
        Our own.
    """

    context: CycleContext
    address: str
    cache: MemberCache
    raise_alarm: RaiseAlarm

    def act(self, view: RoundView, calls: Calls, action: MemberAction) -> Outcome:
        """Carry out one action; with our name or bond at stake, only what other endpoints confirm."""
        if isinstance(action, Alarm):
            self.raise_alarm(action.reason, action.detail)
            return Outcome(action.detail, goes_on=True)
        if isinstance(action, Wait):
            return Outcome(action.reason, goes_on=False)
        if isinstance(action, ONLY_MEMBERS):
            problem = objection(self.context, view, self.address, calls.bundle, self.cache.confirmed)
            if problem is not None:
                # It may be our endpoint that is wrong, and with it what we remember.
                self.cache.forget(view.record.round_id)
                self.cache.forget_confirmations(view.record.round_id)
                self.raise_alarm(AlarmReason.ENDPOINTS_DISAGREE, problem)
                return Outcome(f"not done: {problem}", goes_on=False)
        status = ProposalStatus.NONE if view.proposal is None else view.proposal.status
        return self.send(calls, action, status, latest_time(action, view.record, view.proposal))

    def send(
        self,
        calls: Calls,
        action: MemberAction,
        status: ProposalStatus = ProposalStatus.NONE,
        not_after: int | None = None,
    ) -> Outcome:
        """Send an action's call, from our account or from the relay's; a dry run goes on without."""
        own, relay = self.context.sender, self.context.relay
        sender = own if isinstance(action, FROM_OWN_ACCOUNT) else relay or own
        if sender is None:
            return Outcome(DRY_RUN, goes_on=True)
        known_at = self.context.block.number
        request = TransactionRequest.of(
            calls.of(action),
            business_key(self.context.suite, calls.round_id, action, status),
            not_after=not_after,
            known_at=known_at,
            spare_gas=calls.spare_gas(action, known_at),
        )
        what = f"round {calls.round_id}, {type(action).__name__}"
        return send(sender, Sending(what, request), self.raise_alarm)
