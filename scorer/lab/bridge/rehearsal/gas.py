"""The gas of every step of a bridge, read from the blocks of a rehearsal."""

from collections.abc import Iterator, Mapping
from typing import Final

from eth_hash.auto import keccak

from scorer.chain.artifacts import abi
from scorer.deployment.blueprint import selector
from scorer.lab.anvil import Anvil
from scorer.lab.bridge.chains import BridgedChains

ON_STATE_RECEIVE: Final = bytes(keccak(b"onStateReceive(uint256,bytes)"))[:4]
EXIT: Final = bytes(keccak(b"exit(bytes)"))[:4]
DEPOSIT: Final = bytes(keccak(b"depositFor(address,address,bytes)"))[:4]
STEPS: Final[tuple[tuple[str, str], ...]] = (
    ("Lockbox", "crosschainTransfer"),
    ("RootGateway", "deliver"),
    ("ChildGateway", "retry"),
    ("CrosschainNumeraire", "crosschainTransfer"),
    ("CrosschainBurnSink", "flush"),
    ("BurnSink", "flush"),
    ("TwinBurnSink", "flush"),
    ("RoundResults", "prove"),
    ("NumeraireGovernor", "propose"),
    ("NumeraireGovernor", "castVote"),
    ("NumeraireGovernor", "queue"),
    ("NumeraireGovernor", "execute"),
    ("RemoteAdmin", "execute"),
)
"""Contracts and functions whose gas is read."""


def gas_of(chains: BridgedChains) -> dict[str, list[int]]:
    """Return the gas of each step, least and most, by chain and step, of all transactions that worked."""
    found: dict[str, list[int]] = {}
    for name, anvil in (("root", chains.root), ("child", chains.child)):
        for step, gas in _used(anvil, _names()):
            found.setdefault(f"{name} {step}", []).append(gas)
    return {step: [min(gas), max(gas)] for step, gas in sorted(found.items())}


def _names() -> Mapping[bytes, str]:
    names = {ON_STATE_RECEIVE: "onStateReceive", EXIT: "exit", DEPOSIT: "depositFor"}
    return names | {selector(contract, step): step for contract, step in STEPS if abi(contract)}


def _used(anvil: Anvil, names: Mapping[bytes, str]) -> Iterator[tuple[str, int]]:
    for number in range(int(anvil.w3.eth.block_number) + 1):
        for transaction in anvil.w3.eth.get_block(number, full_transactions=True)["transactions"]:
            if isinstance(transaction, bytes | str):
                continue
            name = names.get(bytes(transaction["input"])[:4])
            receipt = anvil.w3.eth.get_transaction_receipt(transaction["hash"])
            if name is not None and receipt["status"] == 1:
                yield name, receipt["gasUsed"]
