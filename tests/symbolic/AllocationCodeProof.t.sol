// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AllocationCode} from "../../contracts/lib/AllocationCode.sol";
import {StakeSlot} from "../../contracts/lib/StakeSlot.sol";
import {Uint64x4} from "../../contracts/lib/Uint64x4.sol";
import {Arithmetic} from "./Arithmetic.sol";
import {CodeFacts} from "./CodeFacts.sol";
import {Reference} from "./Reference.sol";

/// @title AllocationCodeProof
/// @notice Every code in use stands for the allocation that Reference says, and that one for the code; so no two codes stand
/// for the same. Decoding four codes at once equals decoding each, for all words: codes that are not in use as well, which
/// `setAllocation` never stores.
contract AllocationCodeProof {
    function check_encoded_and_decoded_undo_each_other() external pure {
        for (uint64 code; code <= AllocationCode.LAST_SHARE; ++code) {
            uint64 allocation = Reference.allocation(code);
            assert(AllocationCode.decoded(code) == allocation);
            assert(code > AllocationCode.LAST_AMOUNT || Reference.unitsOf(code) == allocation);
            assert(AllocationCode.encoded(allocation) == code);
        }
    }

    function check_resolved_in_lane_0(uint256 slot) external pure {
        _checkResolved(slot, 0);
    }

    function check_resolved_in_lane_1(uint256 slot) external pure {
        _checkResolved(slot, 1);
    }

    function check_resolved_in_lane_2(uint256 slot) external pure {
        _checkResolved(slot, 2);
    }

    function check_resolved_in_lane_3(uint256 slot) external pure {
        _checkResolved(slot, 3);
    }

    /// @dev PayoutMathProof rests on both: a position is the smaller of amount and stake, and `min` is of lanes below 2^63.
    function _checkResolved(uint256 slot, uint256 index) private pure {
        bool hold = true;
        for (uint256 i; i < 4; ++i) {
            hold = Arithmetic.both(hold, CodeFacts.hold(Reference.stake(slot, i), Reference.code(slot, i)));
        }
        require(hold);
        Uint64x4 amounts = AllocationCode.resolved(StakeSlot.wrap(slot).codes(), StakeSlot.wrap(slot).stakes());
        uint256 amount = Reference.lane(Uint64x4.unwrap(amounts), index);
        assert(amount == Reference.allocated(Reference.stake(slot, index), Reference.code(slot, index)));
        assert(amount < 1 << 55);
    }
}
