// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRoundWindows} from "../../contracts/interfaces/IRoundWindows.sol";

/// @title Reference
/// @notice What the contracts' libraries mean, one lane at a time: no packing, no masks, no assembly. Slow, and plain
/// enough to be read against ITournament. Amounts in nano-NMR, rates and scores in ppm.
library Reference {
    uint64 internal constant PPM = 1e6;
    uint64 internal constant SHARE_FLAG = 1 << 63;
    uint64 internal constant STAKE_MASK = 2 ** 54 - 1;

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

    /// @notice The stake in lane `index` of a slot: its low 54 bits.
    function stake(uint256 slot, uint256 index) internal pure returns (uint64) {
        return lane(slot, index) & STAKE_MASK;
    }

    /// @notice The allocation's code in lane `index` of a slot: its high 10 bits.
    function code(uint256 slot, uint256 index) internal pure returns (uint64) {
        return lane(slot, index) >> 54;
    }

    /// @notice The allocation that a code stands for.
    function allocation(uint64 code_) internal pure returns (uint64) {
        if (code_ == 0) return 0;
        if (code_ > 810) return SHARE_FLAG + 5000 * (code_ - 810);
        return (10 + (code_ - 1) % 90) * uint64(10) ** (6 + (code_ - 1) / 90);
    }

    /// @notice What a model of this stake and code allocates.
    function allocated(uint64 stake_, uint64 code_) internal pure returns (uint256) {
        unchecked {
            return code_ > 810 ? share(stake_, code_ - 810, 200) : unitsOf(code_);
        }
    }

    /// @notice The units that an amount's code stands for; zero for any other code.
    /// @dev A code from 90*e + 1 to 90*e + 90 has digits from 10 to 99, and stands for digits * 10**(e + 6). Without a branch, a
    /// division, or a product of two unknown numbers: the prover would follow all of the first, and know nothing of the others.
    function unitsOf(uint256 code_) internal pure returns (uint256 units) {
        for (uint256 e; e < 9; ++e) {
            assembly ("memory-safe") {
                let first := add(mul(90, e), 1)
                let within := sub(0, and(iszero(lt(code_, first)), lt(code_, add(first, 90))))
                units := or(units, and(within, mul(sub(add(code_, 10), first), exp(10, add(e, 6)))))
            }
        }
    }

    /// @notice What a model puts at risk.
    function position(uint64 stake_, uint64 code_, uint256 minPosition) internal pure returns (uint256) {
        uint256 wanted = allocated(stake_, code_);
        if (wanted > stake_) wanted = stake_;
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

    /// @notice Whether a deployment may have these windows, seconds.
    function windowsAllowed(IRoundWindows.Windows memory w) internal pure returns (bool) {
        return w.lockWindow >= 10 && w.lockWindow <= 2 days && w.leastLockWindow >= 1
            && w.leastLockWindow <= w.lockWindow && w.leastNotice >= 1 && w.leastNotice <= 7 days && w.fundingGrace >= 1
            && w.fundingGrace <= 7 days;
    }

    /// @notice Whether a round of these times may be opened at `timestamp`.
    function timesAllowed(
        uint256 timestamp,
        uint256 openAt,
        uint256 closeAt,
        uint256 resolveAt,
        uint256 deadline,
        IRoundWindows.Windows memory w
    ) internal pure returns (bool) {
        if (timestamp > closeAt || openAt >= closeAt || closeAt >= resolveAt || resolveAt >= deadline) return false;
        if (openAt > timestamp + 90 days || closeAt > openAt + 90 days) return false;
        if (resolveAt > closeAt + 365 days || deadline > resolveAt + 90 days) return false;
        uint256 window = (resolveAt - closeAt) / 4 < w.lockWindow ? (resolveAt - closeAt) / 4 : w.lockWindow;
        uint256 notice = closeAt - timestamp;
        return window >= w.leastLockWindow && notice >= w.leastNotice && notice >= (deadline - closeAt) / 192;
    }

    /// @notice When the lock window of a round ends: without a pause after a quarter of the time to the outcome, or
    /// `longest`; a pause adds the part of itself that lies after the close, if it began before that end.
    function lockEnd(uint256 closeAt, uint256 resolveAt, uint256 longest, uint256 pausedFrom, uint256 pausedUntil)
        internal
        pure
        returns (uint256)
    {
        uint256 quarter = (resolveAt - closeAt) / 4;
        uint256 end = closeAt + (quarter < longest ? quarter : longest);
        if (pausedFrom >= end || pausedUntil <= closeAt || pausedUntil <= pausedFrom) return end;
        if (end == closeAt) return end;
        uint256 extended = end + pausedUntil - (pausedFrom > closeAt ? pausedFrom : closeAt);
        uint256 middle = closeAt + (resolveAt - closeAt) / 2;
        return extended < middle ? extended : middle;
    }
}
