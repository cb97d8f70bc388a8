// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title ScoreProof
/// @notice Recomputes a model's scores and its reward score from predictions, target and meta model, as the scorer does
/// (scorer/scoring/engine.py, scorer/rewards/reward.py). The scorer's sums are sums of integers, and so are these: both are
/// exact, and differ only in how they round the few operations at the end.
///
/// n ids, from 2 to MAX_IDS. Numbers lie big-endian and without gaps:
/// - predictions: 8 bytes an id, the float64. Where all are at least +0.0, they compare as their bits do;
/// - order: 2 bytes an id, the ids by ascending (prediction, id);
/// - records: 4 bytes an id, the place of its target in the palette, and the meta model's doubled rank;
/// - palette: 12 bytes for each different target, as signed integers on two grids: t of 6 bytes, which CORR multiplies, and
///   u of 6 bytes, which MMC multiplies;
/// - rank table: 12 bytes for each doubled rank d from 1 to n, as magnitudes on two grids: x of 6 bytes, which CORR
///   multiplies (gaussian ranks to the power 1.5), and q of 6 bytes, which MMC multiplies (gaussian ranks). Those at d are
///   negative, those at 2n - d positive. The odd ranks come first; who has no ties needs no others.
///
/// The doubled rank of what lies at places a to b - 1 of the order, all equal, is a + b: twice the average rank from 1 to n,
/// less one.
library ScoreProof {
    /// @dev Ids and doubled ranks have 2 bytes.
    uint256 internal constant MAX_IDS = 32_767;
    /// @dev Least `shift` of a contribution: two grids of 41 bits are then as fine as the tolerance asks for.
    uint256 internal constant MIN_SHIFT = 64;
    /// @dev Largest `shift`: a denominator below 2^127 still has room.
    uint256 internal constant MAX_SHIFT = 192;
    /// @dev The largest reward score that a lane holds, ppm.
    int256 internal constant MAX_REWARD = 2 ** 23 - 1;
    /// @dev Largest distance of a claimed reward score from the true one that is not called wrong, ppm. An honest one is
    /// off by 0.5 for its rounding, and by less than 0.1 for what the scorer's floats round (docs/proofs.md).
    int256 internal constant TOLERANCE = 1;
    /// @dev 100 % in ppm.
    uint256 internal constant PPM = 1e6;
    /// @dev The bits of 1.0 and of infinity. Beyond infinity come what is no number and what is negative.
    uint256 internal constant INFINITY = 0x7ff0000000000000;

    /// @dev Stands in the table for a rank that was not given: its square cannot be that of any rank, and no sum of 2^15
    /// such squares reaches 2^128.
    uint256 private constant ABSENT = 2 ** 56;
    uint256 private constant TOP_64 = 0xffffffffffffffff000000000000000000000000000000000000000000000000;
    uint256 private constant MASK_64 = 0xffffffffffffffff;
    uint256 private constant MASK_48 = 0xffffffffffff;
    uint256 private constant LOW_128 = 0xffffffffffffffffffffffffffffffff;

    /// @dev How far from a half a factor's exact value in ppm may lie for the scorer to round it the other way, in units of
    /// 2^-96: 2^-20 ppm. The scorer's floats are off by less than 2^-28.
    uint256 private constant ROUNDING = 1 << 76;

    /// @notice Sums over the ids. x, q: those of the ranks of the model; t, u: of the target; m: of the gaussian ranks of the
    /// meta model. Magnitudes: x, q, m below 2^41; t, u below 2^47; so all sums of one below 2^62, of products below 2^109.
    struct Sums {
        int256 x;
        int256 xx;
        int256 xt;
        int256 t;
        int256 tt;
        int256 q;
        int256 qq;
        int256 qu;
        int256 qm;
        int256 u;
        int256 m;
        int256 mu;
        int256 mm;
    }

    error IdsOutOfRange(uint256 ids, uint256 minimum, uint256 maximum);
    /// @notice Another number of bytes than the number of ids asks for. `what`: 0 predictions, 1 order, 2 records, 3 palette,
    /// 4 odd ranks, 5 even ranks.
    error WrongLength(uint256 what, uint256 length, uint256 expected);
    /// @notice The order is not that of ascending (prediction, id), or not one of all ids.
    error NotAscending();
    /// @notice There are ties, and the table's even ranks were not given.
    error EvenRanksMissing();
    /// @notice A prediction is negative or no number.
    error NotOrdered(uint256 bits);

    /* DIGESTS */

    /// @notice keccak256 of bytes in calldata. The copy lies past the free memory pointer, which stays where it is: memory
    /// that large inputs took once would make all that follows more expensive.
    function hashOf(bytes calldata data) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let start := mload(0x40)
            calldatacopy(start, data.offset, data.length)
            digest := keccak256(start, data.length)
        }
    }

    /* RANK TABLE */

    /// @notice Unfolds the rank table in memory: 16 bytes for each doubled rank from 0 to 2n, q and x of 8 bytes each, signed.
    /// @param even may be empty: then whoever looks up an even rank is refused by `sum`.
    function unfold(uint256 n, bytes calldata odd, bytes calldata even) internal pure returns (uint256 table) {
        if (n < 2 || n > MAX_IDS) revert IdsOutOfRange(n, 2, MAX_IDS);
        _requireLength(4, odd.length, 12 * ((n + 1) / 2));
        if (even.length != 0) _requireLength(5, even.length, 12 * (n / 2));
        assembly ("memory-safe") {
            // The negative of both fields of an entry, each on its own.
            function negated(entry) -> other {
                other := or(shl(64, and(sub(0, shr(64, entry)), MASK_64)), and(sub(0, entry), MASK_64))
            }
            // Two magnitudes of 6 bytes at the top of a word, as fields of 8 bytes: q, then x.
            function fieldsOf(word) -> entry {
                entry := or(shl(64, and(shr(160, word), MASK_48)), shr(208, word))
            }
            // 2n + 1 entries, and as many bytes more as the last word that is read or written passes them.
            table := mload(0x40)
            let last := add(table, shl(5, n))
            mstore(0x40, add(last, 0x40))
            mstore(table, 0)

            // An odd rank and the even one above it are one word: until it is given, the latter is absent.
            let absent := 0
            if iszero(even.length) { absent := or(shl(64, ABSENT), ABSENT) }
            let low := add(table, 0x10)
            let high := sub(last, 0x10)
            for { let at := odd.offset } iszero(gt(low, high)) { at := add(at, 12) } {
                let entry := fieldsOf(calldataload(at))
                mstore(high, or(shl(128, entry), absent))
                mstore(low, or(shl(128, negated(entry)), absent))
                low := add(low, 0x20)
                high := sub(high, 0x20)
            }
            if even.length {
                low := add(table, 0x10)
                high := sub(last, 0x30)
                for { let at := even.offset } iszero(gt(low, high)) { at := add(at, 12) } {
                    let entry := fieldsOf(calldataload(at))
                    mstore(high, or(mload(high), entry))
                    // The middle rank is its own opposite: zero.
                    if xor(low, high) { mstore(low, or(mload(low), negated(entry))) }
                    low := add(low, 0x20)
                    high := sub(high, 0x20)
                }
            }
        }
    }

    /* FORM */

    /// @notice Whether records and palette are those of n ids: lengths fit, every place is one of the palette, and every rank
    /// one of 1 to 2n - 1. Whoever posts what is not lets nobody else be led astray by it.
    function isInForm(uint256 n, bytes calldata records, bytes calldata palette) internal pure returns (bool) {
        if (n < 2 || n > MAX_IDS || records.length != 4 * n || palette.length % 12 != 0) return false;
        uint256 bad;
        assembly ("memory-safe") {
            let places := div(palette.length, 12)
            let ranks := sub(shl(1, n), 1)
            let end := add(records.offset, records.length)
            for { let at := records.offset } lt(at, end) { at := add(at, 4) } {
                let record := shr(224, calldataload(at))
                // Of rank 0 one less is the largest number of all.
                let rank := sub(and(record, 0xffff), 1)
                bad := or(bad, iszero(and(lt(shr(16, record), places), lt(rank, ranks))))
            }
        }
        return bad == 0;
    }

    /* SUMS */

    /// @notice Ranks the predictions and sums over all ids.
    /// @dev Reverts if:
    /// - a length is not that of n ids (`WrongLength`);
    /// - the order is not the one (`NotAscending`);
    /// - a rank of the model or of the meta model is even and those were not given (`EvenRanksMissing`);
    /// - a prediction is negative or no number (`NotOrdered`), which no comparison of bits puts in order.
    /// @param table from `unfold`; `hasEven` says whether even ranks were given. Without them no two predictions may be equal.
    function sum(
        uint256 n,
        bytes calldata predictions,
        bytes calldata order,
        bytes calldata records,
        bytes calldata palette,
        uint256 table,
        bool hasEven
    ) internal pure returns (Sums memory sums) {
        _requireLength(0, predictions.length, 8 * n);
        _requireLength(1, order.length, 2 * n);
        uint256 vectors = _sumVectors(sums, n, records, palette, table);
        if (sums.mm >= int256(ABSENT * ABSENT)) revert EvenRanksMissing();
        uint256 largest = hasEven
            ? _sumTied(sums, n, predictions, order, vectors, table)
            : _sumUntied(sums, n, predictions, order, vectors, table);
        if (largest > INFINITY) revert NotOrdered(largest);
    }

    /// @dev Unfolds target and meta model in memory, 40 bytes an id: u + m << 128 (32 bytes) and t (8); and their sums.
    /// Sums lie side by side in a word. One that is negative borrows from the one above it, which is put right when they are
    /// taken apart.
    function _sumVectors(Sums memory sums, uint256 n, bytes calldata records, bytes calldata palette, uint256 table)
        private
        pure
        returns (uint256 vectors)
    {
        _requireLength(2, records.length, 4 * n);
        if (palette.length == 0 || palette.length % 12 != 0) revert WrongLength(3, palette.length, 12);
        assembly ("memory-safe") {
            vectors := mload(0x40)
            let to := vectors
            let mg := 0 // m * u, m * m << 128
            let tt := 0 // t * t
            let singles := 0 // u, t << 64, m << 128
            let end := add(records.offset, shl(2, n))
            for { let at := records.offset } lt(at, end) { at := add(at, 4) } {
                let record := shr(224, calldataload(at))
                let m := sar(192, mload(add(table, shl(4, and(record, 0xffff)))))
                record := calldataload(add(palette.offset, mul(shr(16, record), 12)))
                let t := sar(208, record)
                let g := add(sar(208, shl(48, record)), shl(128, m))
                mstore(to, g)
                mstore(add(to, 0x20), shl(192, t))
                to := add(to, 40)
                tt := add(tt, mul(t, t))
                mg := add(mg, mul(m, g))
                singles := add(singles, add(g, shl(64, t)))
            }
            // What is read last ends 24 bytes beyond the last entry.
            mstore(0x40, and(add(to, 0x5f), not(0x1f)))

            mstore(add(sums, 0x80), tt)
            let low := signextend(15, mg)
            mstore(add(sums, 0x160), low) // mu
            mstore(add(sums, 0x180), sar(128, sub(mg, low))) // mm
            low := signextend(7, singles)
            mstore(add(sums, 0x120), low) // u
            singles := sub(singles, low)
            low := signextend(7, shr(64, singles))
            mstore(add(sums, 0x60), low) // t
            mstore(add(sums, 0x140), sar(128, sub(singles, shl(64, low)))) // m
        }
    }

    /// @dev For predictions without ties: the ids in their order have the odd ranks one after the other. Values that ascend
    /// strictly are those of n different ids, and n different ids below n are all.
    /// @return largest the bits of the largest prediction.
    function _sumUntied(
        Sums memory sums,
        uint256 n,
        bytes calldata predictions,
        bytes calldata order,
        uint256 vectors,
        uint256 table
    ) private pure returns (uint256 largest) {
        uint256 bad;
        assembly ("memory-safe") {
            let xt := 0 // x * t
            let qg := 0 // q * u, q * m << 128
            let squares := 0 // x * x, q * q << 128
            let value := 0
            let at := order.offset
            table := add(table, 0x10)
            for { let end := add(at, shl(1, n)) } lt(at, end) { at := add(at, 2) } {
                let id := shr(240, calldataload(at))
                // One more than the bits: +0.0 is above what nothing is.
                let next := add(shr(192, calldataload(add(predictions.offset, shl(3, id)))), 1)
                bad := or(bad, iszero(and(lt(id, n), lt(value, next))))
                value := next
                let x := mload(table)
                let q := sar(192, x)
                x := sar(192, shl(64, x))
                table := add(table, 0x20)
                squares := add(squares, add(mul(x, x), shl(128, mul(q, q))))
                id := add(vectors, mul(id, 40))
                qg := add(qg, mul(q, mload(id)))
                xt := add(xt, mul(x, sar(192, mload(add(id, 0x20)))))
            }
            largest := sub(value, 1)
            // Over all odd ranks x and q add up to zero.
            mstore(add(sums, 0x20), and(squares, LOW_128)) // xx
            mstore(add(sums, 0x40), xt)
            mstore(add(sums, 0xc0), shr(128, squares)) // qq
            let low := signextend(15, qg)
            mstore(add(sums, 0xe0), low) // qu
            mstore(add(sums, 0x100), sar(128, sub(qg, low))) // qm
        }
        if (bad != 0) revert NotAscending();
    }

    /// @dev Checks the order, and multiplies each group of equal predictions with its rank. No bitmap is needed: keys
    /// (prediction, id) that ascend strictly are n different ones, so are their ids, and n different ids below n are all.
    /// @return largest the bits of the largest prediction.
    function _sumTied(
        Sums memory sums,
        uint256 n,
        bytes calldata predictions,
        bytes calldata order,
        uint256 vectors,
        uint256 table
    ) private pure returns (uint256 largest) {
        bytes4 notAscending = NotAscending.selector;
        assembly ("memory-safe") {
            let at := order.offset
            let end := add(at, shl(1, n))
            // The entry of the group at places a to b - 1 is 16 bytes times a + b away, and places are 2 bytes apart.
            table := sub(table, shl(4, at))
            let xt := 0 // x * t, x << 128
            let qg := 0 // q * u, q * m << 128
            let squares := 0 // x * x, q * q << 128
            let qs := 0 // q
            let id := shr(240, calldataload(at))
            let key := or(and(calldataload(add(predictions.offset, shl(3, id))), TOP_64), id)
            if iszero(lt(id, n)) {
                mstore(0, notAscending)
                revert(0, 4)
            }
            for {} lt(at, end) {} {
                let first := at
                let t := 0
                let g := 0 // u, m << 128
                for {} 1 {} {
                    let vector := add(vectors, mul(id, 40))
                    g := add(g, mload(vector))
                    t := add(t, sar(192, mload(add(vector, 0x20))))
                    at := add(at, 2)
                    if eq(at, end) { break }
                    id := shr(240, calldataload(at))
                    let next := or(and(calldataload(add(predictions.offset, shl(3, id))), TOP_64), id)
                    if iszero(and(gt(next, key), lt(id, n))) {
                        mstore(0, notAscending)
                        revert(0, 4)
                    }
                    // Equal predictions have keys that differ in their ids alone.
                    let apart := gt(xor(next, key), 0xffff)
                    key := next
                    if apart { break }
                }
                let x := mload(add(table, shl(3, add(first, at))))
                let q := sar(192, x)
                x := sar(192, shl(64, x))
                first := shr(1, sub(at, first)) // how many they are
                xt := add(xt, mul(x, add(t, shl(128, first))))
                qg := add(qg, mul(q, g))
                squares := add(squares, mul(first, add(mul(x, x), shl(128, mul(q, q)))))
                qs := add(qs, mul(first, q))
            }
            largest := shr(192, key)

            let low := signextend(15, xt)
            mstore(sums, sar(128, sub(xt, low))) // x
            mstore(add(sums, 0x20), and(squares, LOW_128)) // xx
            mstore(add(sums, 0x40), low) // xt
            mstore(add(sums, 0xa0), qs) // q
            mstore(add(sums, 0xc0), shr(128, squares)) // qq
            low := signextend(15, qg)
            mstore(add(sums, 0xe0), low) // qu
            mstore(add(sums, 0x100), sar(128, sub(qg, low))) // qm
        }
    }

    /* SCORES: whole numbers of 2^-64, rounded toward zero from the exact value */

    /// @notice CORR. None for a model or a target with one value for all ids.
    /// @dev (n xt - x t) / sqrt((n xx - x x) (n tt - t t)): its square's numerator is below 2^240, and its denominator, too.
    function correlation(Sums memory s, uint256 n) internal pure returns (bool exists, int256 score) {
        int256 count = int256(n);
        int256 numerator = count * s.xt - s.x * s.t;
        uint256 denominator = uint256(count * s.xx - s.x * s.x) * uint256(count * s.tt - s.t * s.t);
        if (denominator == 0) return (false, 0);
        uint256 square = uint256(numerator * numerator);
        // At most 1 by Cauchy and Schwarz. The root of a number rounded down, rounded down, is that of the number.
        score = int256(Math.sqrt(Math.mulDiv(square, 1 << 128, denominator)));
        return (true, numerator < 0 ? -score : score);
    }

    /// @notice MMC, or with another vector for the meta model's ranks BMC. None for a model or a meta model with one value
    /// for all ids.
    /// @dev ((n qu - q u) mm - qm (n mu - m u)) / (n n mm) / 2^shift: numerator below 2^218, denominator below 2^127.
    /// @param shift MIN_SHIFT to MAX_SHIFT.
    function contribution(Sums memory s, uint256 n, uint256 shift) internal pure returns (bool exists, int256 score) {
        if (s.qq == 0 || s.mm == 0) return (false, 0);
        int256 count = int256(n);
        int256 numerator = (count * s.qu - s.q * s.u) * s.mm - s.qm * (count * s.mu - s.m * s.u);
        uint256 magnitude = numerator < 0 ? uint256(-numerator) : uint256(numerator);
        // A quotient rounded down twice is the one rounded down once.
        score = int256((magnitude / (n * n * uint256(s.mm))) >> (shift - 64));
        return (true, numerator < 0 ? -score : score);
    }

    /// @notice What is left of a reward for what the meta model explains, (1 - max(c, 0)^2)^exponent, rounded to ppm: the
    /// least and the largest whole number that the scorer may find. They differ where the exact value lies within 2^-20 of
    /// a half, which the scorer's floats may round either way.
    /// @dev c^2 is qm^2 / (qq mm), each below 2^200.
    function originality(Sums memory s, uint256 exponent) internal pure returns (uint256 least, uint256 largest) {
        if (s.qm <= 0 || s.qq == 0 || s.mm == 0) return (PPM, PPM);
        uint256 whole = uint256(s.qq) * uint256(s.mm);
        uint256 own = Math.mulDiv(whole - uint256(s.qm) * uint256(s.qm), 1 << 96, whole);
        uint256 factor = own;
        for (uint256 i = 1; i < exponent; ++i) {
            factor = (factor * own) >> 96;
        }
        uint256 above = factor * PPM + (1 << 95);
        return (above < ROUNDING ? 0 : (above - ROUNDING) >> 96, (above + ROUNDING) >> 96);
    }

    /* REWARD */

    /// @notice A reward score in units of 2^-64 ppm.
    /// @param total the factors' scores, in units of 2^-64, times their multipliers in ppm.
    /// @param own from `originality`, ppm.
    /// @param burn the multiplier of negative rewards, ppm.
    function reward(int256 total, uint256 own, uint256 burn) internal pure returns (int256 found) {
        found = total * int256(own) / int256(PPM);
        if (found < 0) found = found * int256(burn) / int256(PPM);
        int256 limit = MAX_REWARD << 64;
        if (found > limit) found = limit;
        if (found < -limit) found = -limit;
    }

    /// @notice Whether a claimed reward score, ppm, is further than TOLERANCE from one in units of 2^-64 ppm.
    function isWrong(int256 claimed, int256 found) internal pure returns (bool) {
        int256 difference = (claimed << 64) - found;
        return difference > TOLERANCE << 64 || difference < -(TOLERANCE << 64);
    }

    /* PRIVATE */

    function _requireLength(uint256 what, uint256 length, uint256 expected) private pure {
        if (length != expected) revert WrongLength(what, length, expected);
    }
}
