"""Polygon's side of a proof, made up: blocks with receipts of any kind, their tries by py-trie, checkpoints.

The tries, the branches of checkpoints and the receipts are written a second time here, apart from
`scorer.bridge`, so that neither can hide the other's fault.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import rlp
from eth_abi import encode
from eth_utils import keccak
from trie import HexaryTrie

CHILD_CHAIN, ROOT_CHAIN = 80002, 11155111
LEGACY, ACCESS_LIST, FEE_MARKET, BLOB, SET_CODE, STATE_SYNC = 0, 1, 2, 3, 4, 0x7F
TYPES = (LEGACY, ACCESS_LIST, FEE_MARKET, BLOB, SET_CODE, STATE_SYNC)


@dataclass(frozen=True)
class Log:
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes

    @property
    def fields(self) -> list[Any]:
        return [self.address, list(self.topics), self.data]


@dataclass(frozen=True)
class Receipt:
    logs: tuple[Log, ...] = ()
    kind: int = FEE_MARKET
    gas: int = 21_000

    @property
    def encoded(self) -> bytes:
        body = rlp.encode(
            [
                b"\x01",
                rlp.sedes.big_endian_int.serialize(self.gas),
                bytes(256),
                [log.fields for log in self.logs],
            ]
        )
        return (bytes([self.kind]) if self.kind else b"") + bytes(body)


@dataclass(frozen=True)
class Block:
    number: int
    receipts: tuple[Receipt, ...] = ()
    time: int = 1_700_000_000
    transactions_root: bytes = keccak(b"transactions")

    @cached_property
    def trie(self) -> HexaryTrie:
        trie = HexaryTrie({})
        for index, receipt in enumerate(self.receipts):
            trie[rlp.encode(index)] = receipt.encoded
        return trie

    @property
    def leaf(self) -> bytes:
        types = ["uint256", "uint256", "bytes32", "bytes32"]
        values = [self.number, self.time, self.transactions_root, self.trie.root_hash]
        return keccak(encode(types, values))

    def receipt_proof(self, index: int) -> list[bytes]:
        """The nodes down to a receipt, without those that are inside another."""
        nodes = [rlp.encode(node) for node in self.trie.get_proof(rlp.encode(index))]
        return [nodes[0], *(node for node in nodes[1:] if len(node) >= 32)]


def merkle(leaves: list[bytes], index: int) -> tuple[bytes, list[bytes]]:
    """Root and branch of Heimdall's tree, by recursion from the top."""
    height = 0
    while 1 << height < len(leaves):
        height += 1
    padded = leaves + [bytes(32)] * ((1 << height) - len(leaves))

    def root(part: list[bytes]) -> bytes:
        half = len(part) // 2
        return part[0] if len(part) == 1 else keccak(root(part[:half]) + root(part[half:]))

    branch: list[bytes] = []
    part = padded
    while len(part) > 1:
        half = len(part) // 2
        mine, other = (part[:half], part[half:]) if index < half else (part[half:], part[:half])
        branch.insert(0, root(other))
        index, part = index % half, mine
    return root(padded), branch


@dataclass
class Chain:
    """Blocks of Polygon, and the checkpoints over them on the chain under test."""

    store: Any
    poster: Any
    blocks: dict[int, Block] = field(default_factory=dict)
    checkpoints: int = 0

    def checkpoint(self, blocks: list[Block], number: int | None = None) -> int:
        """Post a checkpoint over some blocks that follow each other; its number."""
        self.checkpoints += 1
        posted = self.checkpoints * 10_000 if number is None else number
        self.blocks |= {block.number: block for block in blocks}
        root, _ = merkle([block.leaf for block in blocks], 0)
        self.store.post(posted, root, blocks[0].number, blocks[-1].number, sender=self.poster)
        return posted

    def prove(
        self, checkpoint: int, blocks: list[Block], number: int, index: int, log: int
    ) -> tuple[Any, ...]:
        """The proof of a log, as CheckpointProof.Proof."""
        block = self.blocks[number]
        _, branch = merkle([each.leaf for each in blocks], number - blocks[0].number)
        return (
            checkpoint,
            branch,
            block.number,
            block.time,
            block.transactions_root,
            block.trie.root_hash,
            index,
            block.receipt_proof(index),
            log,
        )


def quiet(first: int, last: int) -> list[Block]:
    """Blocks in which nothing happened."""
    return [Block(number) for number in range(first, last + 1)]


def interoperable(chain_id: int, address: str) -> bytes:
    """An address with its chain, as ERC-7930 writes it."""
    reference = chain_id.to_bytes((chain_id.bit_length() + 7) // 8, "big")
    return b"\0\x01\0\0" + bytes([len(reference)]) + reference + b"\x14" + bytes.fromhex(address[2:])


def message(number: int, sender: str, recipient: str, payload: bytes) -> bytes:
    """A gateway's message, encoded."""
    return encode(["(uint256,address,address,bytes)"], [(number, sender, recipient, payload)])


def transfer(chain_id: int, sender: str, receiver: str, amount: int) -> bytes:
    """The payload of a transfer of the token."""
    values = [interoperable(chain_id, sender), bytes.fromhex(receiver[2:]), amount]
    return encode(["bytes", "bytes", "uint256"], values)


def message_id(chain_id: int, gateway: str, to_chain_id: int, content: bytes) -> bytes:
    """The id of a message that a gateway sent."""
    return keccak(
        encode(["uint256", "address", "uint256", "bytes"], [chain_id, gateway, to_chain_id, content])
    )


POSTED = keccak(text="Posted(bytes32,bytes)")


def posted_log(gateway: str, content: bytes) -> Log:
    """The log by which a gateway on Polygon sends a message."""
    id_ = message_id(CHILD_CHAIN, gateway, ROOT_CHAIN, content)
    return Log(bytes.fromhex(gateway[2:]), (POSTED, id_), encode(["bytes"], [content]))
