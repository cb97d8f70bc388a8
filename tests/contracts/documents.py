"""Consensus documents, their leaves and signatures, written apart from `scorer.agents`."""

from __future__ import annotations

from typing import Any

from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

DOMAIN = {"name": "Cupel Consensus", "version": "1"}
FIELDS = {
    "chainId": "uint256",
    "tournament": "address",
    "roundId": "uint256",
    "memberSet": "bytes32",
    "seal": "bytes32",
    "metaModel": "bytes32",
    "root": "bytes32",
    "assets": "uint32",
    "publishedAt": "uint64",
    "expiresAt": "uint64",
}
ROTATION = {
    "chainId": "uint256",
    "tournament": "address",
    "setId": "uint64",
    "firstRound": "uint64",
    "previous": "bytes32",
    "next": "bytes32",
}


def ascending(members: list[Any]) -> list[Any]:
    return sorted(members, key=lambda member: int(member.address, 16))


def set_hash(members: list[Any], quorum: int) -> bytes:
    addresses = [member.address for member in ascending(members)]
    return bytes(keccak(encode(["address[]", "uint256"], [addresses, quorum])))


def _sign(name: str, fields: dict[str, str], values: Any, member: Any) -> bytes:
    signable = encode_typed_data(
        domain_data=DOMAIN,
        message_types={name: [{"name": field, "type": kind} for field, kind in fields.items()]},
        message_data=dict(zip(fields, values, strict=True)),
    )
    return bytes(Account.sign_message(signable, member.private_key).signature)


def sign(document: dict[str, Any], member: Any) -> bytes:
    return _sign("Consensus", FIELDS, document.values(), member)


def sign_rotation(values: list[Any], member: Any) -> bytes:
    return _sign("Rotation", ROTATION, values, member)


def signed(members: list[Any], signers: list[Any], sign_one: Any) -> tuple[int, bytes]:
    """The bits of signers in the ascending set, and their signatures in that order."""
    order = ascending(members)
    bits = sum(1 << order.index(member) for member in signers)
    return bits, b"".join(sign_one(member) for member in order if member in signers)


def leaf(asset: str, rank: int, weight: int, salt: bytes | None = None) -> tuple[bytes, int, int, bytes]:
    return keccak(text=asset), rank, weight, keccak(text=f"salt of {asset}") if salt is None else salt


def leaf_hash(values: tuple[bytes, int, int, bytes]) -> bytes:
    return bytes(keccak(keccak(encode(["bytes32", "uint32", "int64", "bytes32"], values))))


def levels(hashes: list[bytes]) -> list[list[bytes]]:
    """The perfect tree, filled up with zeros, from its leaves."""
    width = 1
    while width < len(hashes):
        width *= 2
    found = [hashes + [bytes(32)] * (width - len(hashes))]
    while len(found[-1]) > 1:
        below = found[-1]
        found.append([bytes(keccak(below[i] + below[i + 1])) for i in range(0, len(below), 2)])
    return found


def proof(hashes: list[bytes], index: int) -> list[bytes]:
    return [level[(index >> height) ^ 1] for height, level in enumerate(levels(hashes)[:-1])]


LEAVES = [
    leaf("AAA", 10, 500_000_000),
    leaf("BBB", 8, 250_000_000),
    leaf("CCC", 6, 0),
    leaf("DDD", 4, -250_000_000),
    leaf("EEE", 2, -500_000_000),
]
HASHES = [leaf_hash(each) for each in LEAVES]
ROOT = levels(HASHES)[-1][0]
