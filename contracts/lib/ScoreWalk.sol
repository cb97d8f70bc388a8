// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ScoreProof} from "./ScoreProof.sol";

/// @title ScoreWalk
/// @notice The sums of ScoreProof, added up by walking along the order of the predictions, which may be cut anywhere: a walk
/// goes on in another transaction where one has no gas for all ids. Bytes lie as ScoreProof has it.
///
/// Keys (prediction, id) must ascend strictly along the whole walk, across its cuts. So n ids are n different ones, which are
/// all, and each is counted once with its place, its target and its meta model. ScoreProof unfolds tables and vectors in
/// memory, whose price grows with its square; here every number is read where it stands.
library ScoreWalk {
    /// @notice A walk along `place` ids of n. The group of equal predictions that it stands in is open: it begins at place
    /// `first`, and `t` and `g` are its sums of t and of u + m * 2^128. Its rank is known where it ends.
    /// @param key (prediction, id) of the last id.
    /// @param xt of x t + x * 2^128; qg: q u + q m * 2^128; squares: x x + q q * 2^128; mg: m u + m m * 2^128; singles:
    /// u + t * 2^64 + m * 2^128. Sums that lie side by side in a word; one that is negative borrows from the one above it.
    struct Walk {
        uint256 place;
        uint256 first;
        uint256 key;
        uint256 t;
        uint256 g;
        uint256 xt;
        uint256 qg;
        uint256 squares;
        uint256 q;
        uint256 mg;
        uint256 tt;
        uint256 singles;
    }

    /// @notice More ids than there are, or none.
    error WalkTooLong(uint256 place, uint256 ids, uint256 n);
    /// @notice The walk has not come to its end.
    error WalkNotEnded(uint256 place, uint256 n);

    uint256 private constant TOP_64 = 0xffffffffffffffff000000000000000000000000000000000000000000000000;
    uint256 private constant LOW_128 = 0xffffffffffffffffffffffffffffffff;

    /// @notice Walks along the ids of `order`, which follow those that the walk has behind it.
    /// @dev Reverts as `ScoreProof.sum` does, for the whole walk where its last ids are among these.
    /// @param order 2 bytes an id.
    /// @param even may be empty, where neither predictions nor the meta model have ties of an even number of ids.
    function walkOn(
        uint256 n,
        Walk memory walk,
        bytes calldata predictions,
        bytes calldata order,
        bytes calldata records,
        bytes calldata palette,
        bytes calldata odd,
        bytes calldata even
    ) internal pure {
        _requireLengths(n, predictions, records, palette, odd, even);
        uint256 ids = order.length / 2;
        if (order.length % 2 != 0) revert ScoreProof.WrongLength(1, order.length, 2 * ids);
        if (ids == 0 || ids > n - walk.place) revert WalkTooLong(walk.place, ids, n);
        Source memory source = _sourceOf(predictions, records, palette, odd, even);
        uint256 at;
        assembly ("memory-safe") {
            at := order.offset
        }
        (bool ascends, bool isOdd) = _walk(n, walk, source, at, at + order.length);
        if (!ascends) revert ScoreProof.NotAscending();
        if (!isOdd && even.length == 0) revert ScoreProof.EvenRanksMissing();
        uint256 largest = walk.key >> 192;
        if (largest > ScoreProof.INFINITY) revert ScoreProof.NotOrdered(largest);
    }

    /// @notice The sums of a walk that has come to its end.
    function sumsOf(Walk memory walk, uint256 n) internal pure returns (ScoreProof.Sums memory sums) {
        if (walk.place != n) revert WalkNotEnded(walk.place, n);
        assembly ("memory-safe") {
            function lowerOf(both) -> low {
                low := signextend(15, both)
            }
            function upperOf(both) -> high {
                high := sar(128, sub(both, signextend(15, both)))
            }
            let word := mload(add(walk, 0xa0))
            mstore(sums, upperOf(word)) // x
            mstore(add(sums, 0x40), lowerOf(word)) // xt
            word := mload(add(walk, 0xe0))
            mstore(add(sums, 0x20), and(word, LOW_128)) // xx
            mstore(add(sums, 0xc0), shr(128, word)) // qq
            mstore(add(sums, 0x80), mload(add(walk, 0x140))) // tt
            mstore(add(sums, 0xa0), mload(add(walk, 0x100))) // q
            word := mload(add(walk, 0xc0))
            mstore(add(sums, 0xe0), lowerOf(word)) // qu
            mstore(add(sums, 0x100), upperOf(word)) // qm
            word := mload(add(walk, 0x120))
            mstore(add(sums, 0x160), lowerOf(word)) // mu
            mstore(add(sums, 0x180), upperOf(word)) // mm
            word := mload(add(walk, 0x160))
            let low := signextend(7, word)
            mstore(add(sums, 0x120), low) // u
            word := sub(word, low)
            low := signextend(7, shr(64, word))
            mstore(add(sums, 0x60), low) // t
            mstore(add(sums, 0x140), sar(128, sub(word, shl(64, low)))) // m
        }
    }

    /* PRIVATE */

    /// @dev Places of bytes in calldata. `halves`: those of the rank table side by side, the odd one above the even one, less
    /// 6 bytes for each rank up to their first: an entry has 12 bytes, and the next one of its half is two ranks away.
    struct Source {
        uint256 predictions;
        uint256 records;
        uint256 palette;
        uint256 halves;
    }

    /// @dev Few variables on purpose: what the stack does not hold lies in memory anyway, where the compiler likes.
    /// @param at where the ids stand that come next; `end`: where they end.
    /// @return ascends whether the keys do, and every id is below n.
    /// @return isOdd whether no even rank was looked up.
    function _walk(uint256 n, Walk memory walk, Source memory source, uint256 at, uint256 end)
        private
        pure
        returns (bool ascends, bool isOdd)
    {
        assembly ("memory-safe") {
            // Closes the group that ends before a place: its rank is the sum of both ends. One without ids adds nothing.
            function close(state, place, ids, halves) -> odds {
                let first := mload(add(state, 0x20))
                let count := sub(place, first)
                let rank := add(first, place)
                odds := or(rank, iszero(count))
                // The upper half of the table is the lower one's mirror image, whose numbers are negative.
                let near := rank
                if gt(rank, ids) { near := sub(shl(1, ids), rank) }
                let q := calldataload(add(and(shr(shl(6, and(near, 1)), halves), 0xffffffff), mul(near, 6)))
                let x := shr(208, q)
                q := shr(208, shl(48, q))
                if lt(rank, ids) {
                    x := sub(0, x)
                    q := sub(0, q)
                }
                let p := add(state, 0xa0)
                mstore(p, add(mload(p), mul(x, add(mload(add(state, 0x60)), shl(128, count)))))
                p := add(state, 0xc0)
                mstore(p, add(mload(p), mul(q, mload(add(state, 0x80)))))
                p := add(state, 0xe0)
                mstore(p, add(mload(p), mul(count, add(mul(x, x), shl(128, mul(q, q))))))
                p := add(state, 0x100)
                mstore(p, add(mload(p), mul(count, q)))
                mstore(add(state, 0x20), place)
                mstore(add(state, 0x60), 0)
                mstore(add(state, 0x80), 0)
            }
            let key := mload(add(walk, 0x40))
            let tt := mload(add(walk, 0x140))
            let singles := mload(add(walk, 0x160))
            ascends := 1
            let odds := 1
            for {} lt(at, end) { at := add(at, 2) } {
                let id := shr(240, calldataload(at))
                {
                    // A bit above the id: the first key of all is above nothing.
                    let next := or(and(calldataload(add(mload(source), shl(3, id))), TOP_64), or(id, 0x10000))
                    ascends := and(ascends, and(gt(next, key), lt(id, n)))
                    // Equal predictions have keys that differ in their ids alone.
                    if gt(xor(next, key), 0xffff) {
                        odds := and(odds, close(walk, mload(walk), n, mload(add(source, 0x60))))
                    }
                    key := next
                }
                mstore(walk, add(mload(walk), 1))

                let rank := shr(224, calldataload(add(mload(add(source, 0x20)), shl(2, id))))
                let entry := calldataload(add(mload(add(source, 0x40)), mul(shr(16, rank), 12)))
                rank := and(rank, 0xffff)
                odds := and(odds, rank)
                let t := sar(208, entry)
                entry := sar(208, shl(48, entry)) // u
                // Of the meta model the same as in `close`.
                let m := rank
                if gt(rank, n) { m := sub(shl(1, n), rank) }
                m := add(and(shr(shl(6, and(m, 1)), mload(add(source, 0x60))), 0xffffffff), mul(m, 6))
                m := shr(208, shl(48, calldataload(m)))
                if lt(rank, n) { m := sub(0, m) }

                let g := add(entry, shl(128, m))
                tt := add(tt, mul(t, t))
                singles := add(singles, add(g, shl(64, t)))
                let p := add(walk, 0x120)
                mstore(p, add(mload(p), mul(m, g))) // mg
                p := add(walk, 0x60)
                mstore(p, add(mload(p), t))
                p := add(walk, 0x80)
                mstore(p, add(mload(p), g))
            }
            mstore(add(walk, 0x40), key)
            mstore(add(walk, 0x140), tt)
            mstore(add(walk, 0x160), singles)
            if eq(mload(walk), n) { odds := and(odds, close(walk, n, n, mload(add(source, 0x60)))) }
            isOdd := and(odds, 1)
        }
    }

    function _sourceOf(
        bytes calldata predictions,
        bytes calldata records,
        bytes calldata palette,
        bytes calldata odd,
        bytes calldata even
    ) private pure returns (Source memory source) {
        assembly ("memory-safe") {
            mstore(source, predictions.offset)
            mstore(add(source, 0x20), records.offset)
            mstore(add(source, 0x40), palette.offset)
            mstore(add(source, 0x60), or(sub(even.offset, 12), shl(64, sub(odd.offset, 6))))
        }
    }

    function _requireLengths(
        uint256 n,
        bytes calldata predictions,
        bytes calldata records,
        bytes calldata palette,
        bytes calldata odd,
        bytes calldata even
    ) private pure {
        if (n < 2 || n > ScoreProof.MAX_IDS) revert ScoreProof.IdsOutOfRange(n, 2, ScoreProof.MAX_IDS);
        _requireLength(0, predictions.length, 8 * n);
        _requireLength(2, records.length, 4 * n);
        if (palette.length == 0 || palette.length % 12 != 0) revert ScoreProof.WrongLength(3, palette.length, 12);
        _requireLength(4, odd.length, 12 * ((n + 1) / 2));
        if (even.length != 0) _requireLength(5, even.length, 12 * (n / 2));
    }

    function _requireLength(uint256 what, uint256 length, uint256 expected) private pure {
        if (length != expected) revert ScoreProof.WrongLength(what, length, expected);
    }
}
