"""Sends every act exactly once, whatever happens to the process, the network or the chain.

A thin edge around the state machine of `scorer.transactions.attempts`: it shows the machine what the
chain says, does what the machine answers, and commits before it acts.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from web3.contract.contract import ContractFunction

from scorer.chain.fees import FeePolicy, GasMarket
from scorer.chain.rpc_errors import Answer
from scorer.failpoints import reach
from scorer.transactions.attempts import (
    ALARMING,
    OPEN,
    Attempt,
    Broadcast,
    BumpSchedule,
    Call,
    ChainView,
    Hold,
    Intent,
    Mined,
    SetState,
    Sign,
    State,
    Step,
    StopReason,
    next_step,
    refusal_after,
)
from scorer.transactions.journal import Journal
from scorer.transactions.sender import CallResult, Reverted
from scorer.transactions.signers import MessageSigner, Signer, SignerError

GAS_MARGIN: Final = 1.25
"""Estimates are made on a state that may change before the transaction is mined."""
STEPS_A_PASS: Final = 64
CANCEL_GAS: Final = 21_000
MOST_FAILURES: Final = 3


@dataclass(frozen=True)
class Head:
    """The newest block and the newest finalised one, as one endpoint tells them. Times in Unix seconds."""

    latest: int
    timestamp: int
    market: GasMarket
    finalised: int


@dataclass(frozen=True)
class BroadcastReply:
    """What a node said to signed bytes; `least_tip` where it asked for one, wei of gas."""

    answer: Answer
    least_tip: int = 0


class ChainNode(Protocol):
    """What the outbox needs of a chain, all of it from one endpoint at a time."""

    def head(self) -> Head:
        """The newest blocks, and what gas costs."""
        ...

    def nonces(self, address: str, finalised: int) -> tuple[int, int]:
        """How many nonces an account used, at the latest and at the finalised block."""
        ...

    def mined(self, tx_hash: bytes) -> Mined | None:
        """A transaction's receipt, if the block it names is canonical."""
        ...

    def broadcast(self, raw: bytes) -> BroadcastReply:
        """Send signed bytes; never raises."""
        ...

    def estimate(self, sender: str, to: str, data: bytes) -> int:
        """Try a call on the latest state, and say what gas it takes.

        Raises
        ------
        scorer.transactions.sender.Reverted
            When it reverts.
        """
        ...


@dataclass(frozen=True)
class TransactionRequest:
    """What is to be done, and how often: once for each key.

    Attributes
    ----------
    key
        Its business meaning, unique on this chain.
    not_after
        Chain time after which it must not happen any more; None: never.
    known_at
        The finalised block whose state asked for it. An earlier act of the same key that was finished by
        then has been taken into account: this one is another.
    spare_gas
        On top of the estimate: what it may take beyond that where others' acts come first in its block.
    """

    key: str
    to: str
    data: bytes
    not_after: int | None = None
    known_at: int = 0
    spare_gas: int = 0


@dataclass(frozen=True)
class Delivery:
    """What became of an act."""

    intent: Intent | None
    why: StopReason | None
    note: str

    @property
    def is_mined(self) -> bool:
        """Whether it was executed, finally or not."""
        return self.intent is not None and (
            self.intent.state == State.FINAL or (self.intent.state == State.MINED and bool(self.intent.ok))
        )


def _ignore(_kind: str, _detail: str) -> None:
    return


