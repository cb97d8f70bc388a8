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

    uint256 internal constant STAKE = 2 ** 54;

    function lane(uint256 word, uint256 index) internal pure returns (uint256) {
        return (word >> (64 * index)) % 2 ** 64;
    }

    /// @notice The stake in lane `index` of a slot: its low 54 bits.
    function stakeAt(uint256 slot, uint256 index) internal pure returns (uint256) {
        return lane(slot, index) % STAKE;
    }

    /// @notice The allocation's code in lane `index` of a slot: its high 10 bits.
    function codeAt(uint256 slot, uint256 index) internal pure returns (uint256) {
        return lane(slot, index) / STAKE;
    }

    /// @notice What a code stands for: nothing, an amount of two digits, or half percents.
    function allocationOf(uint256 code) internal pure returns (uint256) {
        if (code == 0) return 0;
        if (code > 810) return SHARE_FLAG + 5000 * (code - 810);
        return (10 + (code - 1) % 90) * 10 ** (6 + (code - 1) / 90);
    }

    /// @notice The code that stands for an allocation, looked for among all; above 1010 if there is none.
    function codeOf(uint256 allocation) internal pure returns (uint256 code) {
        while (code <= 1010 && allocationOf(code) != allocation) {
            ++code;
        }
    }

    /// @notice The largest allocation that has a code, up to this one, and the next of its kind.
    function nearestTo(uint256 allocation) internal pure returns (uint256 below, uint256 above) {
        uint256 share = allocation < SHARE_FLAG ? 0 : allocation - SHARE_FLAG;
        if (allocation >= SHARE_FLAG) {
            if (share > PPM) share = PPM;
            below = share < 5000 ? 0 : SHARE_FLAG + (share / 5000) * 5000;
            above = SHARE_FLAG + (share == PPM ? PPM : (share / 5000 + 1) * 5000);
            return (below, above);
        }
        if (allocation < 10 ** 7) return (0, 10 ** 7);
        if (allocation > 99 * 10 ** 14) allocation = 99 * 10 ** 14;
        uint256 step = 10 ** 6;
        while (allocation / step > 99) {
            step *= 10;
        }
        below = (allocation / step) * step;
        above = below == 99 * 10 ** 14 ? below : below + step;
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

    /// @notice When the lock window of a round ends: a quarter of the time to the outcome after the close, or `longest`. A
    /// pause that begins before that end adds what of itself lies after the close, up to the middle.
    function lockEnd(uint256 closeAt, uint256 resolveAt, uint256 longest, uint256 pausedFrom, uint256 pausedUntil)
        internal
        pure
        returns (uint256 end)
    {
        uint256 scoring = resolveAt - closeAt;
        end = closeAt + (scoring / 4 < longest ? scoring / 4 : longest);
        if (end == closeAt || pausedFrom >= end || pausedUntil <= closeAt) return end;
        uint256 overlap = pausedUntil - (pausedFrom > closeAt ? pausedFrom : closeAt);
        return scoring / 2 < end + overlap - closeAt ? closeAt + scoring / 2 : end + overlap;
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

    /// @notice The sums of a chunk.
    /// @return sums of payouts and of burns: one value, as the stack has no room for two.
    function totals(uint256[] memory words, bytes memory scores, Terms memory terms)
        internal
        pure
        returns (uint256[2] memory sums)
    {
        for (uint256 i; i < 4 * words.length; ++i) {
            (uint256 paid, uint256 burned) = outcomeOf(lane(words[i / 4], i % 4), scoreAt(scores, i), terms);
            sums[0] += paid;
            sums[1] += burned;
        }
    }

    /// @notice What is left of a payout when the pool was short.
    function scaledPayout(uint256 payout, Terms memory terms) internal pure returns (uint256) {
        return terms.reserved < terms.totalPayout ? (payout * terms.reserved) / terms.totalPayout : payout;
    }

    function push(bytes32 head, uint256 fromSlot, bytes32 digest) internal pure returns (bytes32) {
        return keccak256(abi.encode(head, fromSlot, digest));
    }
}
