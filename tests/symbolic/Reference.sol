// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Reference
/// @notice What the contracts' libraries mean, one lane at a time: no packing, no masks, no assembly. Slow, and plain
/// enough to be read against ITournament. Amounts in nano-NMR, rates and scores in ppm.
library Reference {
    uint64 internal constant PPM = 1e6;
    uint64 internal constant SHARE_FLAG = 1 << 63;

    /// @notice Lane `index` of four uint64 lanes, lane 0 lowest.
    function lane(uint256 word, uint256 index) internal pure returns (uint64) {
        return uint64(word >> (64 * index));
    }

    /// @notice Lane `index` of four int24 lanes, lane 0 lowest.
    function score(uint256 word, uint256 index) internal pure returns (int24) {
        return int24(uint24(word >> (24 * index)));
    }

    /// @notice Full lanes wherever the lowest four of `bits` are set.
    function laneMask(uint8 bits) internal pure returns (uint256 mask) {
        unchecked {
            for (uint256 i; i < 4; ++i) {
                uint256 bit = (bits >> i) & 1;
                mask |= (bit * type(uint64).max) << (64 * i);
            }
        }
    }

    /// @notice amount * numerator / denominator, rounded down.
    /// @dev Unchecked, because no product of two numbers of 128 bits passes 256, and because the check is a division that
    /// the prover would have to see through.
    function share(uint128 amount, uint128 numerator, uint256 denominator) internal pure returns (uint256) {
        unchecked {
            return (uint256(amount) * numerator) / denominator;
        }
    }

    /// @notice What a model puts at risk.
    function position(uint64 idle, uint64 allocation, uint256 minPosition) internal pure returns (uint256) {
        uint256 wanted;
        if (allocation >= SHARE_FLAG) wanted = share(idle, allocation ^ SHARE_FLAG, PPM);
        else wanted = allocation < idle ? allocation : idle;
        return wanted < minPosition ? 0 : wanted;
    }

    /// @notice min(1, threshold / atRisk).
    function payoutFactor(uint64 atRisk, uint64 threshold) internal pure returns (uint256) {
        return atRisk <= threshold ? PPM : share(threshold, PPM, atRisk);
    }

    /// @notice |score| * factor, at most `cap`.
    function rate(int24 score_, uint64 factor, uint64 cap) internal pure returns (uint64) {
        uint64 magnitude = score_ < 0 ? uint64(int64(-int256(score_))) : uint64(int64(score_));
        uint256 scaled = share(magnitude, factor, PPM);
        return scaled > cap ? cap : uint64(scaled);
    }

    /// @notice What a position is paid from a full pool, and what of it burns.
    function outcome(uint64 position_, int24 score_, uint64 factor, uint64 cap)
        internal
        pure
        returns (uint256 payout, uint256 burn)
    {
        uint256 amount = share(position_, rate(score_, factor, cap), PPM);
        return score_ < 0 ? (uint256(0), amount) : (amount, uint256(0));
    }
}
