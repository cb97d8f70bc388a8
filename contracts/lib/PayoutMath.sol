// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AllocationCode} from "./AllocationCode.sol";
import {StakeSlot} from "./StakeSlot.sol";
import {LANES, LANE_BOTTOMS, LANE_MASK, Uint64x4} from "./Uint64x4.sol";

/// @title PayoutMath
/// @notice What a round takes from a stake and gives back. Amounts are nano-NMR, rates and scores ppm.
/// Every division rounds down in magnitude: a payout loses at most one unit, and so does a burn.
library PayoutMath {
    /// @dev 100 % in ppm.
    uint256 internal constant PPM = 1e6;

    /// @dev Bytes of scores a slot: four lanes of int24.
    uint256 internal constant SCORE_BYTES = 12;
    uint256 private constant SCORE_MASK = 0xffffff;

    /// @dev The lowest bit of each of the four lanes of scores. Their sign bits lie 23 higher.
    uint256 private constant SCORE_BOTTOMS = 0x000001_000001_000001_000001;

    /// @dev 1 + 2^40 + 2^80 + 2^120: copies of the signs.
    uint256 private constant SIGN_SPREAD = 0x1000000000100000000010000000001;

    /// @dev 1 + 2^63 + 2^126 + 2^189: copies of four bits of a bitmap.
    uint256 private constant BIT_SPREAD = 0x200000000000000040000000000000008000000000000001;

    /// @notice min(1, threshold / atRisk) in ppm, rounded down.
    function payoutFactorDown(uint64 atRisk, uint64 threshold) internal pure returns (uint32) {
        if (atRisk <= threshold) return uint32(PPM);
        // threshold < atRisk, so the quotient is below 1e6 and fits.
        return uint32((uint256(threshold) * PPM) / atRisk);
    }

    /// @notice `amount * ppm / 1e6`, rounded down.
    /// @param amount below 2^128, as `ppm` is: the product fits.
    function shareDown(uint256 amount, uint256 ppm) internal pure returns (uint256) {
        unchecked {
            return (amount * ppm) / PPM;
        }
    }

    /// @notice The positions that the four models of a slot take in a round.
    /// @dev A lane's position is min(amount, stake), or the share of the stake rounded down; zero below `minPosition`.
    /// No lane exceeds the stake's.
    /// @param codes of AllocationCode; zero in the lane of a model that does not take part.
    /// @param minPosition below 2^63.
    /// @return positions packed as the stakes are.
    function positionsOf(StakeSlot slot, Uint64x4 codes, uint256 minPosition)
        internal
        pure
        returns (Uint64x4 positions)
    {
        Uint64x4 stakes = slot.stakes();
        return stakes.min(AllocationCode.resolved(codes, stakes)).atLeast(minPosition);
    }

    /// @notice What a slot's positions earn and lose, given its scores and a full pool.
    /// @dev For each lane: rate = score * payoutFactor / 1e6, truncated toward zero, clipped to +-cap;
    /// payout or burn = position * |rate| / 1e6, rounded down. Neither exceeds the position.
    /// @param scores four int24 lanes of ppm, lane i at bits [24*i, 24*i + 24).
    /// @param payoutFactor ppm, at most 1e6.
    /// @param cap largest |rate|, ppm, at most 1e6.
    /// @return payouts packed as `positions` is.
    /// @return burns packed as `positions` is.
    function outcomeOf(Uint64x4 positions, uint256 scores, uint256 payoutFactor, uint256 cap)
        internal
        pure
        returns (Uint64x4 payouts, Uint64x4 burns)
    {
        (uint256 magnitudes, uint256 losses) = _signed(scores);
        uint256 amounts;
        // position < 2^64, |score| <= 2^23 and a rate is at most 1e6 < 2^20: no product reaches 2^128.
        // The four lanes are written out: a loop's turn would cost as much as its work.
        assembly ("memory-safe") {
            let rate := div(mul(and(magnitudes, SCORE_MASK), payoutFactor), PPM)
            if gt(rate, cap) { rate := cap }
            amounts := div(mul(and(positions, LANE_MASK), rate), PPM)

            rate := div(mul(and(shr(24, magnitudes), SCORE_MASK), payoutFactor), PPM)
            if gt(rate, cap) { rate := cap }
            amounts := or(amounts, shl(64, div(mul(and(shr(64, positions), LANE_MASK), rate), PPM)))

            rate := div(mul(and(shr(48, magnitudes), SCORE_MASK), payoutFactor), PPM)
            if gt(rate, cap) { rate := cap }
            amounts := or(amounts, shl(128, div(mul(and(shr(128, positions), LANE_MASK), rate), PPM)))

            rate := div(mul(shr(72, magnitudes), payoutFactor), PPM)
            if gt(rate, cap) { rate := cap }
            amounts := or(amounts, shl(192, div(mul(shr(192, positions), rate), PPM)))
        }
        burns = Uint64x4.wrap(amounts & losses);
        payouts = Uint64x4.wrap(amounts & ~losses);
    }

    /// @notice Every lane times numerator / denominator, rounded down.
    /// @param numerator below `denominator`, which is below 2^64.
    function scaledDown(Uint64x4 amounts, uint256 numerator, uint256 denominator)
        internal
        pure
        returns (Uint64x4 scaled)
    {
        // A quotient is below its lane's amount, so the cast loses nothing.
        for (uint256 i; i < LANES; ++i) {
            scaled = scaled.withLane(i, uint64((amounts.lane(i) * numerator) / denominator));
        }
    }

    /// @notice The lanes of slot `index` of a chunk whose bit in the chunk's bitmap is set, as a word of full lanes.
    /// @dev Each byte holds an even slot in its low half and the odd one after it in its high half.
    /// The caller has checked that the bitmap covers `index + 1` slots.
    function laneMaskAt(bytes calldata bitmap, uint256 index) internal pure returns (uint256 mask) {
        // Of four copies of the bits, 63 apart, bit i of copy i is the lowest of lane i. Then each fills its lane.
        assembly ("memory-safe") {
            let pair := byte(0, calldataload(add(bitmap.offset, shr(1, index))))
            let bits := and(shr(shl(2, and(index, 1)), pair), 0xf)
            mask := mul(and(mul(bits, BIT_SPREAD), LANE_BOTTOMS), LANE_MASK)
        }
    }

    /// @notice The packed scores of slot `index` of a chunk: 12 bytes, big-endian.
    /// @dev The caller has checked that the chunk holds `index + 1` slots.
    function scoresAt(bytes calldata scores, uint256 index) internal pure returns (uint256 word) {
        // Loads 32 bytes and keeps the first 12: shift right by 256 - 96 bits.
        assembly ("memory-safe") {
            word := shr(160, calldataload(add(scores.offset, mul(index, 12))))
        }
    }

    /// @dev Splits four int24 lanes into their magnitudes, in lanes of 24 bits, and the uint64 lanes that are negative,
    /// filled. A negative score's magnitude is its complement plus one: at most 2^23, which 24 bits hold.
    function _signed(uint256 scores) private pure returns (uint256 magnitudes, uint256 losses) {
        unchecked {
            uint256 signs = (scores >> 23) & SCORE_BOTTOMS;
            magnitudes = (scores ^ (signs * SCORE_MASK)) + signs;
            // Of four copies of the signs, 40 apart, bit 24*i of copy i is the lowest of lane i. Then each fills its lane.
            losses = ((signs * SIGN_SPREAD) & LANE_BOTTOMS) * LANE_MASK;
        }
    }
}
