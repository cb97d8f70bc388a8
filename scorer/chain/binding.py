"""Binds the package's contracts to their addresses on a chain."""

from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractEvents, ContractFunctions

from scorer.chain.artifacts import abi


class _BoundContract(Contract):
    """A contract at an address, with its functions and events and nothing else.

    web3's own way makes a class for each contract, and binds each function five times: to that class, to the
    contract, and to a caller of either, which nobody here uses. It takes five times as long.
    """

    def __init__(self, w3: Web3, name: str, address: str) -> None:
        self.w3, self.abi, self.address = w3, abi(name), Web3.to_checksum_address(address)  # type: ignore[assignment]
        self.functions = ContractFunctions(self.abi, w3, self.address, decode_tuples=True)
        self.events = ContractEvents(self.abi, w3, self.address)


def bound(w3: Web3, name: str, address: str) -> Contract:
    """Bind one of the package's contracts to an address; structs have their fields as attributes."""
    return _BoundContract(w3, name, address)
