"""The two EVMs under test, asked and sent to without the layers that ape and web3 put in between.

Of the CPU that ape takes for a transaction, py-evm works for a third and anvil for a tenth. The rest goes
into models of transactions and receipts, and questions about fees, nonces and blocks, which nobody asks here.
"""

from __future__ import annotations

import http.client
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from eth.exceptions import Revert
from eth.vm.spoof import SpoofTransaction
from eth_utils import to_checksum_address

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

GENESIS_PARENT = b"\0" * 32
NOBODY = b"\0" * 20


class Reverted(Exception):
    """A call that failed: `data` is what it returned, `raiser` gives the contract that returned it first."""

    def __init__(self, data: bytes, raiser: Callable[[], str]) -> None:
        super().__init__(data.hex())
        self.data, self.raiser = data, raiser


@dataclass(frozen=True)
class Mined:
    """A transaction that a block contains; `logs` as JSON-RPC names their fields."""

    block_number: int
    gas_used: int
    logs: list[dict[str, Any]]


class Evm(Protocol):
    """What tests ask of a chain. The clock is in seconds since the epoch."""

    def call(self, sender: str | None, to: str, data: bytes) -> bytes:
        """The answer to a call in the newest block."""

    def send(self, sender: Any, to: str, data: bytes) -> Mined:
        """Mine a block with one transaction of an account."""

    def head(self) -> tuple[int, int]:
        """Number and timestamp of the newest block."""

    def set_time(self, timestamp: int) -> None:
        """Let the next block have this timestamp."""

    def mine(self) -> None:
        """Mine an empty block."""

    def snapshot(self) -> Any:
        """A name for the chain as it is now."""

    def restore(self, snapshot: Any) -> None:
        """Go back to a snapshot, which uses it up."""


class PyEvm:
    """py-evm in this process, as ape started it; signatures are made and checked as ever.

    A block is a pure function of its parent and of what is mined on it, and py-evm keeps every block. So what
    a test sends on a block on which another test sent the same is not executed again: that block becomes the
    newest one.
    """

    def __init__(self, backend: Any, first: str) -> None:
        self._backend, self._first = backend, first
        self._keys = {key.public_key.to_checksum_address(): key for key in backend.account_keys}
        self._view: tuple[bytes, Any] = (b"", None)
        self._answers: dict[Hashable, bytes | Reverted] = {}
        self._blocks: dict[Hashable, tuple[Mined | Reverted | None, Any]] = {}

    def call(self, sender: str | None, to: str, data: bytes) -> bytes:
        asked = self._chain.header.parent_hash, sender, to, data
        if asked not in self._answers:
            self._answers[asked] = self._called(sender or self._first, to, data)
        return _unless_reverted(self._answers[asked])

    def send(self, sender: Any, to: str, data: bytes) -> Mined:
        return _unless_reverted(self._next_block((sender.address, to, data), self._sent))

    def head(self) -> tuple[int, int]:
        header = self._newest().get_header()
        return header.block_number, header.timestamp

    def set_time(self, timestamp: int) -> None:
        self._chain.set_header_timestamp(timestamp)

    def mine(self) -> None:
        self._next_block((), self._seal)

    def snapshot(self) -> Any:
        return self._chain.chaindb.get_canonical_head()

    def restore(self, snapshot: Any) -> None:
        chaindb = self._chain.chaindb
        chaindb._set_as_canonical_chain_head(chaindb.db, snapshot, GENESIS_PARENT)
        self._chain.header = self._chain.create_header_from_parent(snapshot)

    def _called(self, sender: str, to: str, data: bytes) -> bytes | Reverted:
        vm, from_ = self._newest(), bytes.fromhex(sender[2:])
        unsigned = self._unsigned(from_, to, data)
        snapshot = vm.state.snapshot()
        computation = vm.state.apply_transaction(SpoofTransaction(unsigned, from_=from_))
        vm.state.revert(snapshot)
        return _reverted(computation) or bytes(computation.output)

    def _sent(self, sender: str, to: str, data: bytes) -> Mined | Reverted:
        key = self._keys[sender]
        unsigned = self._unsigned(key.public_key.to_canonical_address(), to, data)
        block, receipt, computation = self._chain.apply_transaction(unsigned.as_signed_transaction(key))
        self._seal()
        logs = [
            {
                "address": to_checksum_address(address),
                "topics": [f"0x{topic:064x}" for topic in topics],
                "data": f"0x{content.hex()}",
                "logIndex": index,
            }
            for index, (address, topics, content) in enumerate(computation.get_log_entries())
        ]
        return _reverted(computation) or Mined(block.number, receipt.gas_used, logs)

    def _seal(self) -> None:
        self._chain.mine_block(coinbase=NOBODY, mix_hash=os.urandom(32), blob_gas_used=0)

    def _next_block(self, sent: tuple[Any, ...], mine: Callable[..., Any]) -> Any:
        """Mine what is sent on the newest block, or take the block that this came to before."""
        pending = self._chain.header
        known = pending.parent_hash, pending.timestamp, sent
        if known in self._blocks:
            came_to, newest = self._blocks[known]
            self.restore(newest)
        else:
            came_to = mine(*sent)
            self._blocks[known] = came_to, self.snapshot()
        return came_to

    @property
    def _chain(self) -> Any:
        return self._backend.chain

    def _newest(self) -> Any:
        """The machine at the newest block, kept while that block is the newest."""
        newest = self._chain.header.parent_hash
        if self._view[0] != newest:
            self._view = newest, self._chain.get_vm(at_header=self._chain.chaindb.get_canonical_head())
        return self._view[1]

    def _unsigned(self, sender: bytes, to: str, data: bytes) -> Any:
        vm = self._newest()
        # The fee of the newest block may be above that of the next one, never below an eighth less.
        fee = 2 * vm.get_header().base_fee_per_gas
        return self._chain.get_transaction_builder().new_unsigned_dynamic_fee_transaction(
            chain_id=self._chain.chain_id,
            nonce=vm.state.get_nonce(sender),
            max_priority_fee_per_gas=0,
            max_fee_per_gas=fee,
            gas=vm.get_header().gas_limit,
            to=bytes.fromhex(to[2:]),
            value=0,
            data=data,
            access_list=(),
        )