@dataclass(frozen=True)
class TransactionManager:
    """One account that signs and sends, with a journal.

    Attributes
    ----------
    longest
        Seconds that `deliver` waits for a block.
    most_gas
        No transaction asks for more.
    alarm
        Told the kind and the detail of what a human must know.
    """

    journal: Journal
    node: ChainNode
    signer: Signer
    chain_id: int
    fees: FeePolicy = field(default_factory=FeePolicy)
    patience: BumpSchedule = field(default_factory=BumpSchedule)
    most_gas: int = 30_000_000
    longest: float = 120.0
    poll: float = 0.5
    sleep: Callable[[float], None] = time.sleep
    alarm: Callable[[str, str], None] = _ignore
    told: set[tuple[str, StopReason]] = field(default_factory=set)

    @property
    def address(self) -> str:
        """The account's checksummed address."""
        return self.signer.address

    def sign_message(self, message: bytes) -> bytes:
        """Sign the Keccak-256 of a message; 65 bytes with a v of 27 or 28.

        Raises
        ------
        SignerError
            When the signer does not, or only signs transactions.
        """
        if not isinstance(self.signer, MessageSigner):
            raise SignerError(f"{self.address}: expected a signer of messages, found one of transactions")
        return self.signer.sign_message(message)

    def budget(self) -> int:
        """The gas that one transaction may take here and now."""
        return self.fees.most_gas(self.node.head().market, self.most_gas)

    def pump(self) -> list[Intent]:
        """Bring everything that was signed and is not finished one pass further, lowest nonce first."""
        self._fill_gap()
        return [self._pass(intent) for intent in self.journal.open_intents(self.address)]

    def _fill_gap(self) -> None:
        """Use up a nonce that ours wait for and nobody uses: that of a foreign transaction that is gone.

        It happens when somebody else with our key is reorganised away. Should theirs come back, ours is
        displaced, which does no harm: it is empty. It happens too when an endpoint counted transactions that
        never were: what was displaced for one of those is taken up again, to be cancelled, unless it is mined
        before.
        """
        waiting = self.journal.open_intents(self.address)
        if not waiting or waiting[0].nonce is None:
            return
        head = self.node.head()
        used, _ = self.node.nonces(self.address, head.finalised)
        since = self.journal.attempts(waiting[0])[-1].signed_at
        is_patient = head.timestamp - since < self.patience.first
        holder = self.journal.holder(self.address, used)
        is_held = holder is not None and holder.state != State.DISPLACED
        if used >= waiting[0].nonce or is_patient or is_held:
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

    def deliver(self, act: TransactionRequest) -> Delivery:
        """Do an act, unless it is done or under way, and wait a while until it is mined.

        Where another call of the same key is under way, that one is waited for, and this one is not done:
        what follows must be planned anew.

        Raises
        ------
        scorer.transactions.sender.Reverted
            When it reverts on the latest state: nothing was signed.
        """
        before = self.journal.latest(act.key)
        if before is not None and before.state in OPEN and before.account != self.address:
            return Delivery(None, StopReason.WAITING, f"another account, {before.account}, has it under way")
        if before is not None and before.state in OPEN:
            return _of(act, self._await(before))
        if before is not None and (before.finished_at or 0) > act.known_at:
            return _of(act, Delivery(before, None, f"{before.state}, and not yet in the state that was read"))
        if self._failed_too_often(act):
            return self._refused(
                act, StopReason.REFUSED, f"reverted {MOST_FAILURES} times in its block; given up"
            )
        waiting = [i for i in self.pump() if i.state == State.SENT]
        if waiting:
            return Delivery(
                None, StopReason.WAITING, f"{waiting[0].key} has nonce {waiting[0].nonce} and waits"
            )
        return self._begin(act)

    def carry_out(
        self, call: ContractFunction, key: str, not_after: int | None, known_at: int, spare_gas: int = 0
    ) -> CallResult:
        """Deliver a contract's call as an act; what follows it waits until it is mined."""
        data = bytes.fromhex(str(call._encode_transaction_data()).removeprefix("0x"))  # noqa: SLF001
        delivery = self.deliver(
            TransactionRequest(key, str(call.address), data, not_after, known_at, spare_gas)
        )
        return CallResult(delivery.note, delivery.is_mined)

    def _begin(self, act: TransactionRequest) -> Delivery:
        gas = self._estimate(act.to, act.data)
        head = self.node.head()
        if act.not_after is not None and head.timestamp >= act.not_after:
            return Delivery(None, StopReason.FINISHED, "too late: its time passed before it was signed")
        reach("tried", act.key)
        if gas > self.most_gas:
            return self._refused(act, StopReason.REFUSED, f"takes {gas} gas, more than {self.most_gas}")
        call = Call(act.to, act.data, self._with_spare(gas, act.spare_gas, head.market))
        intent = self.journal.plan(act.key, self.address, call, act.not_after)
        reach("planned", act.key)
        return self._await(intent)

    def _estimate(self, to: str, data: bytes) -> int:
        return int(self.node.estimate(self.address, to, data) * GAS_MARGIN)

    def _with_spare(self, gas: int, spare: int, market: GasMarket) -> int:
        """As much more as one transaction may take here. What is not used is not paid."""
        return max(gas, min(gas + spare, self.fees.most_gas(market, self.most_gas)))

    def _with_enough_gas(self, intent: Intent) -> Intent | None:
        """With a higher gas limit, as the chain is now; None when it would revert, or takes too much."""
        before = intent.call
        try:
            estimate = self._estimate(before.to, before.data)
        except Reverted:
            return None
        gas = estimate if estimate > before.gas else 2 * before.gas
        return replace(intent, call=replace(before, gas=gas)) if gas <= self.most_gas else None

    def _failed_too_often(self, act: TransactionRequest) -> bool:
        """A revert undoes itself, so trying again does no harm; but not for ever, for it costs gas."""
        failed = [each for each in self.journal.generations(act.key) if each.state == State.FAILED]
        return len(failed) >= MOST_FAILURES

    def _refused(self, act: TransactionRequest, why: StopReason, note: str) -> Delivery:
        self.alarm(why.name, f"{act.key}: {note}")
        return Delivery(None, why, note)

    def _await(self, intent: Intent) -> Delivery:
        """Pass after pass until it is mined, cannot go on, or has taken too long."""
        until = time.monotonic() + self.longest
        while True:
            intent, why = self._run(intent)
            if why != StopReason.WAITING or time.monotonic() >= until:
                return Delivery(intent, why, _note(intent, why))
            self.sleep(self.poll)

    def _pass(self, intent: Intent) -> Intent:
        return self._run(intent)[0]

    def _run(self, intent: Intent) -> tuple[Intent, StopReason]:
        """Steps until the machine says that there is nothing to do now."""
        sent: set[bytes] = set()
        for _ in range(STEPS_A_PASS):
            attempts = self.journal.attempts(intent)
            seen = self._sight(intent, attempts)
            step = next_step(intent, attempts, seen, self.fees, sent, self.patience)
            if isinstance(step, Hold):
                self._tell(intent, step.why, seen)
                return intent, step.why
            intent = self._do(intent, step, seen, sent)
        return intent, StopReason.WAITING

    def _do(self, intent: Intent, step: Step, seen: ChainView, sent: set[bytes]) -> Intent:
        match step:
            case Sign():
                return self._sign(intent, step, seen.now)
            case Broadcast(attempt):
                sent.add(attempt.hash)
                self._broadcast(intent, attempt)
                return intent
            case SetState(state, mined):
                return self._become(intent, state, mined, seen)
            case _:
                return intent

    def _sign(self, intent: Intent, step: Sign, now: int) -> Intent:
        if step.estimates:
            enough = self._with_enough_gas(intent)
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
        attempt = Attempt(signed.hash, signed.raw, step.bid, step.cancels, now, Answer.NOT_SENT)
        reach("before-sign-commit", intent.key)
        intent = self.journal.sign(intent, step.nonce, attempt)
        reach("signed", intent.key)
        return intent

    def _broadcast(self, intent: Intent, attempt: Attempt) -> None:
        reach("before-broadcast", intent.key)
        sent = self.node.broadcast(attempt.raw)
        reach("broadcast", intent.key)
        refusal = refusal_after(attempt, sent.answer)
        if refusal != attempt.refusal or sent.least_tip != attempt.least_tip:
            self.journal.answered(attempt, refusal, sent.least_tip)
        reach("broadcast-recorded", intent.key)

    def _become(self, intent: Intent, state: State, mined: Mined | None, seen: ChainView) -> Intent:
        what = "mined" if state in OPEN else "final"
        reach(f"{what}-seen", intent.key)
        after = self.journal.become(intent, state, mined, seen.finalised)
        reach(f"{what}-recorded", intent.key)
        if state in _END:
            self.journal.log(seen.now, state.value, f"{intent.key} nonce {intent.nonce}")
            self.alarm(state.name, f"{intent.key}: {_END[state]}, nonce {intent.nonce}")
        return after

    def _sight(self, intent: Intent, attempts: Sequence[Attempt]) -> ChainView:
        head = self.node.head()
        used, used_finally = self.node.nonces(self.address, head.finalised)
        found = [self.node.mined(attempt.hash) for attempt in attempts]
        return ChainView(
            now=head.timestamp,
            market=head.market,
            used=used,
            used_finally=used_finally,
            free_nonce=max(used, self.journal.next_nonce(self.address)),
            finalised=head.finalised,
            mined=tuple(each for each in found if each is not None),
            is_first=intent.nonce is None or intent.nonce <= used,
        )

    def _tell(self, intent: Intent, why: StopReason, seen: ChainView) -> None:
        """Raise an alarm while it lasts, and put it on record once."""
        if why not in ALARMING:
            return
        self.alarm(why.name, f"{intent.key}: {why.value}")
        if (intent.key, why) not in self.told:
            self.told.add((intent.key, why))
            self.journal.log(seen.now, why.name, f"{intent.key} nonce {intent.nonce}")


_END: Final = {
    State.DISPLACED: "a transaction that is not ours took the nonce; who else has the key?",
    State.FAILED: "reverted in its block",
}


def _of(act: TransactionRequest, earlier: Delivery) -> Delivery:
    """What became of an earlier intent, if it was this act; nothing of it where its call was another."""
    intent = earlier.intent
    if intent is None or (intent.call.to, intent.call.data) == (act.to, act.data):
        return earlier
    return Delivery(None, earlier.why, f"not done: another call of this key came first ({earlier.note})")


def _note(intent: Intent, why: StopReason) -> str:
    if intent.state in (State.MINED, State.FINAL) and intent.ok:
        return f"block {intent.block}, {intent.gas_used} gas"
    return f"{intent.state}: {why.value}"
