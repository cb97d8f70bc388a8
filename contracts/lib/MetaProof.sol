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
        (uint256 ranks, uint256 largest) = _rank(n, predictions, 8, TOP_64, order);
        if (largest >> 192 > ScoreProof.INFINITY) revert ScoreProof.NotOrdered(largest >> 192);
        assembly ("memory-safe") {
            let start := mload(0x40)
            let to := start
            let from := sums.offset
            for { let end := add(ranks, shl(5, n)) } lt(ranks, end) { ranks := add(ranks, 0x20) } {
                let sum := add(shr(BELOW_SUM, calldataload(from)), mul(position, mload(ranks)))
                // What it leaves behind it is the next one's place.
                mstore(to, shl(BELOW_SUM, sum))
                from := add(from, SUM_BYTES)
                to := add(to, SUM_BYTES)
            }
            digest := keccak256(start, sub(to, start))
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
        if (records.length != 4 * n) return false;
        (uint256 ranks,) = _rank(n, sums, SUM_BYTES, TOP_80, order);
        uint256 bad;
        assembly ("memory-safe") {
            let at := records.offset
            for { let end := add(ranks, shl(5, n)) } lt(ranks, end) { ranks := add(ranks, 0x20) } {
                bad := or(bad, xor(and(shr(224, calldataload(at)), 0xffff), mload(ranks)))
                at := add(at, 4)
            }
        }
        return bad == 0;
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

    /// @dev Doubled ranks in memory, a word an id, of values of `width` bytes that stand at the top of a word (`mask`).
    /// @return ranks where they lie.
    /// @return largest the key of the largest value.
    function _rank(uint256 n, bytes calldata values, uint256 width, uint256 mask, bytes calldata order)
        private
        pure
        returns (uint256 ranks, uint256 largest)
    {
        if (n < 2 || n > ScoreProof.MAX_IDS) revert ScoreProof.IdsOutOfRange(n, 2, ScoreProof.MAX_IDS);
        _requireLength(1, order.length, 2 * n);
        uint256 at;
        bool untied;
        assembly ("memory-safe") {
            ranks := mload(0x40)
            mstore(0x40, add(ranks, shl(5, n)))
            at := order.offset
            let end := add(at, shl(1, n))
            let rank := 1
            // Values that ascend strictly are those of n different ids, and n different ids below n are all: the ranks are 1,
            // 3, 5 and so on. A bit below each value puts zero above nothing.
            for {} lt(at, end) { at := add(at, 2) } {
                let id := shr(240, calldataload(at))
                let next := or(and(calldataload(add(values.offset, mul(width, id))), mask), 1)
                if iszero(and(gt(next, largest), lt(id, n))) { break }
                largest := next
                mstore(add(ranks, shl(5, id)), rank)
                rank := add(rank, 2)
            }
            untied := eq(at, end)
        }
        if (!untied) largest = _rankTied(n, values, width, mask, order, ranks, at);
    }

    /// @dev The same where some are equal. Keys (value, id) that ascend strictly are n different ones, and so are their ids.
    /// @param from where the first id stands that is not above the one before it: all before have their ranks. Else a tie of the
    /// largest values would cost both ways, and no transaction has the gas for that.
    /// @return largest the key of the largest value.
    function _rankTied(
        uint256 n,
        bytes calldata values,
        uint256 width,
        uint256 mask,
        bytes calldata order,
        uint256 ranks,
        uint256 from
    ) private pure returns (uint256 largest) {
        bytes4 notAscending = ScoreProof.NotAscending.selector;
        assembly ("memory-safe") {
            // The group at places a to b - 1 has the doubled rank a + b, and places are 2 bytes apart.
            let at := order.offset
            let twice := shl(1, at)
            let end := add(at, shl(1, n))
            if gt(from, at) { at := sub(from, 2) }
            let id := shr(240, calldataload(at))
            if iszero(lt(id, n)) {
                mstore(0, notAscending)
                revert(0, 4)
            }
            let key := or(and(calldataload(add(values.offset, mul(width, id))), mask), id)
            for {} lt(at, end) {} {
                let first := at
                for {} 1 {} {
                    at := add(at, 2)
                    if eq(at, end) { break }
                    id := shr(240, calldataload(at))
                    let next := or(and(calldataload(add(values.offset, mul(width, id))), mask), id)
                    if iszero(and(gt(next, key), lt(id, n))) {
                        mstore(0, notAscending)
                        revert(0, 4)
                    }
                    // Equal values have keys that differ in their ids alone.
                    let apart := gt(xor(next, key), 0xffff)
                    key := next
                    if apart { break }
                }
                let rank := shr(1, sub(add(first, at), twice))
                for {} lt(first, at) { first := add(first, 2) } {
                    mstore(add(ranks, shl(5, shr(240, calldataload(first)))), rank)
                }
            }
            largest := key
        }
    }

    function _requireLength(uint256 what, uint256 length, uint256 expected) private pure {
        if (length != expected) revert ScoreProof.WrongLength(what, length, expected);
    }
}
