// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {LANE_BITS, LANE_MASK, Uint64x4} from "./Uint64x4.sol";

/// @title PayoutMath
/// @notice What a round takes from a stake and gives back. Amounts are nano-NMR, rates and scores ppm.
/// Every division rounds down in magnitude: a payout loses at most one unit, and so does a burn.
library PayoutMath {
    /// @dev 100 % in ppm.
    uint256 internal constant PPM = 1e6;

    /// @dev Set: the low bits of an allocation are a share of idle in ppm. Clear: a fixed amount.
    uint256 internal constant SHARE_FLAG = 1 << 63;

    /// @dev Bytes of scores a slot: four lanes of int24.
    uint256 internal constant SCORE_BYTES = 12;
    uint256 private constant SCORE_BITS = 24;

    /// @notice What a round pays for a score.
    /// @param payoutFactor ppm, at most 1e6.
    /// @param cap largest |rate|, ppm, at most 1e6.
    /// @param reserved what the pool could set aside for the round, nano-NMR.
    /// @param totalPayout what the round would pay from a full pool, nano-NMR. More than `reserved`: the pool is short.
    struct Terms {
        uint256 payoutFactor;
        uint256 cap;
        uint256 reserved;
        uint256 totalPayout;
    }

    /// @notice min(1, threshold / atRisk) in ppm, rounded down.
    function payoutFactorDown(uint64 atRisk, uint64 threshold) internal pure returns (uint32) {
        if (atRisk <= threshold) return uint32(PPM);
        // threshold < atRisk, so the quotient is below 1e6 and fits.
        return uint32((uint256(threshold) * PPM) / atRisk);
    }

    /// @notice `amount * ppm / 1e6`, rounded down.
    function shareDown(uint256 amount, uint256 ppm) internal pure returns (uint256) {
        return (amount * ppm) / PPM;
    }

    /// @notice The positions that the four models of a slot take in a round.
    /// @dev A lane's position is min(allocation, idle), or the allocated share of idle rounded down; zero where the mask
    /// has no bit, or below `minPosition`. No lane exceeds idle's, provided that no share exceeds 1e6.
    /// @param mask bit i set: the model in lane i takes part.
    /// @return positions packed as `idle` is.
    /// @return total the sum of the lanes.
    function positionsOf(Uint64x4 idle, Uint64x4 allocation, uint256 mask, uint256 minPosition)
        internal
        pure
        returns (Uint64x4 positions, uint256 total)
    {
        uint256 idleLanes = Uint64x4.unwrap(idle);
        uint256 allocationLanes = Uint64x4.unwrap(allocation);
        uint256 packed;
        // Lanes are below 2^64 and shares below 2^63: no product reaches 2^127, and four positions sum below 2^66.
        unchecked {
            for (uint256 shift; shift < 256; shift += LANE_BITS) {
                if (mask & 1 != 0) {
                    uint256 position = _position(
                        (idleLanes >> shift) & LANE_MASK, (allocationLanes >> shift) & LANE_MASK, minPosition
                    );
                    packed |= position << shift;
                    total += position;
                }
                mask >>= 1;
            }
        }
        positions = Uint64x4.wrap(packed);
    }

    /// @notice What a slot's positions are worth, given its scores.
    /// @dev For each lane: rate = score * payoutFactor / 1e6, truncated toward zero, clipped to +-cap;
    /// payout or burn = position * |rate| / 1e6, rounded down; a short pool scales the payout by reserved / totalPayout.
    /// @param scores four int24 lanes of ppm, lane i at bits [24*i, 24*i + 24).
    /// @return credits position + payout - burn of each lane.
    /// @return payout the sum of the lanes' payouts.
    /// @return burn the sum of the lanes' burns.
    function outcomeOf(Uint64x4 positions, uint256 scores, Terms memory terms)
        internal
        pure
        returns (Uint64x4 credits, uint256 payout, uint256 burn)
    {
        uint256 lanes = Uint64x4.unwrap(positions);
        uint256 packed;
        // position < 2^64, |score| <= 2^23 and a rate is at most 1e6 < 2^20: no product reaches 2^128.
        // A burn is at most its position. position + payout leaves its lane only if more is paid than was reserved,
        // because both are liabilities, and those fit in a lane all together: the caller refuses such a chunk.
        unchecked {
            for (uint256 shift; shift < 256; shift += LANE_BITS) {
                uint256 position = (lanes >> shift) & LANE_MASK;
                int256 score = int256(int24(uint24(scores)));
                scores >>= SCORE_BITS;
                uint256 amount;
                if (score < 0) {
                    amount = shareDown(position, _rate(uint256(-score), terms));
                    burn += amount;
                    packed |= (position - amount) << shift;
                } else {
                    amount = shareDown(position, _rate(uint256(score), terms));
                    if (terms.reserved < terms.totalPayout) amount = (amount * terms.reserved) / terms.totalPayout;
                    payout += amount;
                    packed |= (position + amount) << shift;
                }
            }
        }
        credits = Uint64x4.wrap(packed);
    }

    /// @notice The packed scores of slot `index` of a chunk: 12 bytes, big-endian.
    /// @dev The caller has checked that the chunk holds `index + 1` slots.
    function scoresAt(bytes calldata scores, uint256 index) internal pure returns (uint256 word) {
        // Loads 32 bytes and keeps the first 12: shift right by 256 - 96 bits.
        assembly ("memory-safe") {
            word := shr(160, calldataload(add(scores.offset, mul(index, 12))))
        }
    }

    function _position(uint256 idle, uint256 allocation, uint256 minPosition) private pure returns (uint256 position) {
        unchecked {
            if (allocation & SHARE_FLAG != 0) {
                position = shareDown(idle, allocation ^ SHARE_FLAG);
            } else {
                position = allocation < idle ? allocation : idle;
            }
        }
        if (position < minPosition) position = 0;
    }

    function _rate(uint256 magnitude, Terms memory terms) private pure returns (uint256 rate) {
        unchecked {
            rate = (magnitude * terms.payoutFactor) / PPM;
        }
        if (rate > terms.cap) rate = terms.cap;
    }
}
