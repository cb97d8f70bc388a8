// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SubmissionTree} from "../../contracts/lib/SubmissionTree.sol";

/// @title SubmissionTreeProof
/// @notice A place in a tree of eight leaves is that leaf's alone. The prover takes for granted that keccak256 does not
/// collide.
contract SubmissionTreeProof {
    /// @dev A path for each place, as the prover reads calldata at known places only.
    function check_a_path_of_three_leads_to_the_root_of_eight_leaves(bytes32[8] calldata leaves, uint8 at)
        external
        view
    {
        for (uint8 i; i < 8; ++i) {
            if (at != i) continue;
            bytes32[] memory siblings = new bytes32[](3);
            siblings[0] = leaves[i ^ 1];
            siblings[1] = _node(leaves, (i >> 1) ^ 1);
            siblings[2] = _half(leaves, (i >> 2) ^ 1);
            assert(this.rootOf(leaves[i], i, siblings) == _root(leaves));
        }
    }

    function check_no_other_leaf_stands_at_a_place(
        bytes32[8] calldata leaves,
        uint8 at,
        bytes32 other,
        bytes32[3] calldata path
    ) external view {
        for (uint8 i; i < 8; ++i) {
            if (at != i) continue;
            bytes32[] memory siblings = new bytes32[](3);
            (siblings[0], siblings[1], siblings[2]) = (path[0], path[1], path[2]);
            if (this.rootOf(other, i, siblings) == _root(leaves)) assert(other == leaves[i]);
        }
    }

    function check_a_place_beyond_the_tree_has_no_root(bytes32 leaf, uint256 index, bytes32 a, bytes32 b)
        external
        view
    {
        require(index > 3);
        bytes32[] memory siblings = new bytes32[](2);
        (siblings[0], siblings[1]) = (a, b);
        assert(this.rootOf(leaf, index, siblings) == 0);
    }

    function check_a_leaf_is_a_hash_of_the_hash_of_what_it_commits_to(uint256 a, bytes32 b) external pure {
        assert(SubmissionTree.leafOf(abi.encode(a, b)) == keccak256(bytes.concat(keccak256(abi.encode(a, b)))));
    }

    function rootOf(bytes32 leaf, uint256 index, bytes32[] calldata siblings) external pure returns (bytes32) {
        return SubmissionTree.rootOf(leaf, index, siblings);
    }

    function _node(bytes32[8] calldata leaves, uint256 at) private pure returns (bytes32) {
        return keccak256(bytes.concat(leaves[2 * at], leaves[2 * at + 1]));
    }

    function _half(bytes32[8] calldata leaves, uint256 at) private pure returns (bytes32) {
        return keccak256(bytes.concat(_node(leaves, 2 * at), _node(leaves, 2 * at + 1)));
    }

    function _root(bytes32[8] calldata leaves) private pure returns (bytes32) {
        return keccak256(bytes.concat(_half(leaves, 0), _half(leaves, 1)));
    }
}
