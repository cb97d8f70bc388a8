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
    /// @dev The ranks of eight records.
    uint256 private constant RANKS = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
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
        uint256 start;
        assembly ("memory-safe") {
            start := mload(0x40)
            calldatacopy(start, sums.offset, sums.length)
            // A sum is changed in a word: the last one's ends behind it.
            mstore(0x40, and(add(add(start, sums.length), 0x3f), not(0x1f)))
        }
        uint256 largest = _addRanks(n, predictions, 8, TOP_64, order, start, SUM_BYTES, position << BELOW_SUM);
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
        if (records.length != 4 * n) return false;
        // Records of nothing but ranks.
        bytes memory ranks = new bytes(4 * n + 0x20);
        uint256 start;
        assembly ("memory-safe") {
            start := add(ranks, 0x20)
        }
        _addRanks(n, sums, SUM_BYTES, TOP_80, order, start, 4, 1 << 224);
        uint256 bad;
        assembly ("memory-safe") {
            let at := records.offset
            let end := add(at, records.length)
            // Eight at a time. Behind the last record something else may stand, which is cut off.
            for {} lt(at, end) { at := add(at, 0x20) } {
                let word := calldataload(at)
                let left := sub(end, at)
                if lt(left, 0x20) { word := and(word, not(shr(shl(3, left), not(0)))) }
                bad := or(bad, xor(and(word, RANKS), mload(start)))
                start := add(start, 0x20)
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

    /// @dev Adds to numbers in memory, one for each id, the doubled ranks of values. Values have `width` bytes and stand at the top
    /// of a word (`mask`). A number stands at the top of the word at `to + stride * id`, where its unit is `unit`: what passes the
    /// top is lost, and what stands below stays as it is. So each is changed as its rank becomes known, and no ranks are kept.
    /// @return largest the key of the largest value.
    function _addRanks(
        uint256 n,
        bytes calldata values,
        uint256 width,
        uint256 mask,
        bytes calldata order,
        uint256 to,
        uint256 stride,
        uint256 unit
    ) private pure returns (uint256 largest) {
        if (n < 2 || n > ScoreProof.MAX_IDS) revert ScoreProof.IdsOutOfRange(n, 2, ScoreProof.MAX_IDS);
        _requireLength(1, order.length, 2 * n);
        uint256 at;
        bool untied;
        assembly ("memory-safe") {
            at := order.offset
            let end := add(at, shl(1, n))
            let more := unit
            let step := shl(1, unit)
            // Values that ascend strictly are those of n different ids, and n different ids below n are all: the ranks are 1,
            // 3, 5 and so on. A bit below each value puts zero above nothing.
            for {} lt(at, end) { at := add(at, 2) } {
                let id := shr(240, calldataload(at))
                let next := or(and(calldataload(add(values.offset, mul(width, id))), mask), 1)
                if iszero(and(gt(next, largest), lt(id, n))) { break }
                largest := next
                let place := add(to, mul(stride, id))
                mstore(place, add(mload(place), more))
                more := add(more, step)
            }
            untied := eq(at, end)
        }
        if (!untied) largest = _addTiedRanks(n, values, width, mask, order, to, stride, unit, at);
    }

    /// @dev The same where some are equal. Keys (value, id) that ascend strictly are n different ones, and so are their ids.
    /// @param from where the first id stands that is not above the one before it: all before have got their ranks. Else a tie of
    /// the largest values would cost both ways.
    /// @return largest the key of the largest value.
    function _addTiedRanks(
        uint256 n,
        bytes calldata values,
        uint256 width,
        uint256 mask,
        bytes calldata order,
        uint256 to,
        uint256 stride,
        uint256 unit,
        uint256 from
    ) private pure returns (uint256 largest) {
        bytes4 notAscending = ScoreProof.NotAscending.selector;
        assembly ("memory-safe") {
            // The group at places a to b - 1 has the doubled rank a + b, and places are 2 bytes apart.
            let at := order.offset
            let twice := shl(1, at)
            let end := add(at, shl(1, n))
            if gt(from, at) {
                // The one before may be the first of a group: it gives back what it got as a group of its own.
                at := sub(from, 2)
                let place := add(to, mul(stride, shr(240, calldataload(at))))
                mstore(place, sub(mload(place), mul(unit, add(sub(at, order.offset), 1))))
            }
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
                let more := mul(unit, shr(1, sub(add(first, at), twice)))
                for {} lt(first, at) { first := add(first, 2) } {
                    let place := add(to, mul(stride, shr(240, calldataload(first))))
                    mstore(place, add(mload(place), more))
                }
            }
            largest := key
        }
    }

    function _requireLength(uint256 what, uint256 length, uint256 expected) private pure {
        if (length != expected) revert ScoreProof.WrongLength(what, length, expected);
    }
}
