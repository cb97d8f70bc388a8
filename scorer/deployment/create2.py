"""Addresses that depend on code and salt alone, by a factory that is at the same address on every chain.

The factory is Arachnid's (github.com/Arachnid/deterministic-deployment-proxy): it passes 32 bytes of salt and
the code that follows to CREATE2, and reverts where that fails, so also where the contract is there already.
It is created by one transaction, whose signature was chosen rather than made: nobody has the key of its
sender, and anybody can send it on any chain that takes transactions without a chain id.
"""

from typing import Final

from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

FACTORY: Final = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
FACTORY_CODE: Final = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039"
    "578182fd5b8082525050506014600cf3"
)
FACTORY_DEPLOYER: Final = "0x3fAB184622Dc19b6109349B94811493BF2a45362"
"""The sender of the one transaction that creates the factory."""
FACTORY_TRANSACTION: Final = bytes.fromhex(
    "f8a58085174876e800830186a08080b853604580600e600039806000f350fe"
    + FACTORY_CODE.hex()
    + "1ba0"
    + "22" * 32
    + "a0"
    + "22" * 32
)
FACTORY_COST: Final = 10**16
"""Cost of that transaction, wei: 100,000 gas at 100 gwei."""


def salt_of(*parts: str | int) -> bytes:
    """Return the salt for the words that name a contract: a suite, its instance and a label."""
    return bytes(keccak("/".join(("cupel", *(str(part) for part in parts))).encode()))


def create2_address(salt: bytes, init_code: bytes) -> str:
    """Return the address that the factory gives `init_code`.

    EIP-1014: the last 20 bytes of keccak(0xff, factory, salt, keccak(init_code)).
    """
    factory = bytes.fromhex(FACTORY[2:])
    return str(to_checksum_address(keccak(b"\xff" + factory + salt + keccak(init_code))[12:]))
