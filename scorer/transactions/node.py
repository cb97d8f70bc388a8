"""The chain behind an outbox: one endpoint for all that is read, every endpoint for what is sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self, TypeVar

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
from scorer.transactions.attempts import Mined
from scorer.transactions.manager import BroadcastReply, Head
from scorer.transactions.sender import Reverted

T = TypeVar("T")
_BETTER_FIRST = (Answer.ACCEPTED, Answer.KNOWN, Answer.NONCE_TOO_LOW)


@dataclass(frozen=True)
class Web3Node:
    """A chain by JSON-RPC.

    Attributes
    ----------
    w3
        The endpoint that everything is read from.
    others
        Signed bytes are sent to these too: the same bytes do no harm twice.
    finalised
        Number of the block that is final, as several endpoints agreed; None: as this one says.
    witnesses
        Endpoints of other operators, for `agreement`.
    agreement
        How many endpoints, this one among them, must say that a nonce is used.
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
        """The chain as several endpoints agree on it: what is final is what they agreed on."""
        return cls(pinned.w3, pinned.others, pinned.block.number, pinned.witnesses, pinned.agreement)

    def head(self) -> Head:
        """The newest blocks, and what gas costs."""
        latest = self.w3.eth.get_block("latest")
        number = latest["number"]
        finalised = self.finalised
        if finalised is None:
            finalised = self.w3.eth.get_block("finalized")["number"]
        market = GasMarket(int(latest.get("baseFeePerGas", 0)), self._tip(number))
        return Head(number, latest["timestamp"], market, finalised)

    def nonces(self, address: str, finalised: int) -> tuple[int, int]:
        """How many nonces an account used, at the latest and at the finalised block.

        The highest number that `agreement` endpoints reach, for what one of them alone says must neither be
        signed nor end an act.

        Raises
        ------
        scorer.chain.endpoint.EndpointError
            When too few of them answer.
        """
        own = _nonces(self.w3, address, finalised)
        others = self.witnesses if self.agreement > 1 else ()
        found = self._from_all(
            others,
            lambda w3: _unless_trouble(partial(_nonces, w3, address, finalised)),
            lambda answers: sum(each is not None for each in answers.values()) >= self.agreement - 1,
        )
        counted = [own, *(each for each in found if each is not None)]
        if len(counted) < self.agreement:
            raise EndpointError(
                f"expected {self.agreement} endpoints to say how many nonces {address} used, "
                f"found {len(counted)} that answer"
            )
        latest, final = (sorted(each, reverse=True) for each in zip(*counted, strict=True))
        return latest[self.agreement - 1], final[self.agreement - 1]

    def mined(self, tx_hash: bytes) -> Mined | None:
        """A transaction's receipt, if the block it names is canonical.

        An error other than "not found" is raised: taken for "not mined", it would have the act done again.
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
        """Send signed bytes to every endpoint; the best answer counts. Never raises."""
        answers = self._from_all(
            (self.w3, *self.others),
            lambda w3: _sent(w3, raw),
            lambda found: any(sent.answer in _BETTER_FIRST for sent in found.values()),
        )
        for wanted in _BETTER_FIRST:
            for sent in answers:
                if sent.answer == wanted:
                    return sent
        return answers[0] if answers else BroadcastReply(Answer.UNREACHABLE)

    def estimate(self, sender: str, to: str, data: bytes) -> int:
        """Try a call on the latest state, and say what gas it takes."""
        call: Any = {"from": sender, "to": to, "data": Web3.to_hex(data)}
        try:
            return self.w3.eth.estimate_gas(call, "latest")
        except ContractLogicError as error:
            raise Reverted(_selector(data), describe_revert(error), revert_name(error)) from None

    def _receipt(self, tx_hash: bytes) -> TxReceipt | None:
        """From the first endpoint that has it: one that prunes or lags may not."""
        for w3 in (self.w3, *self.others):
            try:
                return w3.eth.get_transaction_receipt(HexBytes(tx_hash))
            except TransactionNotFound:
                continue
            except EndpointError:
                if w3 is self.w3:
                    raise
        return None

    def _tip(self, block: int) -> int:
        """The lowest that an endpoint tells, asked once a block: a tip that is too low is raised later."""
        if block not in self._tips:
            known = self._from_all((self.w3, *self.others), _median_tip, lambda found: bool(found))
            self._tips[block] = min((tip for tip in known if tip is not None), default=0)
        return self._tips[block]

    def _from_all(
        self,
        endpoints: Sequence[Web3],
        ask: Callable[[Web3], T],
        is_enough: Callable[[Mapping[int, T]], bool],
    ) -> list[T]:
        """What endpoints say at the same time, in their order, without those that are late."""
        if len(endpoints) == 1:
            return [ask(endpoints[0])]
        seconds = _timeout(self.w3) + LONGEST_PAUSES
        questions = {id(w3): partial(ask, w3) for w3 in endpoints}
        return list(self._parallel.ask(questions, seconds, is_enough).values())


def _timeout(w3: Web3) -> float:
    return float(getattr(w3.provider, "timeout", 30))


def _nonces(w3: Web3, address: str, finalised: int) -> tuple[int, int]:
    account = Web3.to_checksum_address(address)
    return w3.eth.get_transaction_count(account, "latest"), w3.eth.get_transaction_count(account, finalised)


def _median_tip(w3: Web3) -> int | None:
    """Half of the recent transactions paid at least this tip; None where a node does not say."""
    history = _unless_trouble(partial(w3.eth.fee_history, 20, "latest", [50]))
    tips = [] if history is None else sorted(int(row[0]) for row in history.get("reward", []))
    return tips[len(tips) // 2] if tips else None


def _unless_trouble(ask: Callable[[], T]) -> T | None:
    """What one of several endpoints says; None for whatever goes wrong with it."""
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
    """For a transaction: a node whose answer is no answer may have taken it."""
    return Answer.UNREACHABLE if answer == Answer.MALFORMED else answer


def _selector(data: bytes) -> str:
    return "0x" + data[:4].hex()
