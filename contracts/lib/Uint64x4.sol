// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Four uint64 lanes in one storage word. Lane i occupies bits [64*i, 64*i + 64).
type Uint64x4 is uint256;

using {lane, withLane, plus, minus} for Uint64x4 global;

uint256 constant LANES = 4;
uint256 constant LANE_BITS = 64;
uint256 constant LANE_MASK = type(uint64).max;

/// @dev The top bit of every lane.
uint256 constant LANE_TOPS = 0x8000000000000000_8000000000000000_8000000000000000_8000000000000000;

/// @notice The sum of two words overflowed out of a lane.
error LaneOverflow(uint256 left, uint256 right);

/// @notice A lane of the right word exceeds the same lane of the left one.
error LaneUnderflow(uint256 left, uint256 right);

/// @notice The value of lane `index`.
/// @param index 0 to 3. A larger index reads zero.
function lane(Uint64x4 word, uint256 index) pure returns (uint64) {
    // The cast keeps the low 64 bits, which is the lane.
    return uint64(Uint64x4.unwrap(word) >> (index * LANE_BITS));
}

/// @notice The word with lane `index` replaced by `value` and the other lanes as they were.
/// @param index 0 to 3. A larger index changes nothing.
function withLane(Uint64x4 word, uint256 index, uint64 value) pure returns (Uint64x4) {
    uint256 shift = index * LANE_BITS;
    uint256 others = Uint64x4.unwrap(word) & ~(LANE_MASK << shift);
    return Uint64x4.wrap(others | (uint256(value) << shift));
}

/// @notice Adds lane by lane.
/// @dev One 256-bit addition adds all four lanes when none of them carries. The carry out of bit k of a + b is the
/// majority of a's bit, b's bit and the complement of the sum's bit, so the top bit of each lane tells.
/// Reverts if a lane overflows (`LaneOverflow`).
function plus(Uint64x4 left, Uint64x4 right) pure returns (Uint64x4) {
    uint256 a = Uint64x4.unwrap(left);
    uint256 b = Uint64x4.unwrap(right);
    uint256 sum;
    // An overflow of the word is a carry out of lane 3, which the next line finds.
    unchecked {
        sum = a + b;
    }
    if (((a & b) | ((a | b) & ~sum)) & LANE_TOPS != 0) revert LaneOverflow(a, b);
    return Uint64x4.wrap(sum);
}

/// @notice Subtracts lane by lane.
/// @dev The borrow out of bit k of a - b is the majority of the complement of a's bit, b's bit and the difference's bit.
/// Reverts if a lane underflows (`LaneUnderflow`).
function minus(Uint64x4 left, Uint64x4 right) pure returns (Uint64x4) {
    uint256 a = Uint64x4.unwrap(left);
    uint256 b = Uint64x4.unwrap(right);
    uint256 difference;
    // An underflow of the word is a borrow out of lane 3, which the next line finds.
    unchecked {
        difference = a - b;
    }
    if (((~a & b) | ((~a | b) & difference)) & LANE_TOPS != 0) revert LaneUnderflow(a, b);
    return Uint64x4.wrap(difference);
}