def _unless_reverted(came_to: Any) -> Any:
    """Raise what a call or a transaction failed with."""
    if isinstance(came_to, Reverted):
        raise Reverted(came_to.data, came_to.raiser)
    return came_to


def _reverted(computation: Any) -> Reverted | None:
    """What a computation failed with, if it did."""
    if not computation.is_error:
        return None
    data = bytes(computation.output) if isinstance(computation._error, Revert) else b""
    message = list(_passing_on(computation, data))[-1].msg
    return Reverted(data, lambda: to_checksum_address(message.code_address or message.storage_address))


def _passing_on(computation: Any, data: bytes) -> Iterator[Any]:
    """A computation that failed with `data`, and those from which it has that."""
    yield computation
    for child in computation.children:
        if child.is_error and bytes(child.output) == data:
            yield from _passing_on(child, data)
            return


class Anvil:
    """anvil in a process of its own, as ape started it, over one connection that is kept open."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        self._connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        self._gas = self._ask("eth_getBlockByNumber", "latest", False)["gasLimit"]

    def call(self, sender: str | None, to: str, data: bytes) -> bytes:
        asked = self._transaction(sender, to, data)
        answer = self._answer("eth_call", asked, "latest")
        if "error" in answer:
            raise Reverted(_data_of(answer["error"]), lambda: self._raiser(asked, to))
        return bytes.fromhex(answer["result"][2:])

    def send(self, sender: Any, to: str, data: bytes) -> Mined:
        sent = self._transaction(sender.address, to, data)
        receipt = self._ask("eth_sendTransactionSync", sent | {"gas": self._gas})
        if receipt["status"] == "0x0":
            self.call(sender.address, to, data)
            raise AssertionError("expected a transaction that failed to fail again, found that it does not")
        return Mined(int(receipt["blockNumber"], 16), int(receipt["gasUsed"], 16), receipt["logs"])

    def head(self) -> tuple[int, int]:
        block = self._ask("eth_getBlockByNumber", "latest", False)
        return int(block["number"], 16), int(block["timestamp"], 16)

    def set_time(self, timestamp: int) -> None:
        self._ask("evm_setNextBlockTimestamp", timestamp)

    def mine(self) -> None:
        self._ask("evm_mine")

    def snapshot(self) -> Any:
        return self._ask("evm_snapshot")

    def restore(self, snapshot: Any) -> None:
        assert self._ask("evm_revert", snapshot), f"expected to go back to {snapshot}, found it taken"

    def _transaction(self, sender: str | None, to: str, data: bytes) -> dict[str, str]:
        named = {} if sender is None else {"from": sender}
        return named | {"to": to, "data": f"0x{data.hex()}"}

    def _raiser(self, asked: dict[str, str], to: str) -> str:
        frame = self._ask("debug_traceCall", asked, "latest", {"tracer": "callTracer"})
        output = frame.get("output")
        while child := next((c for c in frame.get("calls", ()) if _failed_with(c, output)), None):
            frame = child
        return to_checksum_address(frame.get("to", to))

    def _ask(self, method: str, *parameters: Any) -> Any:
        answer = self._answer(method, *parameters)
        assert "error" not in answer, f"anvil refused {method}: {answer['error']}"
        return answer["result"]

    def _answer(self, method: str, *parameters: Any) -> Any:
        asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        content = json.dumps(asked).encode()
        self._connection.request("POST", "/", content, {"Content-Type": "application/json"})
        return json.loads(self._connection.getresponse().read())


def _failed_with(frame: dict[str, Any], output: str | None) -> bool:
    return "error" in frame and frame.get("output") == output


def _data_of(error: dict[str, Any]) -> bytes:
    return bytes.fromhex((error.get("data") or "0x")[2:])
