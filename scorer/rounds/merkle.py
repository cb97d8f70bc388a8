"""The Merkle tree of a round's submissions, as OpenZeppelin's StandardMerkleTree builds it.

A leaf is ``keccak(keccak(abi.encode(uint256 modelId, bytes32 contentHash, bytes32 keccak(signature))))``:
the root fixes what a model predicts and what was signed, so nothing about validity can change after the
seal. It is hashed twice so that no inner node can pass for a leaf; inner nodes hash their children in
ascending order, so that a proof needs no directions. ``MerkleProof.verify`` of OpenZeppelin's contracts
accepts the proofs.

The fields are static words in a fixed order, with the model first: further words (a ciphertext hash, a
verdict) can be added, and leaves can be put in the order of models, without another way of encoding.
"""

from collections.abc import Sequence

from eth_hash.auto import keccak


def submission_leaf(model_id: int, content_hash: bytes, signature_hash: bytes) -> bytes:
    """The leaf that commits to one model's submission.

    Parameters
    ----------
    content_hash
        32 bytes, see `scorer.rounds.digest.content_hash`.
    signature_hash
        The Keccak-256 of the signature's bytes, whatever they are: a bad signature is fixed too.
    """
    return keccak(keccak(model_id.to_bytes(32, "big") + content_hash + signature_hash))


def _parent(left: bytes, right: bytes) -> bytes:
    return keccak(min(left, right) + max(left, right))


def _nodes(leaves: Sequence[bytes]) -> list[bytes]:
    """The tree as a heap: the root first, the sorted leaves last and in reverse."""
    nodes = [b""] * (len(leaves) - 1) + sorted(leaves, reverse=True)
    for index in reversed(range(len(leaves) - 1)):
        nodes[index] = _parent(nodes[2 * index + 1], nodes[2 * index + 2])
    return nodes


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over `leaves` in any order; 32 zero bytes when there are none."""
    return _nodes(leaves)[0] if leaves else bytes(32)


def merkle_proof(leaves: Sequence[bytes], leaf: bytes) -> list[bytes]:
    """The siblings on the way from `leaf` to the root.

    Raises
    ------
    ValueError
        When `leaf` is not one of `leaves`.
    """
    if leaf not in leaves:
        raise ValueError(f"expected one of the tree's {len(leaves)} leaves, found {leaf.hex()}")
    nodes = _nodes(leaves)
    index = nodes.index(leaf, len(leaves) - 1)
    proof = []
    while index > 0:
        proof.append(nodes[index + 1 if index % 2 else index - 1])
        index = (index - 1) // 2
    return proof
