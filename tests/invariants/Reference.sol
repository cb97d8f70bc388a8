// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Reference
/// @notice What a round must do to a stake, written as the documents say it: lane by lane, in checked arithmetic of full
/// width, without a trick. Amounts in nano-NMR, rates and scores in ppm.
library Reference {
    uint256 internal constant PPM = 1e6;
    uint256 internal constant SHARE_FLAG = 1 << 63;

    /// @notice Everything that decides what a position earns. Frozen before the first chunk is settled.
    struct Terms {
        uint256 cap;
        uint256 threshold;
        uint256 minPosition;
        uint256 payoutFactor;
        uint256 reserved;
        uint256 totalPayout;
        uint256 totalBurn;
    }

    function lane(uint256 word, uint256 index) internal pure returns (uint256) {
        return (word >> (64 * index)) % 2 ** 64;
    }

    function positionOf(uint256 idle, uint256 allocation, uint256 minPosition) internal pure returns (uint256) {
        uint256 wanted = allocation;
        if (allocation >= SHARE_FLAG) wanted = (idle * (allocation - SHARE_FLAG)) / PPM;
        if (wanted > idle) wanted = idle;
        return wanted < minPosition ? 0 : wanted;
    }

    function payoutFactorOf(uint256 atRisk, uint256 threshold) internal pure returns (uint256) {
        return atRisk <= threshold ? PPM : (threshold * PPM) / atRisk;
    }

    /// @notice The score of lane `index` of a chunk: three bytes, big-endian, the lanes of a slot from right to left.
    function scoreAt(bytes memory scores, uint256 index) internal pure returns (int256) {
        uint256 at = 12 * (index / 4) + 3 * (3 - index % 4);
        uint256 bits = uint256(uint8(scores[at])) * 65536 + uint256(uint8(scores[at + 1])) * 256 + uint8(scores[at + 2]);
        return bits < 2 ** 23 ? int256(bits) : int256(bits) - 2 ** 24;
    }

    /// @notice What a position is paid from a full pool, and what of it burns.
    function outcomeOf(uint256 position, int256 score, Terms memory terms)
        internal
        pure
        returns (uint256 payout, uint256 burn)
    {
        uint256 rate = (uint256(score < 0 ? -score : score) * terms.payoutFactor) / PPM;
        if (rate > terms.cap) rate = terms.cap;
        uint256 amount = (position * rate) / PPM;
        return score < 0 ? (uint256(0), amount) : (amount, uint256(0));
    }

    /// @notice What is left of a payout when the pool was short.
    function scaledPayout(uint256 payout, Terms memory terms) internal pure returns (uint256) {
        return terms.reserved < terms.totalPayout ? (payout * terms.reserved) / terms.totalPayout : payout;
    }

    function push(bytes32 head, uint256 fromSlot, bytes32 digest) internal pure returns (bytes32) {
        return keccak256(abi.encode(head, fromSlot, digest));
    }
}
