"""ape's contracts, whose calls and transactions take the short way to the EVM; see `evms`.

Tests write what they would write with ape alone, and get the same values, events and errors. What is left to
ape: to compile, to deploy, to name accounts, contracts, events and errors, and to run the tests.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ape.api.address import BaseAddress
from ape.contracts.base import ContractCallHandler, ContractTransactionHandler
from ape.exceptions import ContractLogicError, ContractNotFoundError
from ape.exceptions import TransactionError as ApeTransactionError
from ape.utils.abi import Struct
from ape_solidity.compiler import _get_sol_panic
from eth_abi import decode, encode
from eth_pydantic_types import HexBytes
from eth_utils import keccak
from evms import Mined, Reverted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest
    from ape.contracts.base import ContractEvent, ContractMethodHandler
    from ethpm_types.abi import MethodABI
    from evms import Evm

MESSAGE = bytes.fromhex("08c379a0")
"""Selector of Error(string), with which `require` and `revert` give a reason."""
PLAIN = ("uint", "int", "bool")
"""Types that decode to what ape's decoder makes of them too."""


@dataclass(frozen=True)
class Events:
    """What a transaction logged."""

    mined: Mined
    ecosystem: Any

    def filter(self, event: ContractEvent) -> list[Any]:
        """Events of this type that this contract emitted, in their order."""
        emitted = [log for log in self.mined.logs if log["address"].lower() == event.contract.address.lower()]
        return list(self.ecosystem.decode_logs(emitted, event.abi))


@dataclass(frozen=True)
class Receipt:
    """What a transaction that did not revert came to; seconds since the epoch."""

    mined: Mined
    timestamp: int
    ecosystem: Any

    @property
    def gas_used(self) -> int:
        return self.mined.gas_used

    @property
    def events(self) -> Events:
        return Events(self.mined, self.ecosystem)


class ShortWay:
    """Calls and transactions of one EVM."""

    def __init__(self, evm: Evm, chain: Any) -> None:
        self._evm, self._chain = evm, chain
        self._ecosystem = chain.provider.network.ecosystem
        self._signatures: dict[int, Signature] = {}

    def call(self, method: ContractMethodHandler, *arguments: Any, sender: Any = None) -> Any:
        """Ask a view, or what a transaction would return."""
        signature = self._signature(method, len(arguments))
        from_ = None if sender is None else sender.address
        try:
            answer = self._evm.call(from_, method.contract.address, _encoded(signature, arguments))
        except Reverted as reverted:
            raise self._error(method, reverted) from None
        return self._decoded(signature, answer)

    def transact(self, method: ContractMethodHandler, *arguments: Any, sender: Any) -> Receipt:
        """Mine a transaction."""
        data = _encoded(self._signature(method, len(arguments)), arguments)
        try:
            mined = self._evm.send(sender, method.contract.address, data)
        except Reverted as reverted:
            raise self._error(method, reverted) from None
        return Receipt(mined, self._evm.head()[1], self._ecosystem)

    def _signature(self, method: ContractMethodHandler, count: int) -> Signature:
        """The signature of the method that takes so many arguments."""
        (abi,) = [abi for abi in method.abis if len(abi.inputs) == count]
        if id(abi) not in self._signatures:
            self._signatures[id(abi)] = Signature.of(abi)
        return self._signatures[id(abi)]

    def _decoded(self, signature: Signature, answer: bytes) -> Any:
        if signature.plain is not None:
            return decode([signature.plain], answer)[0]
        values = self._ecosystem.decode_returndata(signature.abi, HexBytes(answer))
        return values if len(values) > 1 else next(iter(values), None)

    def _error(self, method: ContractMethodHandler, reverted: Reverted) -> ContractLogicError:
        """The error of the called contract's ABI, or of the contract from which that has it."""
        data = reverted.data
        if data[:4] == MESSAGE:
            return ContractLogicError(decode(["string"], data[4:])[0])
        if not data:
            return ContractLogicError(ApeTransactionError.DEFAULT_MESSAGE)
        if panic := _get_sol_panic(f"0x{data.hex()}"):
            return panic(contract_address=method.contract.address)
        for contract in self._suspects(method, reverted):
            if abi := contract.contract_type.errors.get(data[:4]):
                raised = contract.get_error_by_signature(abi.signature)
                values = self._ecosystem.decode_calldata(abi, data[4:])
                return raised(abi, values, contract_address=contract.address)
        return ContractLogicError(f"0x{data.hex()}")

    def _suspects(self, method: ContractMethodHandler, reverted: Reverted) -> Iterator[Any]:
        yield method.contract
        with suppress(ContractNotFoundError):
            yield self._chain.contracts.instance_at(reverted.raiser())


def take_short_way(patch: pytest.MonkeyPatch, evm: Evm, chain: Any) -> None:
    """Let methods of ape's contracts go the short way, but for calls with options that only ape knows."""
    way = ShortWay(evm, chain)
    for handler, shorter in ((ContractCallHandler, way.call), (ContractTransactionHandler, way.transact)):
        patch.setattr(handler, "__call__", _either(shorter, handler.__call__))


def _either(shorter: Callable[..., Any], ape: Callable[..., Any]) -> Callable[..., Any]:
    def called(method: ContractMethodHandler, *arguments: Any, **options: Any) -> Any:
        way = ape if options.keys() - {"sender"} else shorter
        return way(method, *arguments, **options)

    return called


@dataclass(frozen=True)
class Signature:
    """What it takes to encode a method's arguments, read from its ABI once."""

    abi: MethodABI
    selector: bytes
    types: list[str]
    plain: str | None
    """The type of what it returns, if that is one number or one truth value."""

    @classmethod
    def of(cls, abi: MethodABI) -> Signature:
        types = [given.canonical_type for given in abi.inputs]
        returned = [given.canonical_type for given in abi.outputs]
        plain = len(returned) == 1 and returned[0].rstrip("0123456789") in PLAIN
        return cls(abi, keccak(text=abi.selector)[:4], types, returned[0] if plain else None)


def _encoded(signature: Signature, arguments: tuple[Any, ...]) -> bytes:
    return signature.selector + encode(signature.types, [_plain(value) for value in arguments])


def _plain(value: Any) -> Any:
    """Addresses of accounts and contracts, and structs as their values."""
    if isinstance(value, BaseAddress):
        return value.address
    if isinstance(value, Struct):
        return tuple(_plain(field) for field in value.values())
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
