"""Sends one transaction at a time from one account, and waits until it is mined."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.exceptions import ContractLogicError
from web3.types import TxParams, TxReceipt

from scorer.chain.fees import FeePolicy as FeePolicy
from scorer.chain.fees import GasMarket
from scorer.chain.reverts import describe_revert, revert_name
from scorer.errors import CupelError
from scorer.transactions.signers import KeySigner

GAS_MARGIN = 1.25
"""Estimates are made on a state that may change before the transaction is mined."""


@dataclass(frozen=True)
class CallResult:
    """What became of a call: in words, and whether what comes after it still makes sense."""

    note: str
    goes_on: bool


class TransactionSender(Protocol):
    """Carries calls to the chain as one account: plainly, or with a journal."""

    @property
    def address(self) -> str:
        """The account's checksummed address."""
        ...

    def sign_message(self, message: bytes) -> bytes:
        """Sign the Keccak-256 of a message as the account; 65 bytes with a v of 27 or 28."""
        ...

    def carry_out(
        self, call: ContractFunction, key: str, not_after: int | None, known_at: int, spare_gas: int = 0
    ) -> CallResult:
        """Have `call` executed, once for each `key`.

        Parameters
        ----------
        not_after
            Chain time after which it must not happen any more; None: never.
        known_at
            The finalised block whose state asked for it.
        spare_gas
            On top of the estimate, for a call that takes more where others' come first in its block.

        Raises
        ------
        Reverted
            When it reverts: nothing was sent, or what was sent did nothing.
        """
        ...


class Reverted(CupelError):
    """A transaction reverts, and was therefore not sent, or reverted when it was mined."""

    def __init__(self, what: str, reason: str, name: str | None = None) -> None:
        super().__init__(f"{what} reverts: {reason}")
        self.name = name


class FeesTooHigh(Exception):
    """Gas costs more than the fee policy ever bids."""


@dataclass(frozen=True)
class Sender:
    """An account that signs and sends.

    The nonce is that of the latest block: a transaction that is still waiting is replaced, never doubled.
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

    def send(self, call: ContractFunction | ContractConstructor, spare_gas: int = 0) -> TxReceipt:
        """Try `call` on the latest state, then sign it, send it and wait for its receipt.

        Parameters
        ----------
        spare_gas
            On top of what the trial took.

        Raises
        ------
        Reverted
            When it reverts on the latest state (nothing was sent), or reverted in its block.
        web3.exceptions.TimeExhausted
            When it is not mined within the time-out; it may still be.
        """
        what = getattr(call, "fn_name", None) or "deployment"
        try:
            gas = int(call.estimate_gas({"from": self.account.address}) * GAS_MARGIN) + spare_gas
        except ContractLogicError as error:
            raise Reverted(what, describe_revert(error), revert_name(error)) from None
        receipt = self._mined(call.build_transaction(self._params(gas)))
        if receipt["status"] != 1:
            raise Reverted(what, f"in block {receipt['blockNumber']}")
        return receipt

    def carry_out(
        self,
        call: ContractFunction,
        key: str,  # noqa: ARG002 - a plain sender keeps no journal
        not_after: int | None,  # noqa: ARG002
        known_at: int,  # noqa: ARG002
        spare_gas: int = 0,
    ) -> CallResult:
        """Send `call` at once, as `send` does."""
        receipt = self.send(call, spare_gas)
        return CallResult(f"block {receipt['blockNumber']}, {receipt['gasUsed']} gas", goes_on=True)

    def _params(self, gas: int) -> TxParams:
        base_fee = int(self.w3.eth.get_block("latest").get("baseFeePerGas", 0))
        bid = self.fees.bid(GasMarket(base_fee))
        if bid is None:
            raise FeesTooHigh(f"expected a base fee below {self.fees.ceiling} wei of gas, found {base_fee}")
        fields: Any = {
            "from": self.account.address,
            "nonce": self.w3.eth.get_transaction_count(self.account.address, "latest"),
            "chainId": self.w3.eth.chain_id,
            "gas": gas,
            **bid.fields(),
        }
        params: TxParams = fields
        return params

    def _mined(self, transaction: TxParams) -> TxReceipt:
        unsigned: Any = transaction
        signed = self.account.sign_transaction(unsigned)
        sent = self.w3.eth.send_raw_transaction(signed.raw_transaction)
        return self.w3.eth.wait_for_transaction_receipt(sent, timeout=self.timeout, poll_latency=0.05)
