"""Merkle roots and proofs against OpenZeppelin's own library, run by node; what the leaves' order proves."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak

from scorer.protocol.merkle import NO_LEAF, merkle_proof, merkle_root, submission_leaf

ROOT = Path(__file__).parents[2]
OPENZEPPELIN = """
const { SimpleMerkleTree } = require("@openzeppelin/merkle-tree");
const { keccak256 } = require("ethereum-cryptography/keccak");
const { hexToBytes, bytesToHex } = require("ethereum-cryptography/utils");
const pair = (a, b) => "0x" + bytesToHex(keccak256(hexToBytes(a.slice(2) + b.slice(2))));
const built = JSON.parse(require("fs").readFileSync(0)).map((leaves) => {
  const tree = SimpleMerkleTree.of(leaves, { sortLeaves: false, nodeHash: pair });
  return { root: tree.root, nodes: tree.dump().tree };
});
console.log(JSON.stringify(built));
"""
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 33)
HASH = b"\1" * 32


def leaves_of(count: int) -> list[bytes]:
    return [
        submission_leaf(
            7 * number + 1,
            keccak(bytes([count, number])),
            bytes(32) if number % 2 else keccak(bytes([number])),
            keccak(bytes([number, 65])),
            is_valid=number % 3 > 0,
        )
        for number in range(count)
    ]


def filled(leaves: list[bytes]) -> list[bytes]:
    """As OpenZeppelin's library, which counts from the right and fills nothing up, is to be given them."""
    width = 1
    while width < len(leaves):
        width *= 2
    return [*leaves, *[NO_LEAF] * (width - len(leaves))][::-1]


@pytest.fixture(scope="module")
def openzeppelin() -> dict[int, Any]:
    """What OpenZeppelin makes of `leaves_of` each size."""
    given = [["0x" + leaf.hex() for leaf in filled(leaves_of(count))] for count in SIZES]
    done = subprocess.run(
        ["node", "-e", OPENZEPPELIN],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return dict(zip(SIZES, json.loads(done.stdout), strict=True))


def siblings(nodes: list[str], at: int) -> Iterator[str]:
    """The siblings on the way from a node of a heap to its root."""
    while at > 0:
        yield nodes[at - 1 if at % 2 == 0 else at + 1]
        at = (at - 1) // 2


def verifies(proof: list[bytes], root: bytes, leaf: bytes, index: int) -> bool:
    """What a contract computes: the place says on which side each sibling is."""
    for height, sibling in enumerate(proof):
        leaf = keccak(sibling + leaf) if index >> height & 1 else keccak(leaf + sibling)
    return leaf == root


@pytest.mark.parametrize("count", SIZES)
def test_roots_and_proofs_are_those_of_openzeppelin(count: int, openzeppelin: dict[int, Any]) -> None:
    leaves = leaves_of(count)
    assert "0x" + merkle_root(leaves).hex() == openzeppelin[count]["root"]
    nodes = openzeppelin[count]["nodes"]  # a heap: the root first, the leaves last
    for index in range(count):
        proof = ["0x" + node.hex() for node in merkle_proof(leaves, index)]
        assert proof == list(siblings(nodes, len(nodes) // 2 + index))


@pytest.mark.parametrize("count", SIZES)
def test_every_proof_verifies_for_its_leaf_at_its_place_and_for_no_other(count: int) -> None:
    leaves = leaves_of(count)
    root = merkle_root(leaves)
    for index in range(count):
        proof = merkle_proof(leaves, index)
        found = [
            (place, leaf)
            for place in range(1 << len(proof))
            for leaf in (*leaves, NO_LEAF)
            if verifies(proof, root, leaf, place)
        ]
        assert found == [(index, leaves[index])]


def test_the_root_depends_on_the_order_of_leaves() -> None:
    leaves = leaves_of(9)
    assert merkle_root(leaves) != merkle_root(leaves[::-1])


def test_a_tree_without_leaves_has_the_zero_root() -> None:
    assert merkle_root([]) == bytes(32)


def test_a_single_leaf_is_the_root_and_needs_no_proof() -> None:
    (leaf,) = leaves_of(1)
    assert merkle_root([leaf]) == leaf
    assert merkle_proof([leaf], 0) == []


def test_every_word_counts_for_a_leaf() -> None:
    other = b"\2" * 32
    leaves = {
        submission_leaf(1, HASH, HASH, HASH, is_valid=True),
        submission_leaf(2, HASH, HASH, HASH, is_valid=True),
        submission_leaf(1, other, HASH, HASH, is_valid=True),
        submission_leaf(1, HASH, other, HASH, is_valid=True),
        submission_leaf(1, HASH, HASH, other, is_valid=True),
        submission_leaf(1, HASH, HASH, HASH, is_valid=False),
    }
    assert len(leaves) == 6


@pytest.mark.parametrize(("count", "index"), [(0, 0), (1, 1), (5, 5), (5, -1)])
def test_there_is_no_proof_for_a_place_without_a_leaf(count: int, index: int) -> None:
    with pytest.raises(IndexError, match=f"expected the place of one of the tree's {count} leaves, found"):
        merkle_proof(leaves_of(count), index)
