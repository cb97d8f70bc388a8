// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Four uint64 lanes in one storage word. Lane i occupies bits [64*i, 64*i + 64).
/// Operations on all lanes at once work on the whole word, which costs a quarter of a loop over the lanes.
type Uint64x4 is uint256;

using {lane, withLane, min, atLeast, masked, isZero, sum} for Uint64x4 global;

uint256 constant LANES = 4;
uint256 constant LANE_BITS = 64;
uint256 constant LANE_MASK = 0xffffffffffffffff;

/// @dev The lowest bit of every lane: times a number below 2^64 it is that number in every lane.
uint256 constant LANE_BOTTOMS = 0x0000000000000001_0000000000000001_0000000000000001_0000000000000001;

/// @dev The top bit of every lane.
uint256 constant LANE_TOPS = 0x8000000000000000_8000000000000000_8000000000000000_8000000000000000;

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

/// @notice The bits of the word that are set in `mask`.
function masked(Uint64x4 word, uint256 mask) pure returns (Uint64x4) {
    return Uint64x4.wrap(Uint64x4.unwrap(word) & mask);
}

/// @notice Whether all four lanes are zero.
function isZero(Uint64x4 word) pure returns (bool) {
    return Uint64x4.unwrap(word) == 0;
}

/// @notice The sum of the four lanes. Below 2^66.
function sum(Uint64x4 word) pure returns (uint256 total) {
    uint256 lanes = Uint64x4.unwrap(word);
    // Four numbers below 2^64.
    unchecked {
        total = (lanes & LANE_MASK) + ((lanes >> 64) & LANE_MASK) + ((lanes >> 128) & LANE_MASK) + (lanes >> 192);
    }
}

/// @notice The smaller of each pair of lanes. All lanes below 2^63.
function min(Uint64x4 left, Uint64x4 right) pure returns (Uint64x4) {
    uint256 a = Uint64x4.unwrap(left);
    uint256 b = Uint64x4.unwrap(right);
    uint256 aIsLarger = _notBelow(a, b);
    return Uint64x4.wrap((b & aIsLarger) | (a & ~aIsLarger));
}

/// @notice The word with every lane below `least` set to zero. All lanes, and `least`, below 2^63.
function atLeast(Uint64x4 word, uint256 least) pure returns (Uint64x4) {
    uint256 lanes = Uint64x4.unwrap(word);
    // least < 2^63 in four lanes: the product fits.
    unchecked {
        return Uint64x4.wrap(lanes & _notBelow(lanes, least * LANE_BOTTOMS));
    }
}

/// @dev A full lane wherever a's lane is not below b's, zero elsewhere. All lanes below 2^63.
/// With its top bit set a lane of a exceeds any of b, so no subtraction borrows from the next lane, and the top bit is
/// left standing exactly where a's lane was not below b's.
function _notBelow(uint256 a, uint256 b) pure returns (uint256) {
    unchecked {
        return ((((a | LANE_TOPS) - b) & LANE_TOPS) >> 63) * LANE_MASK;
    }
}
