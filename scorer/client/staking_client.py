"""Sends a person's transactions, each exactly once, and reports their outcome.

The journal lies beside the keystore, one for each chain. A command that was interrupted leaves its
transaction there: the next one finishes it before anything else, and if it is the same, nothing more is sent.
A transaction is acknowledged only once it was reported (`StakingClient.acknowledge`): a second report does no
harm, a second transaction does.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import TransactionNotFound
from web3.logs import DISCARD
from web3.types import TxReceipt

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import LOCAL_CHAIN_ID
from scorer.chain.errors import EndpointError
from scorer.chain.fees import GWEI
from scorer.client.actions import TransactionPlan
from scorer.client.keystore import Wallet
from scorer.client.quotes import CostEstimate, GasEstimate, NodeWithHeadroom, QuotedNode, fees_of, with_room
from scorer.errors import CupelError
from scorer.failpoints import reach
from scorer.transactions.alarms import AlarmCallback
from scorer.transactions.intents import Attempt, Intent, IntentState
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.request import Delivery, RequestKey, Reverted, TransactionRequest
from scorer.transactions.state_machine import StopReason

_TOO_EXPENSIVE: Final = frozenset({StopReason.CEILING, StopReason.FEE_CAP})


class NotMined(CupelError):
    """A transaction is signed, and not mined yet or not as meant; the message says what to do."""


@dataclass(frozen=True)
class ExecutedTransaction:
    """A transaction that was executed.

    Attributes
    ----------
    key
        Its key in the journal.
    cost
        Wei.
    model_id
        The model that it registered.
    was_earlier
        True where an earlier command signed it.
    """

    key: RequestKey
    title: str
    transaction: str
    block: int
    gas: int
    cost: int
    model_id: int | None = None
    was_earlier: bool = False

    @property
    def meaning(self) -> str:
        """The meaning of the planned transaction that asked for it."""
        return self.key.meaning


@dataclass(frozen=True)
class StakingClient:
    """One account at one chain, with its journal."""

    suite: Suite
    manager: TransactionManager

    @property
    def journal(self) -> Journal:
        """The record of what was signed."""
        return self.manager.journal

    def finish(self, agree: Callable[[str, int], None] | None = None) -> Iterator[ExecutedTransaction]:
        """Finish what earlier commands left, one by one; yields what was executed and not acknowledged.

        Parameters
        ----------
        agree
            Called with a title and a price in wei where more must be paid than was agreed to; raises where
            nobody agrees. Without it no more is paid.

        Raises
        ------
        NotMined
            When it is still on its way.
        """
        # A list, as delivering changes what the journal holds.
        for intent, key in list(_unacknowledged(self.journal, self.manager.address)):
            call = intent.call
            title = self.journal.numbered(_unnumbered(key)).title or intent.key
            request = TransactionRequest(intent.key, call.to, call.data, intent.not_after)
            delivery = self._deliver(request, self._as_agreed(key))
            if delivery.why in _TOO_EXPENSIVE and delivery.intent is not None and agree is not None:
                ceiling = self._needed(delivery.intent)
                agree(title, call.gas * ceiling)
                self._record(key, ceiling=ceiling)
                delivery = self._deliver(request, self._as_agreed(key))
            done = self._done(key, title, delivery, was_earlier=True)
            if done is not None:
                yield done

    def acknowledge(self, done: ExecutedTransaction) -> None:
        """Record that a transaction was reported: an equal one is another one from now on."""
        reach("acknowledging", str(done.key))
        self._count(done.key)

    def perform(
        self, plan: TransactionPlan, agreed: CostEstimate | None = None
    ) -> Iterator[ExecutedTransaction]:
        """Send a plan's transactions, each once the one before it is mined; see `acknowledge`.

        Parameters
        ----------
        agreed
            The highest cost that may be signed. Without it the fee policy alone decides.

        Raises
        ------
        scorer.transactions.request.Reverted
            When a step would revert: nothing was sent; or when it did, in its block.
        NotMined
            When it is not mined for long, its time passed, or it costs more than was agreed to.
        """
        prices = [None] * len(plan.steps) if agreed is None else agreed.prices
        for step, price in zip(plan.steps, prices, strict=True):
            key = self._next_key(step.meaning)
            # Before it is signed: a later command that finishes it can name it.
            self._record(key, title=step.title)
            if step.ready is not None:
                step.ready()
            request = TransactionRequest.of(step.final, key, not_after=step.not_after)
            try:
                delivery = self._deliver(request, self._agreed(key, agreed, price))
            except Reverted as error:
                raise _named(step.title, error) from None
            done = self._done(key, step.title, delivery, was_earlier=False)
            if done is None:
                raise NotMined(f"{step.title}: its time passed before it was mined, and it was taken back")
            yield done

    def foreign(self) -> int:
        """Count the waiting transactions that another wallet sent for the account, as far as they are shown.

        A transaction that is signed here would take the place of one of them, or wait behind it.
        """
        account = Web3.to_checksum_address(self.manager.address)
        counted = self.suite.w3.eth.get_transaction_count
        try:
            waiting = int(counted(account, "pending"))
        except EndpointError:
            return 0  # not every endpoint serves the pending block
        ours = self.journal.next_nonce(self.manager.address)
        return max(0, waiting - max(int(counted(account, "latest")), ours))

    def _agreed(
        self, key: RequestKey, agreed: CostEstimate | None, price: GasEstimate | None
    ) -> TransactionManager:
        """Return a manager that signs nothing that could cost more than was agreed to."""
        if agreed is None or price is None:
            return self.manager
        self._record(key, ceiling=agreed.ceiling)
        caps = [price.limit * agreed.ceiling, self.manager.fees.transaction_cap]
        fees = replace(
            self.manager.fees,
            ceiling=min(agreed.ceiling, self.manager.fees.ceiling),
            transaction_cap=min(cap for cap in caps if cap is not None),
        )
        node, most_gas = QuotedNode(self.manager.node, price.roomy), min(price.limit, self.manager.most_gas)
        return replace(self.manager, node=node, fees=fees, most_gas=most_gas)

    def _as_agreed(self, key: RequestKey) -> TransactionManager:
        """Return a manager for what is signed already, which bids no more than was agreed to."""
        ceiling = self.journal.numbered(_unnumbered(key)).ceiling
        if ceiling is None:
            return self.manager
        fees = replace(self.manager.fees, ceiling=min(ceiling, self.manager.fees.ceiling))
        return replace(self.manager, fees=fees)

    def _needed(self, intent: Intent) -> int:
        """Return the fee cap at which an intent goes on now, wei per gas."""
        last, market = self.journal.attempts(intent)[-1], self.manager.node.head().market
        bid = self.manager.fees.replacement(last.bid, market, last.least_tip)
        return min(with_room(bid.cap), self.manager.fees.ceiling) if bid else self.manager.fees.ceiling

    def _next_key(self, meaning: str) -> RequestKey:
        """Return the key of the first request of this meaning that is not acknowledged.

        It names the account: one keystore path may hold two keys, one after the other, and neither must take
        the other's transaction for its own.
        """
        account = self.manager.address
        count = self.journal.numbered(str(RequestKey.of(account, meaning))).acknowledged
        return RequestKey.of(account, meaning, number=count)

    def _record(self, key: RequestKey, *, title: str | None = None, ceiling: int | None = None) -> None:
        """Record the title of a request, or the fee cap that was agreed to, wei per gas."""
        known = self.journal.numbered(_unnumbered(key))
        changed = replace(known, title=title or known.title, ceiling=ceiling or known.ceiling)
        self.journal.set_numbered(_unnumbered(key), changed)

    def _count(self, key: RequestKey) -> None:
        """Acknowledge a request, and all before it; a second time changes nothing."""
        known = self.journal.numbered(_unnumbered(key))
        count = (key.number or 0) + 1
        if count > known.acknowledged:
            changed = replace(known, acknowledged=count, ceiling=None)
            self.journal.set_numbered(_unnumbered(key), changed)

    def _deliver(self, request: TransactionRequest, manager: TransactionManager) -> Delivery:
        """Deliver a request, and pump all that is open while it waits: it may wait for what came before."""
        impatient = replace(manager, longest=0.0)
        until = time.monotonic() + self.manager.longest
        while True:
            impatient.pump()
            delivery = impatient.deliver(request)
            if delivery.why != StopReason.WAITING or time.monotonic() >= until:
                return delivery
            self.manager.sleep(self.manager.poll)

    def _done(
        self, key: RequestKey, title: str, delivery: Delivery, *, was_earlier: bool
    ) -> ExecutedTransaction | None:
        """Return the executed transaction; None where it was cancelled, which needs no report."""
        intent = delivery.intent
        if intent is None or not delivery.is_mined:
            self._undone(key, title, delivery)
            return None
        attempt, receipt = _mined_attempt(self.suite, self.journal, intent)
        if not attempt.cancels:
            reach("executed", str(key))
            return _executed(self.suite, receipt, key, title, was_earlier=was_earlier)
        self._count(key)
        return None

    def _undone(self, key: RequestKey, title: str, delivery: Delivery) -> None:
        """Raise an error about a transaction that was not executed; none where it was cancelled."""
        intent = delivery.intent
        if intent is None or intent.state == IntentState.PLANNED:
            raise NotMined(f"{title}: not sent: {self._why(delivery)}; run the command again")
        if intent.state in (IntentState.SENT, IntentState.MINED):
            raise NotMined(
                f"{title}: nonce {intent.nonce}, {self._why(delivery)}; run the command again: it goes on, "
                "and sends nothing twice"
            )
        self._count(key)
        if intent.state == IntentState.FAILED:
            raise Reverted(title, f"in block {intent.block}")
        if intent.state == IntentState.DISPLACED:
            raise NotMined(
                f"{title}: a transaction that this journal does not know took nonce {intent.nonce}; use a "
                "key in one place only, and look at what it did before you try again"
            )

    def _why(self, delivery: Delivery) -> str:
        """Return why a request does not go on, with the price of gas where that is the reason."""
        if delivery.why not in _TOO_EXPENSIVE:
            return delivery.note
        market = self.manager.node.head().market
        price = (market.base_fee + max(self.manager.fees.tip, market.tip)) / GWEI
        return f"gas costs {price:.3f} gwei now, and to bid for it takes more than was agreed to"


@contextmanager
def staking_client(suite: Suite, wallet: Wallet, alarm: AlarmCallback) -> Iterator[StakingClient]:
    """Open the client of a wallet, with its journal for this chain.

    Raises
    ------
    scorer.client.keystore.KeystoreError
        When the wallet's file is no keystore.
    scorer.transactions.journal.JournalError
        When another command is at work with this keystore.
    """
    wallet.check()  # before a journal is made beside what is no keystore
    with Journal.open(journal_path(suite.w3, wallet.path, suite.addresses.chain_id)) as journal:
        chain_id = suite.addresses.chain_id
        fees = fees_of(chain_id)
        yield StakingClient(
            suite,
            TransactionManager(journal, NodeWithHeadroom(suite.w3), wallet, chain_id, fees, alarm=alarm),
        )


def journal_path(w3: Web3, keystore: Path, chain_id: int) -> Path:
    """Return the path of the journal beside the keystore itself, wherever links to it are.

    The first block distinguishes a local chain from the next one, where nonces begin anew. Elsewhere the
    endpoint is not asked: with another journal it could have done once more what was done.
    """
    file = keystore.resolve()
    genesis = f"-{bytes(w3.eth.get_block(0)['hash']).hex()[:8]}" if chain_id == LOCAL_CHAIN_ID else ""
    return file.with_name(f"{file.name}.{chain_id}{genesis}.journal")


def _named(title: str, error: Reverted) -> Reverted:
    """Return the same error under a transaction's title, which says more than a selector."""
    return Reverted(title, str(error).partition(" reverts: ")[2], error.name)


