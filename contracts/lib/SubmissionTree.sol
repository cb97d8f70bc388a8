// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title SubmissionTree
/// @notice Places in a Merkle tree whose shape is known: leaves in an order of their own, filled up with zeros to a power of
/// two, and each node the hash of its left and its right child (scorer/protocol/merkle.py).
/// A leaf is a hash of a hash, 32 bytes: no inner node, which is a hash of 64 bytes, can pass for one, nor a zero for either.
library SubmissionTree {
    /// @notice The root of the tree in which `leaf` stands at `index`, given its siblings from the bottom up.
    /// @dev An index beyond the tree's width gives no root of anything, zero.
    function rootOf(bytes32 leaf, uint256 index, bytes32[] calldata siblings) internal pure returns (bytes32 root) {
        if (siblings.length > 255 || index >> siblings.length != 0) return 0;
        root = leaf;
        for (uint256 i; i < siblings.length; ++i) {
            root = (index >> i) & 1 == 0
                ? keccak256(abi.encode(root, siblings[i]))
                : keccak256(abi.encode(siblings[i], root));
        }
    }

    /// @notice A leaf of the encoded words that it commits to.
    function leafOf(bytes memory encoded) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(encoded)));
    }
}
