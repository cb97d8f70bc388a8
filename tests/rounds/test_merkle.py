"""Merkle roots and proofs against OpenZeppelin's own library, run by node."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak

from scorer.rounds.merkle import merkle_proof, merkle_root, submission_leaf

ROOT = Path(__file__).parents[2]
OPENZEPPELIN = """
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");
const trees = JSON.parse(require("fs").readFileSync(0));
const built = trees.map((values) => {
  const tree = StandardMerkleTree.of(values, ["uint256", "bytes32", "bytes32"]);
  return { root: tree.root, proofs: values.map((_, index) => tree.getProof(index)) };
});
console.log(JSON.stringify(built));
"""
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 33)


def submissions_of(count: int) -> list[tuple[int, bytes, bytes]]:
    return [
        (7 * number + 2**70 * (number % 2), keccak(bytes([count, number])), keccak(bytes([number, 65])))
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def openzeppelin() -> dict[int, Any]:
    """What OpenZeppelin makes of `submissions_of` each size."""
    values = [
        [[str(model), *("0x" + word.hex() for word in words)] for model, *words in submissions_of(count)]
        for count in SIZES
    ]
    done = subprocess.run(
        ["node", "-e", OPENZEPPELIN],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return dict(zip(SIZES, json.loads(done.stdout), strict=True))


def verifies(proof: list[bytes], root: bytes, leaf: bytes) -> bool:
    """MerkleProof.verify of OpenZeppelin's contracts."""
    for sibling in proof:
        leaf = keccak(leaf + sibling if leaf < sibling else sibling + leaf)
    return leaf == root


@pytest.mark.parametrize("count", SIZES)
def test_roots_and_proofs_are_those_of_openzeppelin(count: int, openzeppelin: dict[int, Any]) -> None:
    leaves = [submission_leaf(*each) for each in submissions_of(count)]
    assert "0x" + merkle_root(leaves).hex() == openzeppelin[count]["root"]
    proofs = [["0x" + node.hex() for node in merkle_proof(leaves, leaf)] for leaf in leaves]
    assert proofs == openzeppelin[count]["proofs"]


@pytest.mark.parametrize("count", SIZES)
def test_every_proof_verifies_for_its_leaf_and_for_no_other(count: int) -> None:
    leaves = [submission_leaf(*each) for each in submissions_of(count)]
    root = merkle_root(leaves)
    for leaf in leaves:
        proof = merkle_proof(leaves, leaf)
        assert [other for other in leaves if verifies(proof, root, other)] == [leaf]


def test_the_root_does_not_depend_on_the_order_of_leaves() -> None:
    leaves = [submission_leaf(*each) for each in submissions_of(9)]
    assert merkle_root(leaves) == merkle_root(leaves[::-1]) == merkle_root(sorted(leaves))


def test_a_tree_without_leaves_has_the_zero_root() -> None:
    assert merkle_root([]) == bytes(32)


def test_a_single_leaf_is_the_root_and_needs_no_proof() -> None:
    leaf = submission_leaf(1, b"\1" * 32, b"\3" * 32)
    assert merkle_root([leaf]) == leaf
    assert merkle_proof([leaf], leaf) == []


def test_model_content_and_signature_all_count_for_a_leaf() -> None:
    leaf = submission_leaf(1, b"\1" * 32, b"\3" * 32)
    assert submission_leaf(2, b"\1" * 32, b"\3" * 32) != leaf
    assert submission_leaf(1, b"\2" * 32, b"\3" * 32) != leaf
    assert submission_leaf(1, b"\1" * 32, b"\4" * 32) != leaf


@pytest.mark.parametrize("count", [0, 1, 5])
def test_there_is_no_proof_for_a_leaf_of_another_tree(count: int) -> None:
    leaves = [submission_leaf(*each) for each in submissions_of(count)]
    with pytest.raises(ValueError, match=f"expected one of the tree's {count} leaves, found"):
        merkle_proof(leaves, merkle_root(leaves) if count > 1 else b"\1" * 32)
