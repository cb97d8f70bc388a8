// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ScoreProof} from "./ScoreProof.sol";

/// @title ScoreWalk
/// @notice The sums of ScoreProof, added up by walking along the order of the predictions, which may be cut anywhere: a walk
/// goes on in another transaction where one has no gas for all ids. Bytes are laid out as ScoreProof has it.
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
        (bool ascends, bool isOdd) = _walk(n, walk, predictions, order, records, palette, odd, even);
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

    /// @return ascends whether the keys do, and every id is below n.
    /// @return isOdd whether no even rank was looked up.
    function _walk(
        uint256 n,
        Walk memory walk,
        bytes calldata predictions,
        bytes calldata order,
        bytes calldata records,
        bytes calldata palette,
        bytes calldata odd,
        bytes calldata even
    ) private pure returns (bool ascends, bool isOdd) {
        assembly ("memory-safe") {
            // Where the halves of the table stand, less 6 bytes for each rank up to their first: an entry has 12 bytes, and
            // the next one of its half is two ranks away.
            let bases := or(sub(even.offset, 12), shl(64, sub(odd.offset, 6)))
            // The entry of a doubled rank, and whether its numbers are negative: those of the lower half are.
            function entryOf(rank, ids, tables) -> entry, isBelow {
                isBelow := lt(rank, ids)
                let near := rank
                if gt(rank, ids) { near := sub(shl(1, ids), rank) }
                entry := calldataload(add(and(shr(shl(6, and(near, 1)), tables), 0xffffffff), mul(6, near)))
            }
            // Closes the group that ends before a place: its rank is the sum of both ends. One without ids adds nothing.
            function close(at, state, ids, tables) -> evens {
                let first := mload(add(state, 0x20))
                let count := sub(at, first)
                let rank := add(first, at)
                let entry, isBelow := entryOf(rank, ids, tables)
                let x := shr(208, entry)
                let q := shr(208, shl(48, entry))
                if isBelow {
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
                mstore(add(state, 0x20), at)
                mstore(add(state, 0x60), 0)
                mstore(add(state, 0x80), 0)
                evens := mul(iszero(and(rank, 1)), count)
            }

            let evens := 0
            let bad := 0
            let key := mload(add(walk, 0x40))
            let mg := mload(add(walk, 0x120))
            let tt := mload(add(walk, 0x140))
            let singles := mload(add(walk, 0x160))
            let place := mload(walk)
            let at := order.offset
            for { let end := add(at, order.length) } lt(at, end) { at := add(at, 2) } {
                let id := shr(240, calldataload(at))
                // A bit above the id: the first key of all is above nothing.
                let next := or(and(calldataload(add(predictions.offset, shl(3, id))), TOP_64), or(id, 0x10000))
                bad := or(bad, iszero(and(gt(next, key), lt(id, n))))
                // Equal predictions have keys that differ in their ids alone.
                if gt(xor(next, key), 0xffff) { evens := or(evens, close(place, walk, n, bases)) }
                key := next
                place := add(place, 1)

                let record := shr(224, calldataload(add(records.offset, shl(2, id))))
                let rank := and(record, 0xffff)
                let entry := calldataload(add(palette.offset, mul(shr(16, record), 12)))
                let t := sar(208, entry)
                let g := sar(208, shl(48, entry))
                let isBelow
                entry, isBelow := entryOf(rank, n, bases)
                evens := or(evens, iszero(and(rank, 1)))
                let m := shr(208, shl(48, entry))
                if isBelow { m := sub(0, m) }
                g := add(g, shl(128, m))
                mg := add(mg, mul(m, g))
                tt := add(tt, mul(t, t))
                singles := add(singles, add(g, shl(64, t)))
                let p := add(walk, 0x60)
                mstore(p, add(mload(p), t))
                p := add(walk, 0x80)
                mstore(p, add(mload(p), g))
            }
            if eq(place, n) { evens := or(evens, close(place, walk, n, bases)) }
            mstore(walk, place)
            mstore(add(walk, 0x40), key)
            mstore(add(walk, 0x120), mg)
            mstore(add(walk, 0x140), tt)
            mstore(add(walk, 0x160), singles)
            ascends := iszero(bad)
            isOdd := iszero(evens)
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
