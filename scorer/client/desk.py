"""Sends a staker's orders, each exactly once, and says what became of them.

The journal lies beside the keystore, one for each chain. A command that was interrupted leaves its
transaction there: the next one brings it to its end before anything else, and if it is the same, that was it.
It is forgotten only once it was reported (`StakingClient.acknowledge`): reported twice does no harm, done
twice does.
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
from scorer.client.keystore import Wallet
from scorer.client.orders import TransactionPlan
from scorer.client.quotes import CostEstimate, GasEstimate, NodeWithHeadroom, QuotedNode, fees_of, with_room
from scorer.errors import CupelError
from scorer.failpoints import reach
from scorer.transactions.attempts import Attempt, Intent, State, StopReason
from scorer.transactions.journal import Journal
from scorer.transactions.manager import Delivery, TransactionManager, TransactionRequest
from scorer.transactions.sender import Reverted

TOLD: Final = "told:"
TITLE: Final = "title:"
CEILING: Final = "ceiling:"
_TOO_DEAR: Final = frozenset({StopReason.CEILING, StopReason.FEE_CAP})


class NotMined(CupelError):
    """A transaction is signed, and not mined yet or not as meant; the message says what to do."""


@dataclass(frozen=True)
class ExecutedTransaction:
    """A transaction that was executed.

    Attributes
    ----------
    key
        Of its act in the journal.
    cost
        Wei.
    model_id
        Of the model that it registered.
    was_earlier
        Whether an earlier command had signed it.
    """

    key: str
    title: str
    transaction: str
    block: int
    gas: int
    cost: int
    model_id: int | None = None
    was_earlier: bool = False

    @property
    def meaning(self) -> str:
        """What it was about: the same as of the step that asked for it."""
        return _unnumbered(self.key).partition(":")[2]


@dataclass(frozen=True)
class StakingClient:
    """One account at one chain, with its journal."""

    suite: Suite
    manager: TransactionManager

    @property
    def journal(self) -> Journal:
        """What was signed."""
        return self.manager.journal

    def finish(self, agree: Callable[[str, int], None] | None = None) -> Iterator[ExecutedTransaction]:
        """Bring what earlier commands left to its end, one by one: what was done, and not acknowledged yet.

        Parameters
        ----------
        agree
            Asked, with a title and wei, where an order must cost more than was agreed to; raises where
            nobody agrees. Without it nothing is dearer than that.

        Raises
        ------
        NotMined
            When it is still on its way.
        """
        for intent in list(_untold(self.journal, self.manager.address)):
            call = intent.call
            title = self.journal.note(TITLE + _unnumbered(intent.key)) or intent.key
            act = TransactionRequest(intent.key, call.to, call.data, intent.not_after)
            delivery = self._deliver(act, self._as_agreed(intent.key))
            if delivery.why in _TOO_DEAR and delivery.intent is not None and agree is not None:
                ceiling = self._needed(delivery.intent)
                agree(title, call.gas * ceiling)
                self.journal.set_note(CEILING + intent.key, str(ceiling))
                delivery = self._deliver(act, self._as_agreed(intent.key))
            done = self._done(intent.key, title, delivery, was_earlier=True)
            if done is not None:
                yield done

    def acknowledge(self, done: ExecutedTransaction) -> None:
        """Forget an act that somebody was really told of: the same order is another one from now on."""
        reach("told", done.key)
        _count(self.journal, done.key)

    def perform(
        self, order: TransactionPlan, agreed: CostEstimate | None = None
    ) -> Iterator[ExecutedTransaction]:
        """Send an order, step by step, each once the one before it is mined; see `acknowledge`.

        Parameters
        ----------
        agreed
            Nothing is signed that could cost more than it says. Without it the fee policy alone decides.

        Raises
        ------
        scorer.transactions.sender.Reverted
            When a step would revert: nothing was sent; or when it did, in its block.
        NotMined
            When it is not mined for long, its time passed, or it became dearer than was agreed to.
        """
        prices = [None] * len(order.steps) if agreed is None else agreed.prices
        for step, price in zip(order.steps, prices, strict=True):
            key = _next_key(self.journal, self.manager.address, step.meaning)
            self.journal.set_note(TITLE + _unnumbered(key), step.title)
            call = step.final
            data = bytes(HexBytes(call._encode_transaction_data()))  # noqa: SLF001
            act = TransactionRequest(key, str(call.address), data, step.not_after)
            try:
                delivery = self._deliver(act, self._agreed(key, agreed, price))
            except Reverted as error:
                raise _named(step.title, error) from None
            done = self._done(key, step.title, delivery, was_earlier=False)
            if done is None:
                raise NotMined(f"{step.title}: its time passed before it was mined, and it was taken back")
            yield done

    def foreign(self) -> int:
        """How many transactions of the account wait to be mined that another wallet sent, as far as is told.

        What is signed here would take the place of one of them, or wait behind it.
        """
        account = Web3.to_checksum_address(self.manager.address)
        counted = self.suite.w3.eth.get_transaction_count
        try:
            waiting = int(counted(account, "pending"))
        except EndpointError:
            return 0  # not every endpoint serves the pending block
        ours = self.journal.next_nonce(self.manager.address)
        return max(0, waiting - max(int(counted(account, "latest")), ours))

    def _agreed(self, key: str, agreed: CostEstimate | None, price: GasEstimate | None) -> TransactionManager:
        """The outbox for a step, which signs nothing that could cost more than was agreed to."""
        if agreed is None or price is None:
            return self.manager
        self.journal.set_note(CEILING + key, str(agreed.ceiling))
        caps = [price.limit * agreed.ceiling, self.manager.fees.transaction_cap]
        fees = replace(
            self.manager.fees,
            ceiling=min(agreed.ceiling, self.manager.fees.ceiling),
            transaction_cap=min(cap for cap in caps if cap is not None),
        )
        node, most_gas = QuotedNode(self.manager.node, price.roomy), min(price.limit, self.manager.most_gas)
        return replace(self.manager, node=node, fees=fees, most_gas=most_gas)

    def _as_agreed(self, key: str) -> TransactionManager:
        """The outbox for what was signed: its gas stays, and its price within what was agreed to."""
        ceiling = self.journal.note(CEILING + key)
        if ceiling is None:
            return self.manager
        fees = replace(self.manager.fees, ceiling=min(int(ceiling), self.manager.fees.ceiling))
        return replace(self.manager, fees=fees)

    def _needed(self, intent: Intent) -> int:
        """The fee cap that an act may have to be signed with, wei of gas, so that it goes on now."""
        last, market = self.journal.attempts(intent)[-1], self.manager.node.head().market
        bid = self.manager.fees.replacement(last.bid, market, last.least_tip)
        return min(with_room(bid.cap), self.manager.fees.ceiling) if bid else self.manager.fees.ceiling

    def _deliver(self, act: TransactionRequest, manager: TransactionManager) -> Delivery:
        """Do an act, and look after all that is open while it waits: it may wait for what came before it."""
        impatient = replace(manager, longest=0.0)
        until = time.monotonic() + self.manager.longest
        while True:
            impatient.pump()
            delivery = impatient.deliver(act)
            if delivery.why != StopReason.WAITING or time.monotonic() >= until:
                return delivery
            self.manager.sleep(self.manager.poll)

    def _done(
        self, key: str, title: str, delivery: Delivery, *, was_earlier: bool
    ) -> ExecutedTransaction | None:
        """What became of an act; None where it was taken back. What did nothing may be forgotten at once."""
        intent = delivery.intent
        if intent is None or not delivery.is_mined:
            self._undone(key, title, delivery)
            return None
        attempt, receipt = _mined_attempt(self.suite, self.journal, intent)
        if not attempt.cancels:
            reach("executed", key)
            return _executed(self.suite, receipt, key, title, was_earlier=was_earlier)
        _count(self.journal, key)
        return None

    def _undone(self, key: str, title: str, delivery: Delivery) -> None:
        """Raise what there is to do about an act that was not executed; nothing where it was taken back."""
        intent = delivery.intent
        if intent is None or intent.state == State.PLANNED:
            raise NotMined(f"{title}: not sent: {self._why(delivery)}; run the command again")
        if intent.state in (State.SENT, State.MINED):
            raise NotMined(
                f"{title}: nonce {intent.nonce}, {self._why(delivery)}; run the command again: it goes on, "
                "and sends nothing twice"
            )
        _count(self.journal, key)
        if intent.state == State.FAILED:
            raise Reverted(title, f"in block {intent.block}")
        if intent.state == State.DISPLACED:
            raise NotMined(
                f"{title}: a transaction that this journal does not know took nonce {intent.nonce}; use a "
                "key in one place only, and look at what it did before you try again"
            )

    def _why(self, delivery: Delivery) -> str:
        """Why an act does not go on, with the price of gas where that is why."""
        if delivery.why not in _TOO_DEAR:
            return delivery.note
        market = self.manager.node.head().market
        price = (market.base_fee + max(self.manager.fees.tip, market.tip)) / GWEI
        return f"gas costs {price:.3f} gwei now, and to bid for it takes more than was agreed to"


@contextmanager
def staking_client(
    suite: Suite, wallet: Wallet, alarm: Callable[[str, str], None]
) -> Iterator[StakingClient]:
    """The desk of a wallet, with its journal for this chain.

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
    """Beside the keystore itself, wherever links to it are.

    The first block tells a local chain from the next one, where nonces begin anew. Elsewhere the endpoint is
    not asked: with another journal it could have done once more what was done.
    """
    file = keystore.resolve()
    genesis = f"-{bytes(w3.eth.get_block(0)['hash']).hex()[:8]}" if chain_id == LOCAL_CHAIN_ID else ""
    return file.with_name(f"{file.name}.{chain_id}{genesis}.journal")


