"""The chain as a transaction manager uses it: reads from one endpoint, sends to all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, Self, TypeVar

from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import BlockNotFound, ContractLogicError, TransactionNotFound
from web3.types import TxReceipt

from scorer.chain.endpoints import Pinned
from scorer.chain.errors import EndpointError
from scorer.chain.fees import GasMarket
from scorer.chain.parallel import Parallel
from scorer.chain.provider import LONGEST_PAUSES
from scorer.chain.reverts import describe_revert, revert_name
from scorer.chain.rpc_errors import Answer, wanted_tip
from scorer.transactions.intents import Mined
from scorer.transactions.request import Reverted

T = TypeVar("T")
# One node that took the bytes, has them, or counts their nonce as used settles what the refusals of others
# leave open.
_BETTER_FIRST = (Answer.ACCEPTED, Answer.KNOWN, Answer.NONCE_TOO_LOW)


@dataclass(frozen=True)
class Head:
    """The newest block and the number of the newest finalised one; `timestamp` in seconds since the epoch."""

    latest: int
    timestamp: int
    market: GasMarket
    finalised: int


@dataclass(frozen=True)
class BroadcastReply:
    """The answer of a node to signed bytes; `least_tip`, wei per gas, is 0 where it named none."""

    answer: Answer
    least_tip: int = 0


class ChainNode(Protocol):
    """The chain as a transaction manager needs it, read from one endpoint at a time."""

    def head(self) -> Head:
        """Read the newest blocks and the price of gas."""
        ...

    def nonces(self, address: str, finalised: int) -> tuple[int, int]:
        """Count the nonces that an account used, at the latest and at the finalised block."""
        ...

    def mined(self, tx_hash: bytes) -> Mined | None:
        """Read a transaction's receipt; None unless the block that it names is canonical."""
        ...

    def broadcast(self, raw: bytes) -> BroadcastReply:
        """Send signed bytes; never raises."""
        ...

    def estimate(self, sender: str, to: str, data: bytes) -> int:
        """Try a call on the latest state, and return the gas that it takes.

        Raises
        ------
        Reverted
            When it reverts.
        """
        ...


