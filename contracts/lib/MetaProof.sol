// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ScoreProof} from "./ScoreProof.sol";

/// @title MetaProof
/// @notice Adds a submission to the sums of which the meta model is made, ranks the sums, and builds the tree of their hashes,
/// as scorer/proofs/meta_steps.py does.
///
/// Sums have SUM_BYTES bytes an id, big-endian and without gaps. A position has 64 bits, as all positions of a round together
/// have, and a doubled rank has 16: no sum of an honest report passes 80 bits.
library MetaProof {
    uint256 internal constant SUM_BYTES = 10;
    /// @dev Bits of a word in which no sum stands when it is read at the top.
    uint256 private constant BELOW_SUM = 176;
    /// @dev The rank of a record that is read at the top of a word, and what takes one from it: the borrow goes to its place in
    /// the palette, which is not looked at.
    uint256 private constant RANK = 0xffff << 224;
    uint256 private constant ONE_LESS = 0xffffffff << 224;
    uint256 private constant TOP_64 = 0xffffffffffffffff << 192;
    uint256 private constant TOP_80 = 0xffffffffffffffffffff << 176;

    /* STEPS */

    /// @notice keccak256 of the sums before the first submission.
    function hashOfZeros(uint256 n) internal pure returns (bytes32) {
        return keccak256(new bytes(SUM_BYTES * n));
    }

    /// @notice keccak256 of the sums after a submission: of each id, `position` times its doubled rank more.
    /// @dev Reverts if a length is not that of n ids (`WrongLength`), the order is not the one (`NotAscending`), or a
    /// prediction is negative or no number (`NotOrdered`).
    function hashAfter(
        uint256 n,
        uint256 position,
        bytes calldata predictions,
        bytes calldata order,
        bytes calldata sums
    ) internal pure returns (bytes32 digest) {
        _requireLength(0, predictions.length, 8 * n);
        _requireLength(6, sums.length, SUM_BYTES * n);
        _requireIds(n, order);
        uint256 start = _copy(sums);
        uint256 largest =
            _addRanks(n, _at(predictions), 8, TOP_64, _at(order), start, SUM_BYTES, position << BELOW_SUM);
        if (largest >> 192 > ScoreProof.INFINITY) revert ScoreProof.NotOrdered(largest >> 192);
        assembly ("memory-safe") {
            digest := keccak256(start, sums.length)
        }
    }

    /// @notice Whether the meta model's ranks in records (ScoreProof) are those of sums.
    /// @dev Reverts as `hashAfter` does; records of another length are never the ranks.
    function isRankedBy(uint256 n, bytes calldata sums, bytes calldata order, bytes calldata records)
        internal
        pure
        returns (bool)
    {
        _requireLength(6, sums.length, SUM_BYTES * n);
        _requireIds(n, order);
        if (records.length != 4 * n) return false;
        uint256 start = _copy(records);
        // One less for each rank: what is left of those that are right is zero.
        _addRanks(n, _at(sums), SUM_BYTES, TOP_80, _at(order), start, 4, ONE_LESS);
        uint256 left;
        assembly ("memory-safe") {
            for { let end := add(start, shl(2, n)) } lt(start, end) { start := add(start, 4) } {
                left := or(left, and(mload(start), RANK))
            }
        }
        return left == 0;
    }

    /* TREE */

    /// @notice The root of the leaves of a width, a power of two, of which the last hash given fills what is left.
    function rootOf(bytes32[] calldata hashes, uint256 width) internal pure returns (bytes32 root) {
        assembly ("memory-safe") {
            let start := mload(0x40)
            let end := add(start, shl(5, width))
            let from := hashes.offset
            let last := add(from, shl(5, sub(hashes.length, 1)))
            for { let to := start } lt(to, end) { to := add(to, 0x20) } {
                mstore(0, calldataload(from))
                mstore(0, keccak256(0, 0x20))
                mstore(to, keccak256(0, 0x20))
                if lt(from, last) { from := add(from, 0x20) }
            }
            // Each level takes the place of the left half of the one below.
            for {} gt(sub(end, start), 0x20) {} {
                let to := start
                for { let at := start } lt(at, end) { at := add(at, 0x40) } {
                    mstore(to, keccak256(at, 0x40))
                    to := add(to, 0x20)
                }
                end := to
            }
            root := mload(start)
        }
    }

    /* PRIVATE */

    /// @dev A copy in memory, and a word more, as the last field is read and written with what lies behind it.
    function _copy(bytes calldata content) private pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := mload(0x40)
            calldatacopy(start, content.offset, content.length)
            mstore(0x40, and(add(add(start, content.length), 0x3f), not(0x1f)))
        }
    }

    /// @dev Adds to each id's field its doubled rank times `unit`. Fields lie in memory from `start` on, `stride` bytes apart, each
    /// at the top of a word; what a word gains stays within its field or leaves it at the top.
    /// Values stand in calldata from `values` on, `width` bytes apart, each at the top of a word (`mask`).
    /// Keys (value, id) that ascend strictly are n different ones, so are their ids, and n different ids below n are all.
    /// @param at where the order stands: 2 bytes an id.
    /// @return key of the largest value.
    function _addRanks(
        uint256 n,
        uint256 values,
        uint256 width,
        uint256 mask,
        uint256 at,
        uint256 start,
        uint256 stride,
        uint256 unit
    ) private pure returns (uint256 key) {
        bytes4 notAscending = ScoreProof.NotAscending.selector;
        assembly ("memory-safe") {
            let end := add(at, shl(1, n))
            // The half of a sum of two places counts from where the order stands.
            let less := mul(unit, at)
            let id := shr(240, calldataload(at))
            if iszero(lt(id, n)) {
                mstore(0, notAscending)
                revert(0, 4)
            }
            key := or(and(calldataload(add(values, mul(width, id))), mask), id)
            for {} lt(at, end) {} {
                let first := at
                for {} 1 {} {
                    at := add(at, 2)
                    if eq(at, end) { break }
                    id := shr(240, calldataload(at))
                    let next := or(and(calldataload(add(values, mul(width, id))), mask), id)
                    if iszero(and(gt(next, key), lt(id, n))) {
                        mstore(0, notAscending)
                        revert(0, 4)
                    }
                    // Equal values have keys that differ in their ids alone.
                    let apart := gt(xor(next, key), 0xffff)
                    key := next
                    if apart { break }
                }
                // The group at places a to b - 1 has the doubled rank a + b, and places are 2 bytes apart.
                let gain := sub(mul(unit, shr(1, add(first, at))), less)
                for {} 1 {} {
                    let field := add(start, mul(stride, shr(240, calldataload(first))))
                    mstore(field, add(mload(field), gain))
                    first := add(first, 2)
                    if eq(first, at) { break }
                }
            }
        }
    }

    function _requireIds(uint256 n, bytes calldata order) private pure {
        if (n < 2 || n > ScoreProof.MAX_IDS) revert ScoreProof.IdsOutOfRange(n, 2, ScoreProof.MAX_IDS);
        _requireLength(1, order.length, 2 * n);
    }

    function _at(bytes calldata content) private pure returns (uint256 offset) {
        assembly ("memory-safe") {
            offset := content.offset
        }
    }

    function _requireLength(uint256 what, uint256 length, uint256 expected) private pure {
        if (length != expected) revert ScoreProof.WrongLength(what, length, expected);
    }
}
