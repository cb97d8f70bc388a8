"""CheckpointProof: against a second implementation, and every way to change a proof"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import ape
import pytest
import rlp
from eth_utils import keccak
from polygon import STATE_SYNC, TYPES, Block, Log, Receipt, quiet
from states import state

from scorer.bridge.checkpoints import root_and_branch
from scorer.bridge.receipts import receipts_trie

if TYPE_CHECKING:
    from conftest import Bridge
    from support import House

SEED = 20_260_731
SIZES = (1, 2, 3, 16, 17, 127, 128, 129, 130, 255, 256, 257, 300)
"""Transactions in a block: indices whose RLP is one byte or two, paths that end in a branch, odd and even."""


@state
def reader(house: House, harness_types: Any) -> Any:
    return harness_types["ProofReader"].deploy(sender=house.admin)


def some_log(rng: random.Random) -> Log:
    topics = tuple(rng.randbytes(32) for _ in range(rng.randrange(5)))
    return Log(rng.randbytes(20), topics, rng.randbytes(rng.choice((0, 1, 31, 32, 33, 55, 56, 300))))


def some_block(rng: random.Random, number: int, size: int) -> Block:
    """A block of receipts of any type, the last of them of state syncs; logs in some."""
    kinds = [rng.choice(TYPES[:-1]) for _ in range(size - 1)] + [STATE_SYNC]
    receipts = (
        Receipt(tuple(some_log(rng) for _ in range(rng.randrange(4))), kind, rng.randrange(2**40))
        for kind in kinds
    )
    return Block(number, tuple(receipts), rng.randrange(2**40), rng.randbytes(32))


def as_rpc(block: Block) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The block and its receipts as an endpoint gives them."""
    receipts = [
        {
            "status": 1,
            "cumulativeGasUsed": receipt.gas,
            "logsBloom": bytes(256),
            "type": receipt.kind,
            "transactionHash": keccak(rlp.encode(index)),
            "logs": [
                {"address": "0x" + log.address.hex(), "topics": list(log.topics), "data": log.data}
                for log in receipt.logs
            ],
        }
        for index, receipt in enumerate(block.receipts)
    ]
    header = {"number": block.number, "hash": bytes(32), "receiptsRoot": block.trie.root_hash}
    return header, receipts


@pytest.mark.parametrize("size", SIZES)
def test_every_log_of_a_block_is_proved_by_either_implementation(
    bridge: Bridge, reader: Any, size: int
) -> None:
    rng = random.Random(SEED + size)
    count = rng.choice((1, 2, 3, 5, 8, 9))
    place = rng.randrange(count)
    first = 10_000 * size
    blocks = quiet(first, first + count - 1)
    blocks[place] = block = some_block(rng, first + place, size)
    number = bridge.polygon.checkpoint(blocks)
    ours = receipts_trie(*as_rpc(block))
    _, branch = root_and_branch([each.leaf for each in blocks], place)
    indices = {0, size - 1, *rng.sample(range(size), min(size, 12))}
    for index in sorted(indices):
        for log in range(len(block.receipts[index].logs)):
            proof = bridge.polygon.prove(number, blocks, block.number, index, log)
            assert ours.proof(rlp.encode(index)) == proof[7]
            assert branch == proof[1]
            found = reader.read(bridge.polygon.store, proof)
            expected = block.receipts[index].logs[log]
            assert bytes.fromhex(found.emitter[2:]) == expected.address
            assert tuple(map(bytes, found.topics)) == expected.topics
            assert bytes(found.data) == expected.data


CHECKPOINT, BRANCH, NUMBER, TIME, TRANSACTIONS, RECEIPTS, INDEX, NODES, LOG = range(9)


@state
def proved(bridge: Bridge) -> tuple[Any, ...]:
    """A right proof of a log in a block of some transactions, in a checkpoint of five blocks."""
    rng = random.Random(SEED)
    blocks = quiet(100, 104)
    blocks[3] = Block(103, tuple(Receipt((some_log(rng), some_log(rng))) for _ in range(40)))
    number = bridge.polygon.checkpoint(blocks)
    return bridge.polygon.prove(number, blocks, 103, 17, 1)


