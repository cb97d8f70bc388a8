"""Sends an agent's calls one at a time from its own account, and waits for each."""

from dataclasses import dataclass
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.exceptions import ContractLogicError, TimeExhausted

from scorer.chain.calldata import calldata
from scorer.chain.fees import FeePolicy, GasMarket
from scorer.chain.reverts import describe_revert
from scorer.client.actions import ActionRefused

MARGIN: Final = 1.2
TIMEOUT: Final = 300.0
"""Seconds to wait for a receipt."""


@dataclass(frozen=True)
class PlainSending:
    """An account that sends calls.

    Its nonce is that of the latest block: a call that still waits is replaced, never doubled.
    """

    w3: Web3
    account: LocalAccount
    fees: FeePolicy

    @property
    def address(self) -> str:
        """The account's checksummed address."""
        return str(self.account.address)

    def send(self, call: Any) -> Any:
        """Try a call on the latest state, send it, and return its receipt.

        Raises
        ------
        ActionRefused
            When it would revert, reverted, costs more than the policy bids, or is in no block for long.
        """
        message: Any = {"from": self.address, "to": call.address, "data": calldata(call)}
        try:
            gas = int(self.w3.eth.estimate_gas(message) * MARGIN)
        except ContractLogicError as error:
            raise ActionRefused(f"{call.fn_name}: the contract refuses: {describe_revert(error)}") from None
        signed = self.account.sign_transaction(message | self._fields(gas))
        sent = self.w3.eth.send_raw_transaction(signed.raw_transaction)
        try:
            receipt = self.w3.eth.wait_for_transaction_receipt(sent, timeout=TIMEOUT)
        except TimeExhausted:
            raise ActionRefused(
                f"{call.fn_name}: expected it in a block within {TIMEOUT} s, found it in none; it may still "
                "come: look at what was done before you run this again, which replaces it while it waits"
            ) from None
        if receipt["status"] != 1:
            raise ActionRefused(f"{call.fn_name}: it reverted in block {receipt['blockNumber']}")
        return receipt

    def _fields(self, gas: int) -> dict[str, int]:
        base_fee = int(self.w3.eth.get_block("latest").get("baseFeePerGas", 0))
        bid = self.fees.bid(GasMarket(base_fee))
        if bid is None:
            raise ActionRefused(f"expected a base fee that the policy bids for, found {base_fee} wei a gas")
        return {
            "nonce": self.w3.eth.get_transaction_count(self.account.address, "latest"),
            "chainId": self.w3.eth.chain_id,
            "gas": gas,
            "value": 0,
            **bid.fields(),
        }
