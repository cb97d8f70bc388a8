// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {StakeSlot} from "../../contracts/lib/StakeSlot.sol";
import {Uint64x4} from "../../contracts/lib/Uint64x4.sol";
import {Arithmetic} from "./Arithmetic.sol";
import {Reference} from "./Reference.sol";

/// @title StakeSlotProof
/// @notice Every operation on a slot equals the operation lane by lane, for all slots and every lane. What is added to stakes
/// and taken from them is below 2^55 in each lane: the tournament adds a position and its payout, and takes a position, each
/// of which is part of its MAX_LIABILITIES. Facts of Arithmetic are proved, no bounds.
contract StakeSlotProof {
    uint64 private constant LIMIT = 1 << 55;

    function check_stakeOf_and_codeOf_read_the_lane(uint256 slot, uint256 index) external pure {
        require(index < 4 && Arithmetic.divisionUndoesProducts(uint64(index), 64));
        assert(StakeSlot.wrap(slot).stakeOf(index) == Reference.stake(slot, index));
        assert(StakeSlot.wrap(slot).codeOf(index) == Reference.code(slot, index));
    }

    function check_withStake_replaces_one_stake_and_nothing_else(uint256 slot, uint256 at, uint64 value, uint256 index)
        external
        pure
    {
        require(at < 4 && index < 4 && value <= Reference.STAKE_MASK);
        require(Arithmetic.divisionUndoesProducts(uint64(at), 64));
        uint256 changed = StakeSlot.unwrap(StakeSlot.wrap(slot).withStake(at, value));
        assert(Reference.stake(changed, index) == (index == at ? value : Reference.stake(slot, index)));
        assert(Reference.code(changed, index) == Reference.code(slot, index));
    }

    function check_withCode_replaces_one_code_and_nothing_else(uint256 slot, uint256 at, uint64 value, uint256 index)
        external
        pure
    {
        require(at < 4 && index < 4 && value < 1024);
        require(Arithmetic.divisionUndoesProducts(uint64(at), 64));
        uint256 changed = StakeSlot.unwrap(StakeSlot.wrap(slot).withCode(at, value));
        assert(Reference.code(changed, index) == (index == at ? value : Reference.code(slot, index)));
        assert(Reference.stake(changed, index) == Reference.stake(slot, index));
    }

    function check_stakes_and_codes_are_those_of_each_lane(uint256 slot, uint256 index) external pure {
        require(index < 4);
        uint256 stakes = Uint64x4.unwrap(StakeSlot.wrap(slot).stakes());
        uint256 codes = Uint64x4.unwrap(StakeSlot.wrap(slot).codes());
        assert(Reference.lane(stakes, index) == Reference.stake(slot, index));
        assert(Reference.lane(codes, index) == Reference.code(slot, index));
    }

    function check_plus_adds_to_each_stake_and_leaves_the_codes(uint256 slot, uint256 amounts, uint256 index)
        external
        view
    {
        require(index < 4);
        _requireAmounts(amounts);
        try this.plus(slot, amounts) returns (uint256 total) {
            assert(Reference.stake(total, index) == Reference.stake(slot, index) + Reference.lane(amounts, index));
            assert(Reference.code(total, index) == Reference.code(slot, index));
        } catch {}
    }

    function check_plus_takes_what_fits(uint256 slot, uint256 amounts) external view {
        for (uint256 i; i < 4; ++i) {
            require(Reference.lane(amounts, i) <= Reference.STAKE_MASK - Reference.stake(slot, i));
        }
        try this.plus(slot, amounts) {}
        catch {
            assert(false);
        }
    }

    function check_minus_takes_from_each_stake_and_leaves_the_codes(uint256 slot, uint256 amounts, uint256 index)
        external
        view
    {
        require(index < 4);
        _requireAmounts(amounts);
        try this.minus(slot, amounts) returns (uint256 rest) {
            assert(Reference.stake(rest, index) + Reference.lane(amounts, index) == Reference.stake(slot, index));
            assert(Reference.code(rest, index) == Reference.code(slot, index));
        } catch {}
    }

    function check_minus_gives_what_there_is(uint256 slot, uint256 amounts) external view {
        for (uint256 i; i < 4; ++i) {
            require(Reference.lane(amounts, i) <= Reference.stake(slot, i));
        }
        try this.minus(slot, amounts) {}
        catch {
            assert(false);
        }
    }

    function plus(uint256 slot, uint256 amounts) external pure returns (uint256) {
        return StakeSlot.unwrap(StakeSlot.wrap(slot).plus(Uint64x4.wrap(amounts)));
    }

    function minus(uint256 slot, uint256 amounts) external pure returns (uint256) {
        return StakeSlot.unwrap(StakeSlot.wrap(slot).minus(Uint64x4.wrap(amounts)));
    }

    function _requireAmounts(uint256 amounts) private pure {
        for (uint256 i; i < 4; ++i) {
            require(Reference.lane(amounts, i) < LIMIT);
        }
    }
}