def with_(proof: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    return (*proof[:place], value, *proof[place + 1 :])


def test_reverts_on_a_checkpoint_that_is_not_there(bridge: Bridge, reader: Any, proved: Any) -> None:
    with ape.reverts(reader.UnknownCheckpoint, checkpoint=7):
        reader.read(bridge.polygon.store, with_(proved, CHECKPOINT, 7))


@pytest.mark.parametrize("number", [99, 105, 0, 2**256 - 1])
def test_reverts_on_a_block_outside_of_the_checkpoint(
    bridge: Bridge, reader: Any, proved: Any, number: int
) -> None:
    with ape.reverts(reader.BlockOutsideCheckpoint, blockNumber=number, start=100, end=104):
        reader.read(bridge.polygon.store, with_(proved, NUMBER, number))


def test_reverts_on_a_branch_of_another_length(bridge: Bridge, reader: Any, proved: Any) -> None:
    """Else a node of the tree could pass for a block."""
    branch = proved[BRANCH]
    for other in ([], branch[:-1], [*branch, bytes(32)]):
        with ape.reverts(reader.WrongBlockProofLength, length=len(other), expected=3):
            reader.read(bridge.polygon.store, with_(proved, BRANCH, other))


@pytest.mark.parametrize("place", [NUMBER, TIME, TRANSACTIONS, RECEIPTS, BRANCH])
def test_reverts_where_anything_of_the_block_is_changed(
    bridge: Bridge, reader: Any, proved: Any, place: int
) -> None:
    value = proved[place]
    if place == BRANCH:
        changed = [[*value[:i], _flipped(value[i]), *value[i + 1 :]] for i in range(len(value))]
    else:
        changed = [value + 1 if isinstance(value, int) else _flipped(value)]
    for each in changed:
        with ape.reverts(reader.NotInCheckpoint):
            reader.read(bridge.polygon.store, with_(proved, place, each))


def _flipped(content: bytes, bit: int = 0) -> bytes:
    return (int.from_bytes(content, "big") ^ (1 << bit)).to_bytes(len(content), "big")


def test_reverts_where_any_byte_of_the_receipts_proof_is_changed(
    bridge: Bridge, reader: Any, proved: Any
) -> None:
    rng, nodes = random.Random(SEED), proved[NODES]
    for _ in range(60):
        place = rng.randrange(len(nodes))
        changed = [*nodes]
        changed[place] = _flipped(nodes[place], rng.randrange(8 * len(nodes[place])))
        with ape.reverts():
            reader.read(bridge.polygon.store, with_(proved, NODES, changed))


def test_reverts_on_nodes_missing_or_too_many_or_out_of_order(
    bridge: Bridge, reader: Any, proved: Any
) -> None:
    nodes = proved[NODES]
    for other in ([], nodes[:-1], nodes[1:], [*nodes, nodes[-1]], nodes[::-1]):
        with ape.reverts(reader.TrieProofTraversalError):
            reader.read(bridge.polygon.store, with_(proved, NODES, other))


@pytest.mark.parametrize("index", [16, 18, 0, 39, 40, 2**256 - 1])
def test_reverts_on_another_transaction(bridge: Bridge, reader: Any, proved: Any, index: int) -> None:
    with ape.reverts():
        reader.read(bridge.polygon.store, with_(proved, INDEX, index))


@pytest.mark.parametrize("log", [2, 2**256 - 1])
def test_reverts_on_a_log_that_the_receipt_has_not(
    bridge: Bridge, reader: Any, proved: Any, log: int
) -> None:
    with ape.reverts(reader.NoSuchLog, logIndex=log, count=2):
        reader.read(bridge.polygon.store, with_(proved, LOG, log))


@pytest.mark.parametrize("first", [0x80, 0xB8, 0xBF])
def test_reverts_on_a_receipt_that_is_none(bridge: Bridge, reader: Any, first: int) -> None:
    class Odd(Receipt):
        @property
        def encoded(self) -> bytes:
            return bytes([first]) + bytes(40)

    block = Block(900 + first, (Odd(),))
    number = bridge.polygon.checkpoint([block])
    with ape.reverts(reader.MalformedReceipt, firstByte=first):
        reader.read(bridge.polygon.store, bridge.polygon.prove(number, [block], block.number, 0, 0))


def test_reverts_on_a_list_of_other_fields(bridge: Bridge, reader: Any) -> None:
    class Short(Receipt):
        @property
        def encoded(self) -> bytes:
            return b"\x02" + bytes(rlp.encode([b"\x01", b"\x02", bytes(256)]))

    block = Block(800, (Short(),))
    number = bridge.polygon.checkpoint([block])
    with ape.reverts(reader.MalformedReceipt, firstByte=2):
        reader.read(bridge.polygon.store, bridge.polygon.prove(number, [block], 800, 0, 0))


def test_a_receipt_of_a_transactions_trie_is_no_receipt(bridge: Bridge, reader: Any, proved: Any) -> None:
    """The two roots of a block cannot take each other's place."""
    swapped = with_(with_(proved, TRANSACTIONS, proved[RECEIPTS]), RECEIPTS, proved[TRANSACTIONS])
    with ape.reverts(reader.NotInCheckpoint):
        reader.read(bridge.polygon.store, swapped)
