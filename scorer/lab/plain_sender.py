"""Sends one transaction at a time from one account, without a journal: for local chains and tests."""

from dataclasses import dataclass, field
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.exceptions import ContractLogicError
from web3.types import TxReceipt

from scorer.chain.calldata import calldata
from scorer.chain.fees import FeePolicy, GasMarket
from scorer.chain.reverts import describe_revert, revert_name
from scorer.transactions.intents import Call, Intent, IntentState
from scorer.transactions.request import GAS_MARGIN, Delivery, Reverted, TransactionRequest
from scorer.transactions.signers import KeySigner


class FeesTooHigh(Exception):
    """Gas costs more than the fee policy ever bids."""


@dataclass(frozen=True)
class Sender:
    """An account that signs a transaction, sends it, and waits until it is mined.

    Its nonce is that of the latest block: a transaction that still waits is replaced, never doubled.

    Attributes
    ----------
    timeout
        Seconds to wait for a receipt.
    """

    w3: Web3
    account: LocalAccount
    fees: FeePolicy = field(default_factory=FeePolicy)
    timeout: float = 120

    @property
    def address(self) -> str:
        """The account's checksummed address."""
        return str(self.account.address)

    def sign_message(self, message: bytes) -> bytes:
        """Sign the Keccak-256 of a message; 65 bytes with a v of 27 or 28."""
        return KeySigner(self.account).sign_message(message)

    def send(self, call: ContractFunction | ContractConstructor) -> TxReceipt:
        """Try `call` on the latest state, then send it and wait for its receipt.

        Raises
        ------
        Reverted
            When it reverts on the latest state (nothing was sent), or reverted in its block.
        web3.exceptions.TimeExhausted
            When it is not mined within the time-out; it may still be.
        """
        if isinstance(call, ContractConstructor):
            return self._send("deployment", {"data": call.data_in_transaction})
        return self._send(str(call.fn_name), {"to": call.address, "data": calldata(call)})

    def deliver(self, request: TransactionRequest) -> Delivery:
        """Send a request at once, whether one of the same key was sent before or not; as `send` otherwise."""
        what = f"0x{request.data[:4].hex()}"
        receipt = self._send(what, {"to": request.to, "data": request.data}, request.spare_gas)
        intent = Intent(
            id=0,
            key=request.key,
            generation=0,
            account=self.address,
            call=Call(request.to, request.data, receipt["gasUsed"]),
            not_after=request.not_after,
            state=IntentState.MINED,
            block=receipt["blockNumber"],
            gas_used=receipt["gasUsed"],
            ok=True,
        )
        return Delivery(intent, None, f"block {receipt['blockNumber']}, {receipt['gasUsed']} gas")

    def _send(self, what: str, message: dict[str, Any], spare_gas: int = 0) -> TxReceipt:
        sender: Any = {"from": self.address, **message}
        try:
            gas = int(self.w3.eth.estimate_gas(sender) * GAS_MARGIN) + spare_gas
        except ContractLogicError as error:
            raise Reverted(what, describe_revert(error), revert_name(error)) from None
        signed = self.account.sign_transaction(sender | self._fields(gas))
        sent = self.w3.eth.send_raw_transaction(signed.raw_transaction)
        receipt = self.w3.eth.wait_for_transaction_receipt(sent, timeout=self.timeout, poll_latency=0.01)
        if receipt["status"] != 1:
            raise Reverted(what, f"in block {receipt['blockNumber']}")
        return receipt

    def _fields(self, gas: int) -> dict[str, int]:
        base_fee = int(self.w3.eth.get_block("latest").get("baseFeePerGas", 0))
        bid = self.fees.bid(GasMarket(base_fee))
        if bid is None:
            raise FeesTooHigh(f"expected a base fee below {self.fees.ceiling} wei per gas, found {base_fee}")
        return {
            "nonce": self.w3.eth.get_transaction_count(self.account.address, "latest"),
            "chainId": self.w3.eth.chain_id,
            "gas": gas,
            "value": 0,
            **bid.fields(),
        }