@dataclass(frozen=True)
class Web3Node:
    """A chain that is read and written by JSON-RPC.

    Attributes
    ----------
    w3
        The endpoint that everything is read from.
    others
        Endpoints that signed bytes are sent to as well: the same bytes do no harm twice.
    finalised
        Number of the finalised block that several endpoints agreed on; None: the one that `w3` names.
    witnesses
        Endpoints of other operators, for `agreement`.
    agreement
        Number of endpoints, `w3` among them, that must say that a nonce is used.
    """

    w3: Web3
    others: Sequence[Web3] = ()
    finalised: int | None = None
    witnesses: Sequence[Web3] = ()
    agreement: int = 1
    _tips: dict[int, int] = field(default_factory=dict, compare=False, repr=False)
    _parallel: Parallel[int, Any] = field(default_factory=Parallel, compare=False, repr=False)

    @classmethod
    def at(cls, pinned: Pinned) -> Self:
        """Return the chain with the finalised block that several endpoints agreed on."""
        return cls(pinned.w3, pinned.others, pinned.block.number, pinned.witnesses, pinned.agreement)

    def head(self) -> Head:
        """Read the newest blocks and the price of gas."""
        latest = self.w3.eth.get_block("latest")
        number = latest["number"]
        finalised = self.finalised
        if finalised is None:
            finalised = self.w3.eth.get_block("finalized")["number"]
        market = GasMarket(int(latest.get("baseFeePerGas", 0)), self._tip(number))
        return Head(number, latest["timestamp"], market, finalised)

    def nonces(self, address: str, finalised: int) -> tuple[int, int]:
        """Count the nonces that an account used, at the latest and at the finalised block.

        Each is the highest number that `agreement` endpoints reach: on the word of one endpoint alone,
        nothing is signed or finished.

        Raises
        ------
        scorer.chain.endpoint.EndpointError
            When too few of them answer.
        """
        own = _nonces(self.w3, address, finalised)
        others = self.witnesses if self.agreement > 1 else ()
        answers = self._from_all(
            others,
            lambda w3: _unless_trouble(partial(_nonces, w3, address, finalised)),
            lambda given: sum(count is not None for count in given.values()) >= self.agreement - 1,
        )
        counted = [own, *(count for count in answers if count is not None)]
        if len(counted) < self.agreement:
            raise EndpointError(
                f"expected {self.agreement} endpoints to say how many nonces {address} used, "
                f"found {len(counted)} that answer"
            )
        latest, final = (sorted(numbers, reverse=True) for numbers in zip(*counted, strict=True))
        return latest[self.agreement - 1], final[self.agreement - 1]

    def mined(self, tx_hash: bytes) -> Mined | None:
        """Read a transaction's receipt; None unless the block that it names is canonical.

        An error other than "not found" is raised: taken for "not mined", it would have the call sent again.
        """
        receipt = self._receipt(tx_hash)
        if receipt is None:
            return None
        try:
            block = self.w3.eth.get_block(receipt["blockNumber"])
        except BlockNotFound:
            return None
        if block["hash"] != receipt["blockHash"]:
            return None
        return Mined(tx_hash, receipt["blockNumber"], receipt["status"] == 1, receipt["gasUsed"])

    def broadcast(self, raw: bytes) -> BroadcastReply:
        """Send signed bytes to every endpoint, and return the best answer; never raises."""
        answers = self._from_all(
            (self.w3, *self.others),
            lambda w3: _sent(w3, raw),
            lambda replies: any(reply.answer in _BETTER_FIRST for reply in replies.values()),
        )
        for wanted in _BETTER_FIRST:
            for reply in answers:
                if reply.answer == wanted:
                    return reply
        return answers[0] if answers else BroadcastReply(Answer.UNREACHABLE)

    def estimate(self, sender: str, to: str, data: bytes) -> int:
        """Try a call on the latest state, and return the gas that it takes."""
        call: Any = {"from": sender, "to": to, "data": Web3.to_hex(data)}
        try:
            # Named, as some nodes otherwise take the pending state, with transactions that may never be
            # mined.
            return self.w3.eth.estimate_gas(call, "latest")
        except ContractLogicError as error:
            raise Reverted(_selector(data), describe_revert(error), revert_name(error)) from None

    def _receipt(self, tx_hash: bytes) -> TxReceipt | None:
        """Read a receipt from the first endpoint that has it: one that prunes or lags may not."""
        for w3 in (self.w3, *self.others):
            try:
                return w3.eth.get_transaction_receipt(HexBytes(tx_hash))
            except TransactionNotFound:
                continue
            except EndpointError:
                # The others may fail: what they would add is a receipt that this one, which answered, does
                # not have.
                if w3 is self.w3:
                    raise
        return None

    def _tip(self, block: int) -> int:
        """Return the lowest tip that an endpoint names, asked once a block: one too low is raised later."""
        if block not in self._tips:
            known = self._from_all((self.w3, *self.others), _median_tip, lambda tips: bool(tips))
            self._tips[block] = min((tip for tip in known if tip is not None), default=0)
        return self._tips[block]

    def _from_all(
        self,
        endpoints: Sequence[Web3],
        ask: Callable[[Web3], T],
        is_enough: Callable[[Mapping[int, T]], bool],
    ) -> list[T]:
        """Ask endpoints at the same time; their answers in order, without those that are late."""
        if len(endpoints) == 1:
            return [ask(endpoints[0])]
        # As long as one request may take with its repetitions.
        seconds = _timeout(self.w3) + LONGEST_PAUSES
        questions = {id(w3): partial(ask, w3) for w3 in endpoints}
        return list(self._parallel.ask(questions, seconds, is_enough).values())


def _timeout(w3: Web3) -> float:
    return float(getattr(w3.provider, "timeout", 30))


def _nonces(w3: Web3, address: str, finalised: int) -> tuple[int, int]:
    account = Web3.to_checksum_address(address)
    return w3.eth.get_transaction_count(account, "latest"), w3.eth.get_transaction_count(account, finalised)


def _median_tip(w3: Web3) -> int | None:
    """Return the tip that half of the recent transactions paid at least; None where a node names none."""
    history = _unless_trouble(partial(w3.eth.fee_history, 20, "latest", [50]))
    tips = [] if history is None else sorted(int(row[0]) for row in history.get("reward", []))
    return tips[len(tips) // 2] if tips else None


def _unless_trouble(ask: Callable[[], T]) -> T | None:
    """Ask one of several endpoints; None for whatever goes wrong with it."""
    try:
        return ask()
    except Exception:  # noqa: BLE001 - the others are asked all the same
        return None


def _sent(w3: Web3, raw: bytes) -> BroadcastReply:
    try:
        w3.eth.send_raw_transaction(raw)
    except EndpointError as error:
        return BroadcastReply(_if_sent(error.answer), wanted_tip(str(error)))
    except Exception:  # noqa: BLE001 - whatever it was, the node may have taken it
        return BroadcastReply(Answer.UNREACHABLE)
    return BroadcastReply(Answer.ACCEPTED)


def _if_sent(answer: Answer) -> Answer:
    """Take a malformed answer for none: a node that gives one may have taken the transaction."""
    return Answer.UNREACHABLE if answer == Answer.MALFORMED else answer


def _selector(data: bytes) -> str:
    return "0x" + data[:4].hex()
