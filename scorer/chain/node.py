"""The chain behind an outbox: one endpoint for all that is read, every endpoint for what is sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import requests
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import BlockNotFound, ContractLogicError, TransactionNotFound, Web3Exception
from web3.types import TxReceipt

from scorer.chain.answers import Answer, classify_error, wanted_tip
from scorer.chain.endpoint import EndpointError
from scorer.chain.fees import Market
from scorer.chain.outbox import Head, Sent
from scorer.chain.reverts import describe_revert, revert_name
from scorer.chain.sender import Reverted
from scorer.chain.transactions import Mined

REQUEST_ERRORS = (requests.RequestException, Web3Exception, OSError, ValueError)
"""What a request may raise, whatever the node answers."""
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

    def head(self) -> Head:
        """The newest blocks, and what gas costs."""
        latest = self.w3.eth.get_block("latest")
        number = latest["number"]
        finalised = self.finalised
        if finalised is None:
            finalised = self.w3.eth.get_block("finalized")["number"]
        market = Market(int(latest.get("baseFeePerGas", 0)), self._tip(number))
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
        told = [_nonces(self.w3, address, finalised)]
        for w3 in self.witnesses if self.agreement > 1 else ():
            try:
                told.append(_nonces(w3, address, finalised))
            except REQUEST_ERRORS:
                continue
        if len(told) < self.agreement:
            raise EndpointError(
                f"expected {self.agreement} endpoints to say how many nonces {address} used, "
                f"found {len(told)} that answer"
            )
        latest, final = (sorted(each, reverse=True) for each in zip(*told, strict=True))
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

    def broadcast(self, raw: bytes) -> Sent:
        """Send signed bytes to every endpoint; the best answer counts. Never raises."""
        answers = [_sent(w3, raw) for w3 in (self.w3, *self.others)]
        for wanted in _BETTER_FIRST:
            for sent in answers:
                if sent.answer == wanted:
                    return sent
        return answers[0]

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
            except REQUEST_ERRORS:
                if w3 is self.w3:
                    raise
        return None

    def _tip(self, block: int) -> int:
        """The lowest that an endpoint tells, asked once a block: a tip that is too low is raised later."""
        if block not in self._tips:
            told = [_median_tip(w3) for w3 in (self.w3, *self.others)]
            self._tips[block] = min((tip for tip in told if tip is not None), default=0)
        return self._tips[block]


def _nonces(w3: Web3, address: str, finalised: int) -> tuple[int, int]:
    account = Web3.to_checksum_address(address)
    return w3.eth.get_transaction_count(account, "latest"), w3.eth.get_transaction_count(account, finalised)


def _median_tip(w3: Web3) -> int | None:
    """Half of the recent transactions paid at least this tip; None where a node does not say."""
    try:
        rewards = w3.eth.fee_history(20, "latest", [50]).get("reward", [])
    except REQUEST_ERRORS:
        return None
    tips = sorted(int(row[0]) for row in rewards)
    return tips[len(tips) // 2] if tips else None


def _sent(w3: Web3, raw: bytes) -> Sent:
    try:
        w3.eth.send_raw_transaction(raw)
    except REQUEST_ERRORS as error:
        return Sent(classify_error(error), wanted_tip(str(error)))
    return Sent(Answer.ACCEPTED)


def _selector(data: bytes) -> str:
    return "0x" + data[:4].hex()