def _unacknowledged(journal: Journal, account: str) -> Iterator[tuple[Intent, RequestKey]]:
    """Return what an account signed and nobody was reported, oldest first."""
    for intent in journal.intents("#"):
        key = RequestKey.parse(intent.key)
        if key is None or key.number is None or key.scope != account or intent.state == IntentState.PLANNED:
            continue
        is_reported = key.number < journal.numbered(_unnumbered(key)).acknowledged
        if not is_reported and journal.latest(intent.key) == intent:
            yield intent, key


def _unnumbered(key: RequestKey) -> str:
    """Return the text of account and meaning, without the number that separates equal requests."""
    return str(replace(key, number=None))


def _mined_attempt(suite: Suite, journal: Journal, intent: Intent) -> tuple[Attempt, TxReceipt]:
    for attempt in journal.attempts(intent):
        try:
            return attempt, suite.w3.eth.get_transaction_receipt(HexBytes(attempt.hash))
        except TransactionNotFound:
            continue
    raise NotMined(f"{intent.key}: expected its receipt, found none; run the command again")


def _executed(
    suite: Suite, receipt: TxReceipt, key: RequestKey, title: str, *, was_earlier: bool
) -> ExecutedTransaction:
    return ExecutedTransaction(
        key,
        title,
        Web3.to_hex(receipt["transactionHash"]),
        receipt["blockNumber"],
        receipt["gasUsed"],
        receipt["gasUsed"] * receipt["effectiveGasPrice"],
        _registered(suite, receipt),
        was_earlier,
    )


def _registered(suite: Suite, receipt: TxReceipt) -> int | None:
    events = suite.registry.events.ModelRegistered().process_receipt(receipt, DISCARD)
    return int(events[0]["args"]["modelId"]) if events else None
