// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {LANE_BOTTOMS, LANE_MASK, Uint64x4} from "./Uint64x4.sol";

/// @title AllocationCode
/// @notice An allocation in ten bits, so that it fits in a lane beside the stake (see StakeSlot).
///
///     code          allocation
///     0             nothing
///     1 to 810      an amount of two digits: code - 1 = 90*e + (m - 10), m from 10 to 99 and e from 0 to 8, stands for
///                   m * 10**(e + 6) units. With 1e9 units a token: 0.01, 0.011 .. 0.099, 0.1, 0.11 .. 9,900,000 tokens
///     811 to 1010   a share of the stake: (code - 810) half percents
///     1011 to 1023  not in use
///
/// Larger codes of a kind stand for larger allocations, and every allocation has one code at most.
library AllocationCode {
    /// @dev Set: the low bits of an allocation are a share of the stake in ppm. Clear: an amount in units.
    uint64 internal constant SHARE_FLAG = 1 << 63;

    uint256 internal constant LAST_AMOUNT = 810;
    uint256 internal constant LAST_SHARE = 1010;

    /// @dev ppm in one step of shares.
    uint64 internal constant SHARE_STEP = 5_000;

    /// @dev Steps of shares in the whole.
    uint256 internal constant WHOLE = 200;

    /// @dev Units in one step of the smallest amounts.
    uint64 internal constant AMOUNT_STEP = 1e6;

    /// @dev Added to a code it sets bit 10 if the code is a share's: 1024 - 811.
    uint256 private constant SHARE_CARRIES = 213 * LANE_BOTTOMS;
    uint256 private constant CARRY_BITS = 1024 * LANE_BOTTOMS;

    /// @dev x * 729 >> 16 is x / 90, rounded down, for x up to 810.
    uint256 private constant NINETIETH = 729;
    uint256 private constant LAST_AMOUNTS = LAST_AMOUNT * LANE_BOTTOMS;
    uint256 private constant LOW_NIBBLES = 0xf * LANE_BOTTOMS;
    uint256 private constant NINETY_NINES = 99 * LANE_BOTTOMS;

    /// @dev 10**8 in the lowest field of 28 bits, 10**7 in the next, .. 10**0 in the ninth; what is left of a tenth is zero.
    uint256 private constant POWERS = 10 ** 8 | (10 ** 7 << 28) | (10 ** 6 << 56) | (10 ** 5 << 84) | (10 ** 4 << 112)
        | (10 ** 3 << 140) | (10 ** 2 << 168) | (10 << 196) | (1 << 224);
    uint256 private constant POWER_BITS = 28;
    uint256 private constant POWER_MASK = 0xfffffff;

    /// @notice No code stands for the allocation. `below` and `above` are the two nearest that there are; beyond the largest
    /// amount, and the whole, both are that.
    error AllocationNotRepresentable(uint64 allocation, uint64 below, uint64 above);

    /// @notice The code that stands for an allocation.
    /// @param allocation top bit clear: units. Top bit set: the low bits are a share in ppm.
    /// @dev Reverts if there is none (`AllocationNotRepresentable`).
    function encoded(uint64 allocation) internal pure returns (uint256 code) {
        bool isShare = allocation & SHARE_FLAG != 0;
        code = isShare ? _shareDown(allocation ^ SHARE_FLAG) : _amountDown(allocation);
        uint64 below = decoded(code);
        if (below == allocation) return code;

        // Below the smallest share and the smallest amount there is nothing, which is code 0.
        uint256 above = isShare && code == 0 ? LAST_AMOUNT + 1 : code + 1;
        uint256 last = isShare ? LAST_SHARE : LAST_AMOUNT;
        revert AllocationNotRepresentable(allocation, below, decoded(above > last ? last : above));
    }

    /// @notice The allocation that a code stands for.
    /// @param code at most LAST_SHARE.
    function decoded(uint256 code) internal pure returns (uint64) {
        if (code == 0) return 0;
        // At most 1e6 ppm, and at most 99 * 10**14 units.
        if (code > LAST_AMOUNT) return SHARE_FLAG | (uint64(code - LAST_AMOUNT) * SHARE_STEP);
        return uint64((10 + (code - 1) % 90) * 10 ** ((code - 1) / 90)) * AMOUNT_STEP;
    }

    /// @notice What the four models of a slot allocate, units: the amount, or the share of the stake rounded down.
    /// @param codes each at most 1023. A code that is not in use is a share above the whole.
    /// @param stakes each below 2^54.
    /// @return amounts packed as `stakes` is. An amount may exceed the stake.
    function resolved(Uint64x4 codes, Uint64x4 stakes) internal pure returns (Uint64x4 amounts) {
        uint256 word = Uint64x4.unwrap(codes);
        unchecked {
            // No lane of 64 bits carries: a code has ten.
            uint256 shares = ((word + SHARE_CARRIES) & CARRY_BITS) >> 10; // the lowest bit of every lane with a share
            uint256 others = word & ~(shares * LANE_MASK);
            uint256 found = others == 0 ? 0 : _amounts(others);
            if (shares != 0) found |= _shares((word ^ others) - shares * LAST_AMOUNT, Uint64x4.unwrap(stakes));
            return Uint64x4.wrap(found);
        }
    }

    /// @dev What the codes of amounts stand for, all lanes; zero for code 0.
    function _amounts(uint256 codes) private pure returns (uint256 amounts) {
        unchecked {
            // Counted down from the last code, x = 810 - code = 90 * (8 - e) + (99 - m). Code 0 lies 90 before code 90, as if
            // e were -1: the field of the powers that it leads to is zero. No lane borrows or carries.
            uint256 x = LAST_AMOUNTS - codes;
            uint256 turns = ((x * NINETIETH) >> 16) & LOW_NIBBLES; // 8 - e
            uint256 digits = NINETY_NINES + turns * 90 - x; // m
            turns *= POWER_BITS;
            // A lane's digits times its power: below 2^34. The lanes are written out: a loop's turn would cost as much as its
            // work.
            amounts = (digits & 0xff) * ((POWERS >> (turns & 0xff)) & POWER_MASK);
            amounts |= (((digits >> 64) & 0xff) * ((POWERS >> ((turns >> 64) & 0xff)) & POWER_MASK)) << 64;
            amounts |= (((digits >> 128) & 0xff) * ((POWERS >> ((turns >> 128) & 0xff)) & POWER_MASK)) << 128;
            amounts |= ((digits >> 192) * ((POWERS >> (turns >> 192)) & POWER_MASK)) << 192;
            amounts *= AMOUNT_STEP;
        }
    }

    /// @dev stake * steps / WHOLE, rounded down, in all lanes.
    /// @param steps at most 213: no amount reaches 2^55, even of a code that is not in use.
    function _shares(uint256 steps, uint256 stakes) private pure returns (uint256 amounts) {
        unchecked {
            amounts = ((stakes & LANE_MASK) * (steps & 0xff)) / WHOLE;
            amounts |= ((((stakes >> 64) & LANE_MASK) * ((steps >> 64) & 0xff)) / WHOLE) << 64;
            amounts |= ((((stakes >> 128) & LANE_MASK) * ((steps >> 128) & 0xff)) / WHOLE) << 128;
            amounts |= (((stakes >> 192) * (steps >> 192)) / WHOLE) << 192;
        }
    }

    /// @dev The code of the largest share up to `share` ppm; zero below the smallest.
    function _shareDown(uint256 share) private pure returns (uint256) {
        uint256 steps = share / SHARE_STEP;
        if (steps == 0) return 0;
        return LAST_AMOUNT + (steps > WHOLE ? WHOLE : steps);
    }

    /// @dev The code of the largest amount up to `amount` units; zero below the smallest.
    function _amountDown(uint256 amount) private pure returns (uint256 code) {
        uint256 digits = amount / AMOUNT_STEP;
        if (digits < 10) return 0;
        for (code = 1; digits > 99; digits /= 10) {
            code += 90;
        }
        code += digits - 10;
        return code > LAST_AMOUNT ? LAST_AMOUNT : code;
    }
}