def _named(title: str, error: Reverted) -> Reverted:
    """The same under the step's title, which says more than a selector."""
    return Reverted(title, str(error).partition(" reverts: ")[2], error.name)


def _untold(journal: Journal, account: str) -> Iterator[Intent]:
    """What was signed, and never reported to anybody, oldest first."""
    for intent in journal.intents("#"):
        kind, _, number = intent.key.rpartition("#")
        is_signed = intent.account == account and intent.state != State.PLANNED
        if is_signed and journal.latest(intent.key) == intent and int(number) >= _counted(journal, kind):
            yield intent


def _next_key(journal: Journal, account: str, meaning: str) -> str:
    """Of the first act of this meaning that was not brought to an end and told.

    It names the account: of two keys that are kept at one path, one after the other, neither is told that
    what it asks for was done by the other.
    """
    kind = f"{account}:{meaning}"
    return f"{kind}#{_counted(journal, kind)}"


def _unnumbered(key: str) -> str:
    """Account and meaning of an act, without the number that tells it from those before."""
    return key.rpartition("#")[0]


def _counted(journal: Journal, kind: str) -> int:
    """How many acts of an account and a meaning were brought to an end and told."""
    return int(journal.note(TOLD + kind) or 0)


def _count(journal: Journal, key: str) -> None:
    """Count an act, and all before it; doing it twice counts it once."""
    kind, _, number = key.rpartition("#")
    journal.set_note(TOLD + kind, str(int(number) + 1))


def _mined_attempt(suite: Suite, journal: Journal, intent: Intent) -> tuple[Attempt, TxReceipt]:
    for attempt in journal.attempts(intent):
        try:
            return attempt, suite.w3.eth.get_transaction_receipt(HexBytes(attempt.hash))
        except TransactionNotFound:
            continue
    raise NotMined(f"{intent.key}: expected its receipt, found none; run the command again")


def _executed(
    suite: Suite, receipt: TxReceipt, key: str, title: str, *, was_earlier: bool
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
