"""Uniswap's own contracts of its second version, as npm ships them, with pools for made-up tokens."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from web3 import Web3
from web3.contract import Contract

from scorer.errors import CupelError
from scorer.lab.plain_sender import Sender

FACTORY: Final = "node_modules/@uniswap/v2-core/build/UniswapV2Factory.json"
ROUTER: Final = "node_modules/@uniswap/v2-periphery/build/UniswapV2Router02.json"
FOREVER: Final = 2**40
"""A deadline, Unix seconds."""


class NoUniswap(CupelError):
    """Uniswap's contracts are not installed."""


def package_artifact(file: Path) -> tuple[list[dict[str, Any]], str]:
    """Return ABI and creation code of a contract in a package of npm.

    Raises
    ------
    NoUniswap
        When it is not there.
    """
    try:
        found = json.loads(file.read_text())
        return list(found["abi"]), "0x" + str(found["bytecode"]).removeprefix("0x")
    except (OSError, ValueError, KeyError) as error:
        raise NoUniswap(f"{file}: expected a compiled contract, found {error}; run npm ci") from None


@dataclass(frozen=True)
class Uniswap:
    """Factory and router on a chain."""

    factory: Contract
    router: Contract

    @classmethod
    def deploy(cls, sender: Sender, repository: Path, cash: str) -> "Uniswap":
        """Deploy both; `cash` stands for wrapped ether, which nobody uses here."""
        factory = deployed(sender, *package_artifact(repository / FACTORY), sender.address)
        return cls(factory, deployed(sender, *package_artifact(repository / ROUTER), factory.address, cash))

    def add_pool(self, sender: Sender, cash: Contract, token: Contract, amount: int) -> str:
        """Put as much of both tokens into a new pool; its address."""
        for each in (cash, token):
            sender.send(each.functions.approve(self.router.address, amount))
        amounts = amount, amount, 0, 0, sender.address, FOREVER
        sender.send(self.router.functions.addLiquidity(cash.address, token.address, *amounts))
        pair: str = self.factory.functions.getPair(cash.address, token.address).call()
        return pair


def deployed(sender: Sender, abi: list[dict[str, Any]], code: str, *arguments: Any) -> Contract:
    """Deploy a contract from its ABI and creation code."""
    constructor = sender.w3.eth.contract(abi=abi, bytecode=code).constructor(*arguments)
    address = sender.send(constructor)["contractAddress"]
    if address is None:
        raise NoUniswap("expected a contract in the block, found none")
    return sender.w3.eth.contract(Web3.to_checksum_address(address), abi=abi)
