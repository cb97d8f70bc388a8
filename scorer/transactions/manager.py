"""Sends every request exactly once, whatever happens to the process, the network or the chain.

A thin edge around the state machine of `scorer.transactions.state_machine`: it shows the machine the state of
the chain, does what the machine answers, and commits to the journal before it acts.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from scorer.chain.fees import FeePolicy, GasMarket
from scorer.chain.rpc_errors import Answer
from scorer.failpoints import reach
from scorer.transactions.alarms import AlarmCallback, ignore_alarm
from scorer.transactions.intents import OPEN, Attempt, Call, Intent, IntentState, Mined
from scorer.transactions.journal import Journal
from scorer.transactions.node import ChainNode
from scorer.transactions.request import GAS_MARGIN, Delivery, Reverted, TransactionRequest
from scorer.transactions.signers import MessageSigner, Signer, SignerError
from scorer.transactions.state_machine import (
    ALARMING,
    CANCEL_GAS,
    Broadcast,
    BumpSchedule,
    ChainView,
    Hold,
    SetState,
    Sign,
    Step,
    StopReason,
    next_step,
    refusal_after,
)

# Bounds a pass, whatever nodes answer; the next pass goes on from there.
STEPS_A_PASS: Final = 64
POLL: Final = 0.5
"""Seconds between two looks at the chain."""
MOST_FAILURES: Final = 3
"""Reverted transactions of one key, after which no more are sent: each costs gas."""


@dataclass(frozen=True)
class TransactionManager:
    """One account that signs and sends, with a journal.

    Attributes
    ----------
    bumps
        When a bid that waits is raised.
    most_gas
        No transaction asks for more gas.
    longest
        Seconds that `deliver` waits for a block.
    poll
        Seconds between two looks at the chain.
    alarm
        Takes the name of a `StopReason` or an `IntentState`, and the detail, when a human must look.
    reported
        Reasons that are in the journal's log already, by key.
    """

    journal: Journal
    node: ChainNode
    signer: Signer
    chain_id: int
    fees: FeePolicy = field(default_factory=FeePolicy)
    bumps: BumpSchedule = field(default_factory=BumpSchedule)
    most_gas: int = 30_000_000
    longest: float = 120.0
    poll: float = field(default_factory=lambda: POLL)
    sleep: Callable[[float], None] = time.sleep
    alarm: AlarmCallback = ignore_alarm
    reported: set[tuple[str, StopReason]] = field(default_factory=set)

    @property
    def address(self) -> str:
        """The account's checksummed address."""
        return self.signer.address

    def sign_message(self, message: bytes) -> bytes:
        """Sign the Keccak-256 of a message; 65 bytes with a v of 27 or 28.

        Raises
        ------
        SignerError
            When the signer fails, or only signs transactions.
        """
        if not isinstance(self.signer, MessageSigner):
            raise SignerError(f"{self.address}: expected a signer of messages, found one of transactions")
        return self.signer.sign_message(message)

    def budget(self) -> int:
        """Return the gas that one transaction may use now."""
        return self.fees.most_gas(self.node.head().market, self.most_gas)

    def pump(self) -> list[Intent]:
        """Bring everything that is signed and not finished one pass further, lowest nonce first."""
        self._fill_gap()
        return [self._run(intent)[0] for intent in self.journal.open_intents(self.address)]

    def deliver(self, request: TransactionRequest) -> Delivery:
        """Execute a request, unless it is done or under way, and wait a while until it is mined.

        Where another call of the same key is under way, that one is waited for, and this one is not done:
        its caller must plan anew.

        Raises
        ------
        Reverted
            When it reverts on the latest state: nothing was signed.
        """
        before = self.journal.latest(request.key)
        # Another key signed it: from this account the same call would be a second one, which the chain would
        # execute too.
        if before is not None and before.state in OPEN and before.account != self.address:
            return Delivery(None, StopReason.WAITING, f"another account, {before.account}, has it under way")
        if before is not None and before.state in OPEN:
            return _for(request, self._await(before))
        # The caller read a state from before the end of this one, and so asks for what may be done already.
        if before is not None and (before.finished_at or 0) > request.known_at:
            note = f"{before.state}, and not yet in the state that was read"
            return _for(request, Delivery(before, None, note))
        if self._failed_too_often(request):
            note = f"reverted {MOST_FAILURES} times in its block; given up"
            return self._refused(request, StopReason.REFUSED, note)
        # One at a time: a later nonce would wait behind the open one, and be mined in a state nobody read.
        waiting = [intent for intent in self.pump() if intent.state == IntentState.SENT]
        if waiting:
            note = f"{waiting[0].key} has nonce {waiting[0].nonce} and waits"
            return Delivery(None, StopReason.WAITING, note)
        return self._begin(request)

    def _fill_gap(self) -> None:
        """Use up a nonce that ours wait for and nobody uses.

        A foreign transaction that used it, signed with our key, was reorganised away. Should it come back,
        our empty one is displaced, which does no harm. The same gap is left by an endpoint that counted
        transactions that never existed: the intent that was displaced by one of those is reopened and
        cancelled, unless it is mined before.
        """
        waiting = self.journal.open_intents(self.address)
        if not waiting or waiting[0].nonce is None:
            return
        head = self.node.head()
        used, _ = self.node.nonces(self.address, head.finalised)
        signed_at = self.journal.attempts(waiting[0])[-1].signed_at
        # Right after a signature, the gap may be no more than a node that lags.
        is_recent = head.timestamp - signed_at < self.bumps.first
        holder = self.journal.holder(self.address, used)
        is_held = holder is not None and holder.state != IntentState.DISPLACED
        if used >= waiting[0].nonce or is_recent or is_held:
            return
        self.alarm(
            StopReason.FOREIGN_NONCE.name, f"nonce {used} is nobody's, and {waiting[0].key} waits for it"
        )
        if holder is not None:
            self.journal.recall(holder)
            return
        call = Call(self.address, b"", CANCEL_GAS)
        intent = self.journal.plan(f"gap:{self.address}:{used}", self.address, call, None)
        bid = self.fees.bid(head.market)
        if bid is not None:
            self._sign(intent, Sign(used, bid), head.timestamp)

    def _begin(self, request: TransactionRequest) -> Delivery:
        gas = self._estimate(request.to, request.data)
        head = self.node.head()
        # Asked after the estimate, which can take long: what counts is the time right before the signature.
        if request.not_after is not None and head.timestamp >= request.not_after:
            return Delivery(None, StopReason.FINISHED, "too late: its time passed before it was signed")
        reach("tried", request.key)
        if gas > self.most_gas:
            note = f"takes {gas} gas, more than {self.most_gas}"
            return self._refused(request, StopReason.REFUSED, note)
        call = Call(request.to, request.data, self._with_spare(gas, request.spare_gas, head.market))
        intent = self.journal.plan(request.key, self.address, call, request.not_after)
        reach("planned", request.key)
        return self._await(intent)

    def _estimate(self, to: str, data: bytes) -> int:
        return int(self.node.estimate(self.address, to, data) * GAS_MARGIN)

    def _with_spare(self, gas: int, spare: int, market: GasMarket) -> int:
        """Add spare gas, as far as one transaction may use it here. Unused gas is not paid."""
        return max(gas, min(gas + spare, self.fees.most_gas(market, self.most_gas)))

    def _with_enough_gas(self, intent: Intent) -> Intent | None:
        """Raise the gas limit to what the call takes now; None when it would revert, or takes too much."""
        before = intent.call
        try:
            estimate = self._estimate(before.to, before.data)
        except Reverted:
            return None
        # A node refused the limit though the estimate is no higher: it counts otherwise, so another estimate
        # would not help.
        gas = estimate if estimate > before.gas else 2 * before.gas
        return replace(intent, call=replace(before, gas=gas)) if gas <= self.most_gas else None

    def _failed_too_often(self, request: TransactionRequest) -> bool:
        generations = self.journal.generations(request.key)
        return sum(intent.state == IntentState.FAILED for intent in generations) >= MOST_FAILURES

    def _refused(self, request: TransactionRequest, why: StopReason, note: str) -> Delivery:
        self.alarm(why.name, f"{request.key}: {note}")
        return Delivery(None, why, note)

    def _await(self, intent: Intent) -> Delivery:
        """Run pass after pass until the intent is mined, cannot go on, or has taken too long."""
        until = time.monotonic() + self.longest
        while True:
            intent, why = self._run(intent)
            if why != StopReason.WAITING or time.monotonic() >= until:
                return Delivery(intent, why, _note(intent, why))
            self.sleep(self.poll)
            self._run_before(intent)

    def _run_before(self, intent: Intent) -> None:
        """Bring what has a lower nonce further: where a reorganisation dropped it, this one waits for it."""
        for other in self.journal.open_intents(self.address):
            if intent.nonce is not None and other.nonce is not None and other.nonce < intent.nonce:
                self._run(other)

    def _run(self, intent: Intent) -> tuple[Intent, StopReason]:
        """Take steps until the state machine has nothing to do now."""
        # The state machine sends what is not in here once more: without it, a pass would send for ever.
        sent: set[bytes] = set()
        for _ in range(STEPS_A_PASS):
            attempts = self.journal.attempts(intent)
            view = self._view(intent, attempts)
            step = next_step(intent, attempts, view, self.fees, sent, self.bumps)
            if isinstance(step, Hold):
                self._report(intent, step.why, view)
                return intent, step.why
            intent = self._do(intent, step, view, sent)
        return intent, StopReason.WAITING

    def _do(self, intent: Intent, step: Step, view: ChainView, sent: set[bytes]) -> Intent:
        match step:
            case Sign():
                return self._sign(intent, step, view.now)
            case Broadcast(attempt):
                sent.add(attempt.hash)
                self._broadcast(intent, attempt)
                return intent
            case SetState(state, mined):
                return self._set_state(intent, state, mined, view)
            case _:
                return intent

    def _sign(self, intent: Intent, step: Sign, now: int) -> Intent:
        if step.estimates:
            enough = self._with_enough_gas(intent)
            # What would revert by now, or takes too much, is cancelled: its nonce must be used, as later ones
            # wait for it.
            intent, step = enough or intent, replace(step, cancels=enough is None)
        call = Call(self.address, b"", CANCEL_GAS) if step.cancels else intent.call
        signed = self.signer.sign(
            {
                "chainId": self.chain_id,
                "nonce": step.nonce,
                "to": call.to,
                "data": call.data,
                "value": call.value,
                "gas": call.gas,
                **step.bid.fields(),
            }
        )
        # NOT_SENT until a node was asked: what no pool can hold needs no higher bid to replace it.
        attempt = Attempt(signed.hash, signed.raw, step.bid, step.cancels, now, Answer.NOT_SENT)
        reach("before-sign-commit", intent.key)
        # Committed before any node sees the bytes. After a crash the same bytes are sent, and no second
        # transaction is signed.
        intent = self.journal.sign(intent, step.nonce, attempt)
        reach("signed", intent.key)
        return intent

    def _broadcast(self, intent: Intent, attempt: Attempt) -> None:
        reach("before-broadcast", intent.key)
        reply = self.node.broadcast(attempt.raw)
        reach("broadcast", intent.key)
        refusal = refusal_after(attempt, reply.answer)
        if refusal != attempt.refusal or reply.least_tip != attempt.least_tip:
            self.journal.answered(attempt, refusal, reply.least_tip)
        reach("broadcast-recorded", intent.key)

    def _set_state(self, intent: Intent, state: IntentState, mined: Mined | None, view: ChainView) -> Intent:
        what = "mined" if state in OPEN else "final"
        reach(f"{what}-seen", intent.key)
        after = self.journal.become(intent, state, mined, view.finalised)
        reach(f"{what}-recorded", intent.key)
        if state in _BAD_ENDS:
            self.journal.log(view.now, state.value, f"{intent.key} nonce {intent.nonce}")
            self.alarm(state.name, f"{intent.key}: {_BAD_ENDS[state]}, nonce {intent.nonce}")
        return after

    def _view(self, intent: Intent, attempts: Sequence[Attempt]) -> ChainView:
        head = self.node.head()
        used, used_finally = self.node.nonces(self.address, head.finalised)
        # Of all attempts: a block can hold any of them, also one that was outbid.
        receipts = [self.node.mined(attempt.hash) for attempt in attempts]
        return ChainView(
            now=head.timestamp,
            market=head.market,
            used=used,
            used_finally=used_finally,
            # An attempt of ours may be lost to every pool and still be sent again: its nonce is not free.
            free_nonce=max(used, self.journal.next_nonce(self.address)),
            finalised=head.finalised,
            mined=tuple(receipt for receipt in receipts if receipt is not None),
            is_first=intent.nonce is None or intent.nonce <= used,
        )

    def _report(self, intent: Intent, why: StopReason, view: ChainView) -> None:
        """Raise an alarm as long as its reason lasts, and log it once."""
        if why not in ALARMING:
            return
        self.alarm(why.name, f"{intent.key}: {why.value}")
        if (intent.key, why) not in self.reported:
            self.reported.add((intent.key, why))
            self.journal.log(view.now, why.name, f"{intent.key} nonce {intent.nonce}")


_BAD_ENDS: Final = {
    IntentState.DISPLACED: "a transaction that is not ours took the nonce; who else has the key?",
    IntentState.FAILED: "reverted in its block",
}


def _for(request: TransactionRequest, earlier: Delivery) -> Delivery:
    """Return an earlier delivery as the request's own, unless it was of another call of the same key."""
    intent = earlier.intent
    if intent is None or (intent.call.to, intent.call.data) == (request.to, request.data):
        return earlier
    return Delivery(None, earlier.why, f"not done: another call of this key came first ({earlier.note})")


def _note(intent: Intent, why: StopReason) -> str:
    if intent.state in (IntentState.MINED, IntentState.FINAL) and intent.ok:
        return f"block {intent.block}, {intent.gas_used} gas"
    return f"{intent.state}: {why.value}"
