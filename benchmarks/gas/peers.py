"""What others cost to pay as many recipients: their own artifacts from npm, our token, the same chain.

Uniswap's MerkleDistributor (``@uniswap/merkle-distributor``): every recipient claims with a proof. Safe's
MultiSendCallOnly (``@gnosis.pm/safe-contracts``): one account sends an ERC-20 transfer to each. Neither takes
a stake, locks it or burns of it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from eth_hash.auto import keccak
from web3 import Web3
from web3.contract import Contract

from benchmarks.gas.metered import Gas
from benchmarks.gas.rounds import ADMIN, STAKER, Tournament
from scorer.units import wei_from_nano

DISTRIBUTOR: Final = "@uniswap/merkle-distributor/build/MerkleDistributor.json"
_SAFE: Final = "@gnosis.pm/safe-contracts/build/artifacts/contracts"
MULTISEND: Final = f"{_SAFE}/libraries/MultiSendCallOnly.sol/MultiSendCallOnly.json"
TRANSFERS_AT_ONCE: Final = 1_000
CLAIMS_A_WORD: Final = 256
"""Claimed recipients are bits of words; each word's first claim costs more. A sample is a word."""


@dataclass(frozen=True)
class Payment:
    """One recipient's payout, wei."""

    index: int
    account: str
    amount: int

    @property
    def leaf(self) -> bytes:
        """As the distributor hashes it."""
        account = bytes.fromhex(self.account.removeprefix("0x"))
        return keccak(self.index.to_bytes(32, "big") + account + self.amount.to_bytes(32, "big"))


def payments(count: int) -> list[Payment]:
    """Payouts of the size that a round pays."""
    amounts = np.random.default_rng(0).integers(10**7, 10**10, count).tolist()
    return [
        Payment(index, Web3.to_checksum_address(keccak(b"recipient %d" % index)[12:]), wei_from_nano(amount))
        for index, amount in enumerate(amounts)
    ]


def layers_of(leaves: list[bytes]) -> list[list[bytes]]:
    """A Merkle tree of sorted pairs, from the leaves to the root; one without a partner moves up as it is."""
    layers = [leaves]
    while len(layers[-1]) > 1:
        below = layers[-1]
        layers.append([keccak(b"".join(sorted(below[at : at + 2]))) if at + 1 < len(below) else below[at]
                       for at in range(0, len(below), 2)])  # fmt: skip
    return layers


def proof_of(layers: list[list[bytes]], index: int) -> list[bytes]:
    """The partners of a leaf on its way to the root."""
    proof = []
    for layer in layers[:-1]:
        if index ^ 1 < len(layer):
            proof.append(layer[index ^ 1])
        index //= 2
    return proof


def deployed(tournament: Tournament, path: Path, *arguments: Any) -> Contract:
    """A peer, from its own artifact."""
    if not path.is_file():
        raise FileNotFoundError(f"expected a peer's artifact at {path}, found none; run make setup")
    artifact = json.loads(path.read_text())
    bytecode = artifact["bytecode"]
    factory = tournament.meter.w3.eth.contract(abi=artifact["abi"], bytecode=bytecode)
    receipt = tournament.meter.send(tournament.account(ADMIN), factory.constructor(*arguments))
    contract: Contract = tournament.meter.w3.eth.contract(
        address=receipt["contractAddress"], abi=artifact["abi"]
    )
    return contract


def claims(tournament: Tournament, modules: Path, paid: list[Payment]) -> tuple[Gas, int]:
    """What claims cost, and how many: all, or a whole word of them."""
    layers = layers_of([payment.leaf for payment in paid])
    token = tournament.suite.token
    distributor = deployed(tournament, modules / DISTRIBUTOR, token.address, layers[-1][0])
    total = sum(payment.amount for payment in paid)
    tournament.meter.send(tournament.account(ADMIN), token.functions.transfer(distributor.address, total))
    sample = paid[:CLAIMS_A_WORD]
    gas = Gas()
    for payment in sample:
        proof = proof_of(layers, payment.index)
        call = distributor.functions.claim(payment.index, payment.account, payment.amount, proof)
        gas += tournament.measure(STAKER, call)
    return gas, len(sample)


def multisend(tournament: Tournament, modules: Path, paid: list[Payment], *, measured: bool) -> Gas:
    """What it costs to send every recipient a transfer, a thousand in a transaction."""
    sender = deployed(tournament, modules / MULTISEND)
    token = tournament.suite.token
    total = sum(payment.amount for payment in paid)
    tournament.meter.send(tournament.account(ADMIN), token.functions.transfer(sender.address, total + 1))
    gas = Gas()
    for at in range(0, len(paid), TRANSFERS_AT_ONCE):
        packed = b"".join(_transfer(token, payment) for payment in paid[at : at + TRANSFERS_AT_ONCE])
        call = sender.functions.multiSend(packed)
        if measured:
            gas += tournament.measure(ADMIN, call)
        else:
            tournament.meter.send(tournament.account(ADMIN), call)
    return gas


def _transfer(token: Contract, payment: Payment) -> bytes:
    """One call in Safe's packing: operation, target, value, length, data."""
    data = bytes.fromhex(token.encode_abi("transfer", [payment.account, payment.amount]).removeprefix("0x"))
    target = bytes.fromhex(token.address.removeprefix("0x"))
    return b"\0" + target + bytes(32) + len(data).to_bytes(32, "big") + data
