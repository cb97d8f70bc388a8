// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Uint64x4} from "../../contracts/lib/Uint64x4.sol";
import {Arithmetic} from "./Arithmetic.sol";
import {Reference} from "./Reference.sol";

/// @title Uint64x4Proof
/// @notice Every operation on four lanes at once equals the operation lane by lane, for all words and every lane.
/// Two operations ask for lanes below 2^63 (`min`, `atLeast`). The tournament sees to it: its MAX_LIABILITIES bounds the
/// sum of all stakes and positions, and MAX_MIN_POSITION the least position. Facts of Arithmetic are proved, no bounds.
contract Uint64x4Proof {
    uint256 private constant LANE_TOPS = 0x8000000000000000_8000000000000000_8000000000000000_8000000000000000;

    function check_lane_reads_the_lane(uint256 word, uint256 index) external pure {
        require(index < 4 && Arithmetic.divisionUndoesProducts(uint64(index), 64));
        assert(Uint64x4.wrap(word).lane(index) == Reference.lane(word, index));
    }

    function check_withLane_replaces_one_lane_and_no_other(uint256 word, uint256 at, uint64 value, uint256 index)
        external
        pure
    {
        require(at < 4 && Arithmetic.divisionUndoesProducts(uint64(at), 64));
        require(index < 4 && Arithmetic.divisionUndoesProducts(uint64(index), 64));
        uint256 changed = Uint64x4.unwrap(Uint64x4.wrap(word).withLane(at, value));
        assert(Reference.lane(changed, index) == (index == at ? value : Reference.lane(word, index)));
    }

    /// @dev No caller has an index above 3. Where the index times 64 overflows, both revert.
    function check_an_index_beyond_the_lanes_reads_zero_and_changes_nothing(uint256 word, uint64 index, uint64 value)
        external
        pure
    {
        require(index >= 4 && Arithmetic.divisionUndoesProducts(index, 64));
        assert(Uint64x4.wrap(word).lane(index) == 0);
        assert(Uint64x4.unwrap(Uint64x4.wrap(word).withLane(index, value)) == word);
    }

    function check_masked_keeps_the_bits_of_the_mask(uint256 word, uint256 mask, uint8 bit) external pure {
        uint256 kept = Uint64x4.unwrap(Uint64x4.wrap(word).masked(mask));
        assert((kept >> bit) & 1 == ((word >> bit) & 1) & ((mask >> bit) & 1));
    }

    function check_isZero_is_true_of_four_zeros_alone(uint256 word) external pure {
        bool zero = Reference.lane(word, 0) == 0 && Reference.lane(word, 1) == 0 && Reference.lane(word, 2) == 0
            && Reference.lane(word, 3) == 0;
        assert(Uint64x4.wrap(word).isZero() == zero);
    }

    function check_sum_adds_the_lanes(uint256 word) external pure {
        uint256 total = uint256(Reference.lane(word, 0)) + Reference.lane(word, 1);
        total = total + Reference.lane(word, 2) + Reference.lane(word, 3);
        assert(Uint64x4.wrap(word).sum() == total);
    }

    function check_min_takes_the_smaller_of_each_lane(uint256 left, uint256 right, uint256 index) external pure {
        require(index < 4 && left & LANE_TOPS == 0 && right & LANE_TOPS == 0);
        (uint64 a, uint64 b) = (Reference.lane(left, index), Reference.lane(right, index));
        uint256 smaller = Uint64x4.unwrap(Uint64x4.wrap(left).min(Uint64x4.wrap(right)));
        assert(Reference.lane(smaller, index) == (a < b ? a : b));
    }

    function check_atLeast_clears_each_lane_below(uint256 word, uint256 least, uint256 index) external pure {
        require(index < 4 && word & LANE_TOPS == 0 && least < 1 << 63);
        uint64 value = Reference.lane(word, index);
        uint256 kept = Uint64x4.unwrap(Uint64x4.wrap(word).atLeast(least));
        assert(Reference.lane(kept, index) == (value < least ? 0 : value));
    }
}
