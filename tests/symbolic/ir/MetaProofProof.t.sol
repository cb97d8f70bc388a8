// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MetaProof} from "../../../contracts/lib/MetaProof.sol";
import {ScoreProof} from "../../../contracts/lib/ScoreProof.sol";

/// @title MetaProofProof
/// @notice The steps that MetaProof rests on, each for all inputs of three ids: which orders it takes, what it adds to sums
/// that lie side by side, which ranks it takes for right, and how a tree is filled up. Loops are proved for three ids, or four
/// leaves: every further turn is the same as one of these.
contract MetaProofProof {
    /* ORDER */

    /// @dev All six permutations, and four that are none.
    function check_hashAfter_takes_only_the_sorted_permutation_of_three(uint64[3] calldata values, uint8 order)
        external
        view
    {
        for (uint8 i; i < 10; ++i) {
            if (order != i) continue;
            uint8[3] memory ids = _order(i);
            bytes memory predictions = abi.encodePacked(values[0], values[1], values[2]);
            bool taken = true;
            try this.hashAfter(1, predictions, _packed(ids), new bytes(30)) {}
            catch {
                taken = false;
            }
            bool inOrder = values[ids[0] % 3] <= ScoreProof.INFINITY && values[ids[1] % 3] <= ScoreProof.INFINITY
                && values[ids[2] % 3] <= ScoreProof.INFINITY;
            assert(taken == (inOrder && _isSorted([uint256(values[0]), values[1], values[2]], ids)));
        }
    }

    function check_isRankedBy_takes_only_the_sorted_permutation_of_three(uint80[3] calldata sums, uint8 order)
        external
        view
    {
        for (uint8 i; i < 10; ++i) {
            if (order != i) continue;
            uint8[3] memory ids = _order(i);
            bool taken = true;
            try this.isRankedBy(abi.encodePacked(sums[0], sums[1], sums[2]), _packed(ids), new bytes(12)) {}
            catch {
                taken = false;
            }
            assert(taken == _isSorted([uint256(sums[0]), sums[1], sums[2]], ids));
        }
    }

    /* SUMS */

    /// @dev Of an order in which ids change places, with every kind of tie. A rank is at most 5.
    function check_hashAfter_adds_position_times_doubled_rank(
        uint64[3] calldata values,
        uint64 position,
        uint72[3] calldata sums
    ) external view {
        require(values[2] <= ScoreProof.INFINITY);
        uint8[3] memory ids = [1, 0, 2];
        require(_isSorted([uint256(values[0]), values[1], values[2]], ids));
        uint256[3] memory ranks = _ranks([uint256(values[0]), values[1], values[2]], ids);
        bytes memory expected;
        for (uint256 i; i < 3; ++i) {
            expected = abi.encodePacked(expected, uint80(sums[i] + uint80(position) * uint80(ranks[i])));
        }
        bytes memory predictions = abi.encodePacked(values[0], values[1], values[2]);
        bytes memory before = abi.encodePacked(uint80(sums[0]), uint80(sums[1]), uint80(sums[2]));
        assert(this.hashAfter(position, predictions, _packed(ids), before) == keccak256(expected));
    }

    function check_hashOfZeros_is_that_of_ten_bytes_an_id() external pure {
        assert(MetaProof.hashOfZeros(3) == keccak256(new bytes(30)));
    }

    /* RANKS */

    /// @dev Whatever stands beside the ranks.
    function check_isRankedBy_is_true_of_the_right_ranks_alone(
        uint80[3] calldata sums,
        uint16[3] calldata places,
        uint16[3] calldata ranks
    ) external view {
        uint8[3] memory ids = [1, 0, 2];
        require(_isSorted([uint256(sums[0]), sums[1], sums[2]], ids));
        uint256[3] memory right = _ranks([uint256(sums[0]), sums[1], sums[2]], ids);
        bytes memory records =
            abi.encodePacked(places[0], ranks[0], places[1], ranks[1], places[2], ranks[2]);
        bool expected = ranks[0] == right[0] && ranks[1] == right[1] && ranks[2] == right[2];
        bytes memory content = abi.encodePacked(sums[0], sums[1], sums[2]);
        assert(this.isRankedBy(content, _packed(ids), records) == expected);
    }

    /* TREE */

    function check_rootOf_fills_a_tree_up_with_its_last_hash(bytes32[4] calldata given, uint8 count) external view {
        for (uint8 i = 1; i < 5; ++i) {
            if (count != i) continue;
            bytes32[] memory hashes = new bytes32[](i);
            bytes32[4] memory leaves;
            for (uint256 j; j < 4; ++j) {
                if (j < i) hashes[j] = given[j];
                leaves[j] = keccak256(bytes.concat(keccak256(bytes.concat(hashes[j < i ? j : i - 1]))));
            }
            bytes32 left = keccak256(bytes.concat(leaves[0], leaves[1]));
            bytes32 right = keccak256(bytes.concat(leaves[2], leaves[3]));
            assert(this.rootOf(hashes, 4) == keccak256(bytes.concat(left, right)));
        }
    }

    /* LIBRARY, whose bytes lie in calldata */

    function hashAfter(uint256 position, bytes calldata predictions, bytes calldata order, bytes calldata sums)
        external
        pure
        returns (bytes32)
    {
        return MetaProof.hashAfter(3, position, predictions, order, sums);
    }

    function isRankedBy(bytes calldata sums, bytes calldata order, bytes calldata records)
        external
        pure
        returns (bool)
    {
        return MetaProof.isRankedBy(3, sums, order, records);
    }

    function rootOf(bytes32[] calldata hashes, uint256 width) external pure returns (bytes32) {
        return MetaProof.rootOf(hashes, width);
    }

    /* PRIVATE */

    function _order(uint256 number) private pure returns (uint8[3] memory) {
        if (number == 0) return [0, 1, 2];
        if (number == 1) return [0, 2, 1];
        if (number == 2) return [1, 0, 2];
        if (number == 3) return [1, 2, 0];
        if (number == 4) return [2, 0, 1];
        if (number == 5) return [2, 1, 0];
        if (number == 6) return [0, 0, 1];
        if (number == 7) return [1, 1, 1];
        if (number == 8) return [0, 1, 3];
        return [3, 2, 1];
    }

    function _packed(uint8[3] memory ids) private pure returns (bytes memory) {
        return abi.encodePacked(uint16(ids[0]), uint16(ids[1]), uint16(ids[2]));
    }

    function _isSorted(uint256[3] memory values, uint8[3] memory ids) private pure returns (bool) {
        if (ids[0] > 2 || ids[1] > 2 || ids[2] > 2) return false;
        if (ids[0] == ids[1] || ids[0] == ids[2] || ids[1] == ids[2]) return false;
        return _isBefore(values, ids[0], ids[1]) && _isBefore(values, ids[1], ids[2]);
    }

    function _isBefore(uint256[3] memory values, uint256 first, uint256 second) private pure returns (bool) {
        return values[first] < values[second] || (values[first] == values[second] && first < second);
    }

    /// @dev By id: twice the average place, counted from 1, less one.
    function _ranks(uint256[3] memory values, uint8[3] memory ids) private pure returns (uint256[3] memory ranks) {
        bool firstTied = values[ids[0]] == values[ids[1]];
        bool lastTied = values[ids[1]] == values[ids[2]];
        if (firstTied && lastTied) return [uint256(3), 3, 3];
        (ranks[ids[0]], ranks[ids[1]], ranks[ids[2]]) = (1, 3, 5);
        if (firstTied) (ranks[ids[0]], ranks[ids[1]]) = (2, 2);
        if (lastTied) (ranks[ids[1]], ranks[ids[2]]) = (4, 4);
    }
}
