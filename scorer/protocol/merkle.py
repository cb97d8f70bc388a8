"""The Merkle tree of a round's submissions, whose leaves are in the order of models.

A leaf is ``keccak(keccak(abi.encode(uint256 modelId, bytes32 contentHash, bytes32 ciphertextHash, bytes32
keccak(signature), uint256 verdict)))``: the root fixes what a model predicts, what was signed, and whether it
counts, so nothing about validity can change after the seal. It is hashed twice so that no inner node can pass
for a leaf.

The tree is perfect: the leaves are filled up with zeros to a power of two, and a node is the hash of its left
and its right child, in this order. So a proof says where its leaf stands, and two neighbours prove that no
model between theirs submitted.
"""

from collections.abc import Sequence
from typing import Final

from eth_hash.auto import keccak

NO_LEAF: Final = bytes(32)
"""Fills a tree up; nobody knows anything whose hash it is."""


def submission_leaf(
    model_id: int, content_hash: bytes, ciphertext_hash: bytes, signature_hash: bytes, *, is_valid: bool
) -> bytes:
    """Return the leaf that commits to one model's submission and to the verdict on it.

    Parameters
    ----------
    content_hash
        32 bytes, see `scorer.protocol.digest.content_hash`.
    ciphertext_hash
        32 bytes; zeros where predictions were submitted in the clear.
    signature_hash
        The Keccak-256 of the signature's bytes, whatever they are: a bad signature is fixed too.
    """
    model, verdict = model_id.to_bytes(32, "big"), int(is_valid).to_bytes(32, "big")
    return keccak(keccak(model + content_hash + ciphertext_hash + signature_hash + verdict))


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Return the tree from its leaves, filled up, to its root."""
    # The next power of two; one leaf is its own root.
    width = 1 << max(len(leaves) - 1, 0).bit_length()
    levels = [[*leaves, *[NO_LEAF] * (width - len(leaves))]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([keccak(below[left] + below[left + 1]) for left in range(0, len(below), 2)])
    return levels


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over `leaves` in their order; 32 zero bytes when there are none."""
    return _levels(leaves)[-1][0]


def merkle_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the siblings on the way from the leaf at `index` to the root.

    Raises
    ------
    IndexError
        When there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"expected the place of one of the tree's {len(leaves)} leaves, found {index}")
    levels = _levels(leaves)[:-1]
    return [level[(index >> height) ^ 1] for height, level in enumerate(levels)]
