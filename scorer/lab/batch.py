"""Sends many transactions at once: each batch is one request, and as few blocks as its gas fits into."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.types import RPCEndpoint

from scorer.chain.calldata import calldata
from scorer.chain.fees import GWEI, FeePolicy, GasMarket
from scorer.lab.anvil import Anvil

PAGE: Final = 100
"""Transactions in one request."""
MINING: Final = 60.0
"""Seconds until all of a batch must be mined."""
POLL: Final = 0.02
LOCAL_FEES: Final = FeePolicy(tip=GWEI)


class BatchRefused(Exception):
    """A transaction of a batch was not taken, not mined in time, or reverted."""


@dataclass(frozen=True)
class BatchCall:
    """One transaction: its gas limit is given, as an estimate would need those before it to be mined."""

    to: str
    data: bytes
    gas: int

    @classmethod
    def of(cls, call: ContractFunction, gas: int) -> "BatchCall":
        """Encode a call of a contract."""
        return cls(str(call.address), calldata(call), gas)


@dataclass(frozen=True)
class BatchSender:
    """Sends the calls of one account under consecutive nonces, and waits for all of them together.

    Attributes
    ----------
    anvil
        A chain that otherwise mines each transaction at once; None: blocks come by themselves.
    """

    w3: Web3
    fees: FeePolicy = LOCAL_FEES
    anvil: Anvil | None = None

    @classmethod
    def on(cls, anvil: Anvil) -> "BatchSender":
        """Send to a local chain that mines at once."""
        return cls(anvil.w3, anvil=anvil)

    def run(self, *batches: tuple[LocalAccount, Sequence[BatchCall]]) -> None:
        """Send the calls of several accounts, in any order between them, and wait until all are mined.

        Raises
        ------
        BatchRefused
            When one is not taken, reverts, or is not mined in time.
        """
        with self._held():
            hashes = [sent for account, calls in batches for sent in self._send(account, calls)]
        self._wait(hashes)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Let the chain mine only once everything is in its pool."""
        if self.anvil is None:
            yield
            return
        self.anvil.mines(at_once=False)
        try:
            yield
            self.anvil.mine_pool()
        finally:
            self.anvil.mines(at_once=True)

    def _send(self, account: LocalAccount, calls: Sequence[BatchCall]) -> list[str]:
        bid = self.fees.bid(GasMarket(int(self.w3.eth.get_block("latest").get("baseFeePerGas", 0))))
        if bid is None:
            raise BatchRefused("expected fees below the ceiling, found them above")
        shared = {"chainId": self.w3.eth.chain_id, "value": 0, **bid.fields()}
        nonce = self.w3.eth.get_transaction_count(account.address, "latest")
        signed = []
        for number, call in enumerate(calls):
            unsigned: Any = {"nonce": nonce + number, "to": call.to, "data": call.data, "gas": call.gas}
            signed.append(Web3.to_hex(account.sign_transaction(unsigned | shared).raw_transaction))
        return self._ask("eth_sendRawTransaction", signed)

    def _wait(self, hashes: Sequence[str]) -> None:
        until, left = time.monotonic() + MINING, list(hashes)
        while left:
            receipts = self._ask("eth_getTransactionReceipt", left)
            for sent, receipt in zip(left, receipts, strict=True):
                if receipt is not None and int(receipt["status"], 16) != 1:
                    raise BatchRefused(f"expected a transaction that is executed, found {sent} reverted")
            left = [sent for sent, receipt in zip(left, receipts, strict=True) if receipt is None]
            if left and time.monotonic() > until:
                raise BatchRefused(f"expected {left[0]} mined within {MINING:.0f} s, found it was not")
            if left:
                time.sleep(POLL)

    def _ask(self, method: str, parameters: Sequence[str]) -> list[Any]:
        """Return the results of one method for many parameters."""
        results: list[Any] = []
        for first in range(0, len(parameters), PAGE):
            page = [(RPCEndpoint(method), [parameter]) for parameter in parameters[first : first + PAGE]]
            provider: Any = self.w3.provider
            for answer in provider.make_batch_request(page):
                if answer.get("error"):
                    raise BatchRefused(f"expected an answer to {method}, found {answer['error']}")
                results.append(answer.get("result"))
        return results
