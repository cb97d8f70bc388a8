// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {LANE_BITS, LANE_BOTTOMS, Uint64x4} from "./Uint64x4.sol";

/// @notice Four models in one storage word. Lane i occupies bits [64*i, 64*i + 64): the low 54 bits are the model's stake in
/// units, the high 10 its allocation's code (see AllocationCode). One word, so that a lock reads and writes one.
type StakeSlot is uint256;

using {stakeOf, codeOf, withStake, withCode, stakes, codes, plus, minus} for StakeSlot global;

uint256 constant STAKE_BITS = 54;

/// @dev The largest stake, and a lane's bits of it.
uint256 constant STAKE_MASK = 0x3fffffffffffff;

/// @dev The largest code.
uint256 constant CODE_MASK = 0x3ff;

/// @dev The bits of the stake, of the code moved to the lane's bottom, and of the code where it is, in every lane.
uint256 constant STAKES = STAKE_MASK * LANE_BOTTOMS;
uint256 constant LOW_CODES = CODE_MASK * LANE_BOTTOMS;
uint256 constant CODES = LOW_CODES << STAKE_BITS;

/// @notice Something was added to a stake that does not fit beside it in a lane.
error StakeOverflow(uint256 slot, uint256 amounts);

/// @notice More was taken from a stake than it is.
error StakeUnderflow(uint256 slot, uint256 amounts);

/// @notice The stake in lane `index`, units.
/// @param index 0 to 3. A larger index reads zero.
function stakeOf(StakeSlot slot, uint256 index) pure returns (uint64) {
    // The mask keeps 54 bits.
    return uint64((StakeSlot.unwrap(slot) >> (index * LANE_BITS)) & STAKE_MASK);
}

/// @notice The allocation's code in lane `index`.
/// @param index 0 to 3. A larger index reads zero.
function codeOf(StakeSlot slot, uint256 index) pure returns (uint256) {
    return (StakeSlot.unwrap(slot) >> (index * LANE_BITS + STAKE_BITS)) & CODE_MASK;
}

/// @notice The slot with the stake in lane `index` replaced, and all else as it was.
/// @param index 0 to 3. A larger index changes nothing.
/// @param value at most STAKE_MASK.
function withStake(StakeSlot slot, uint256 index, uint256 value) pure returns (StakeSlot) {
    return _replaced(slot, STAKE_MASK, value, index * LANE_BITS);
}

/// @notice The slot with the code in lane `index` replaced, and all else as it was.
/// @param index 0 to 3.
/// @param value at most CODE_MASK.
function withCode(StakeSlot slot, uint256 index, uint256 value) pure returns (StakeSlot) {
    return _replaced(slot, CODE_MASK, value, index * LANE_BITS + STAKE_BITS);
}

/// @notice All stakes, lane by lane.
function stakes(StakeSlot slot) pure returns (Uint64x4) {
    return Uint64x4.wrap(StakeSlot.unwrap(slot) & STAKES);
}

/// @notice All codes, lane by lane.
function codes(StakeSlot slot) pure returns (Uint64x4) {
    return Uint64x4.wrap((StakeSlot.unwrap(slot) >> STAKE_BITS) & LOW_CODES);
}

/// @notice Adds to each stake.
/// @param amounts each lane below 2^55, which is twice what a stake can be.
/// @dev One 256-bit addition adds all four lanes. A stake that does not fit carries 1 or 2 into its code, out of 1024
/// that it can hold, so that the code changes: comparing the codes finds every carry, also one out of the word.
/// Reverts if a stake overflows (`StakeOverflow`).
function plus(StakeSlot slot, Uint64x4 amounts) pure returns (StakeSlot) {
    (uint256 a, uint256 b) = (StakeSlot.unwrap(slot), Uint64x4.unwrap(amounts));
    uint256 total;
    unchecked {
        total = a + b;
    }
    if ((a ^ total) & CODES != 0) revert StakeOverflow(a, b);
    return StakeSlot.wrap(total);
}

/// @notice Takes from each stake.
/// @param amounts each lane below 2^55, which is twice what a stake can be.
/// @dev A stake that is too small borrows 1 or 2 from its code, as in `plus`.
/// Reverts if a stake underflows (`StakeUnderflow`).
function minus(StakeSlot slot, Uint64x4 amounts) pure returns (StakeSlot) {
    (uint256 a, uint256 b) = (StakeSlot.unwrap(slot), Uint64x4.unwrap(amounts));
    uint256 rest;
    unchecked {
        rest = a - b;
    }
    if ((a ^ rest) & CODES != 0) revert StakeUnderflow(a, b);
    return StakeSlot.wrap(rest);
}

function _replaced(StakeSlot slot, uint256 mask, uint256 value, uint256 shift) pure returns (StakeSlot) {
    return StakeSlot.wrap((StakeSlot.unwrap(slot) & ~(mask << shift)) | (value << shift));
}
