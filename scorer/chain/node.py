"""The chain behind an outbox: one endpoint for all that is read, every endpoint for what is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import BlockNotFound, ContractLogicError, TransactionNotFound, Web3Exception
from web3.types import TxReceipt

from scorer.chain.answers import Answer, classify_error, wanted_tip
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
    """

    w3: Web3
    others: Sequence[Web3] = ()

    def head(self) -> Head:
        """The newest blocks, and what gas costs."""
        latest = self.w3.eth.get_block("latest")
        finalised = self.w3.eth.get_block("finalized")
        market = Market(int(latest.get("baseFeePerGas", 0)), self._median_tip())
        return Head(latest["number"], latest["timestamp"], market, finalised["number"])

    def nonces(self, address: str, finalised: int) -> tuple[int, int]:
        """How many nonces an account used, at the latest and at the finalised block."""
        account = Web3.to_checksum_address(address)
        latest = self.w3.eth.get_transaction_count(account, "latest")
        return latest, self.w3.eth.get_transaction_count(account, finalised)

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

    def _median_tip(self) -> int:
        """Half of the recent transactions paid at least this tip; 0 where a node does not say."""
        try:
            rewards = self.w3.eth.fee_history(20, "latest", [50]).get("reward", [])
        except REQUEST_ERRORS:
            return 0
        tips = sorted(int(row[0]) for row in rewards)
        return tips[len(tips) // 2] if tips else 0


def _sent(w3: Web3, raw: bytes) -> Sent:
    try:
        w3.eth.send_raw_transaction(raw)
    except REQUEST_ERRORS as error:
        return Sent(classify_error(error), wanted_tip(str(error)))
    return Sent(Answer.ACCEPTED)


def _selector(data: bytes) -> str:
    return "0x" + data[:4].hex()
