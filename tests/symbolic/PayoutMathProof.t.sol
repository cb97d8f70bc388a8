// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AllocationCode} from "../../contracts/lib/AllocationCode.sol";
import {PayoutMath} from "../../contracts/lib/PayoutMath.sol";
import {StakeSlot} from "../../contracts/lib/StakeSlot.sol";
import {Uint64x4} from "../../contracts/lib/Uint64x4.sol";
import {Arithmetic} from "./Arithmetic.sol";
import {Reference} from "./Reference.sol";

/// @title PayoutMathProof
/// @notice PayoutMath equals Reference, and does not panic, for all inputs within bounds that the tournament enforces:
/// - `minPosition` below 2^63: MAX_MIN_POSITION;
/// - `payoutFactor` at most 1e6: `seal` takes it from `payoutFactorDown`; `cap` at most 1e6: MAX_CAP;
/// - scores have 96 bits: `scoresAt`;
/// - `scaledDown`'s numerator is below its denominator: `settle` scales only where less is reserved than reported; both
///   are uint64;
/// - `shareDown` is asked of uint64 and uint32: here both have 128 bits;
/// - chunks of at most 512 slots: MAX_CHUNK_SLOTS. Every slot of a full chunk is read, and of three shorter ones.
///
/// What is required by the name of a fact in Arithmetic is no bound: ArithmeticProof proves it of all numbers.
contract PayoutMathProof {
    uint64 private constant PPM = 1e6;

    /* SHARES */

    function check_shareDown_is_the_share(uint128 amount, uint128 ppm) external pure {
        assert(PayoutMath.shareDown(amount, ppm) == Reference.share(amount, ppm, PPM));
    }

    function check_payoutFactorDown_is_the_threshold_over_the_stake_at_risk(uint64 atRisk, uint64 threshold)
        external
        pure
    {
        require(Arithmetic.sharesAreSmaller(PPM, threshold, atRisk));
        require(Arithmetic.divisionUndoesProducts(threshold, PPM));
        assert(PayoutMath.payoutFactorDown(atRisk, threshold) == Reference.payoutFactor(atRisk, threshold));
    }

    function check_scaledDown_scales_each_lane(uint256 amounts, uint64 numerator, uint64 denominator) external pure {
        require(numerator < denominator);
        for (uint256 i; i < 4; ++i) {
            uint64 amount = Reference.lane(amounts, i);
            require(Arithmetic.sharesAreSmaller(amount, numerator, denominator));
            require(Arithmetic.divisionUndoesProducts(amount, numerator));
        }
        uint256 scaled = Uint64x4.unwrap(PayoutMath.scaledDown(Uint64x4.wrap(amounts), numerator, denominator));
        for (uint256 i; i < 4; ++i) {
            assert(Reference.lane(scaled, i) == Reference.share(Reference.lane(amounts, i), numerator, denominator));
        }
    }

    /* POSITIONS */

    function check_positionsOf_in_lane_0(uint256 slot, uint256 mask, uint256 minPosition) external pure {
        _checkPosition(slot, mask, minPosition, 0);
    }

    function check_positionsOf_in_lane_1(uint256 slot, uint256 mask, uint256 minPosition) external pure {
        _checkPosition(slot, mask, minPosition, 1);
    }

    function check_positionsOf_in_lane_2(uint256 slot, uint256 mask, uint256 minPosition) external pure {
        _checkPosition(slot, mask, minPosition, 2);
    }

    function check_positionsOf_in_lane_3(uint256 slot, uint256 mask, uint256 minPosition) external pure {
        _checkPosition(slot, mask, minPosition, 3);
    }

    /// @param mask which models take part: any bits of their codes, so that any codes.
    function _checkPosition(uint256 slot, uint256 mask, uint256 minPosition, uint256 index) private pure {
        require(minPosition < 1 << 63);
        Uint64x4 codes = StakeSlot.wrap(slot).codes().masked(mask);
        (uint64 stake, uint64 code) = (Reference.stake(slot, index), Reference.lane(Uint64x4.unwrap(codes), index));
        // Proved of all codes and stakes in AllocationCodeProof.
        uint256 amounts = Uint64x4.unwrap(AllocationCode.resolved(codes, StakeSlot.wrap(slot).stakes()));
        bool proved = Reference.lane(amounts, index) == Reference.allocated(stake, code);
        for (uint256 i; i < 4; ++i) {
            proved = Arithmetic.both(proved, Reference.lane(amounts, i) < 1 << 55);
        }
        require(proved);

        uint256 found = Uint64x4.unwrap(PayoutMath.positionsOf(StakeSlot.wrap(slot), codes, minPosition));
        assert(Reference.lane(found, index) == Reference.position(stake, code, minPosition));
    }

    /* OUTCOMES */

    function check_outcomeOf_in_lane_0(uint256 positions, uint96 scores, uint64 factor, uint64 cap) external pure {
        _checkOutcome(positions, scores, factor, cap, 0);
    }

    function check_outcomeOf_in_lane_1(uint256 positions, uint96 scores, uint64 factor, uint64 cap) external pure {
        _checkOutcome(positions, scores, factor, cap, 1);
    }

    function check_outcomeOf_in_lane_2(uint256 positions, uint96 scores, uint64 factor, uint64 cap) external pure {
        _checkOutcome(positions, scores, factor, cap, 2);
    }

    function check_outcomeOf_in_lane_3(uint256 positions, uint96 scores, uint64 factor, uint64 cap) external pure {
        _checkOutcome(positions, scores, factor, cap, 3);
    }

    function check_magnitudes_are_those_of_the_scores(uint96 scores) external pure {
        for (uint256 i; i < 4; ++i) {
            assert(_magnitudeIsThatOfTheScore(scores, i));
        }
    }

    function _checkOutcome(uint256 positions, uint96 scores, uint64 factor, uint64 cap, uint256 index) private pure {
        require(factor <= PPM && cap <= PPM);
        for (uint256 i; i <= index; ++i) {
            uint64 rate = _rate(_magnitude(scores, i), factor, cap);
            require(Arithmetic.sharesAreSmaller(Reference.lane(positions, i), rate, PPM));
        }
        require(_magnitudeIsThatOfTheScore(scores, index)); // proved above
        (uint64 position, int24 score) = (Reference.lane(positions, index), Reference.score(scores, index));
        (uint256 payout, uint256 burn) = Reference.outcome(position, score, factor, cap);
        (Uint64x4 payouts, Uint64x4 burns) = PayoutMath.outcomeOf(Uint64x4.wrap(positions), scores, factor, cap);
        uint256 paid = Reference.lane(Uint64x4.unwrap(payouts), index);
        uint256 burned = Reference.lane(Uint64x4.unwrap(burns), index);
        assert((paid ^ payout) | (burned ^ burn) == 0); // one question, not two
    }

    /* READING CALLDATA */

    function check_laneMaskAt_fills_the_lanes_of_the_bits_set(bytes calldata bitmap, uint256 slot) external pure {
        // The prover reads calldata at a known place only.
        for (uint256 known; known < 2 * bitmap.length; ++known) {
            if (known != slot) continue;
            uint8 bits = uint8(bitmap[known / 2]) >> (known % 2 == 0 ? 0 : 4);
            assert(PayoutMath.laneMaskAt(bitmap, known) == Reference.laneMask(bits));
            return;
        }
    }

    function check_scoresAt_reads_twelve_bytes_big_endian(bytes calldata scores) external pure {
        uint256 differences;
        for (uint256 slot; slot < scores.length / 12; ++slot) {
            uint256 expected = uint96(bytes12(scores[12 * slot:12 * slot + 12]));
            differences |= PayoutMath.scoresAt(scores, slot) ^ expected;
        }
        assert(differences == 0);
    }

    /* INTERNAL */

    /// @dev The magnitude of a score in PayoutMath's words, so that the facts are about the very numbers that it multiplies.
    function _magnitude(uint256 scores, uint256 index) private pure returns (uint256 magnitude) {
        unchecked {
            uint256 signs = (scores >> 23) & 0x000001_000001_000001_000001;
            uint256 magnitudes = (scores ^ (signs * 0xffffff)) + signs;
            return index == 3 ? magnitudes >> 72 : (magnitudes >> (24 * index)) & 0xffffff;
        }
    }

    function _magnitudeIsThatOfTheScore(uint96 scores, uint256 index) private pure returns (bool) {
        int256 score = Reference.score(scores, index);
        return _magnitude(scores, index) == uint256(score < 0 ? -score : score);
    }

    /// @dev What PayoutMath makes of it. Without a branch, of which the prover would follow both ways.
    function _rate(uint256 magnitude, uint256 factor, uint256 cap) private pure returns (uint64 rate) {
        assembly ("memory-safe") {
            rate := div(mul(magnitude, factor), 1000000)
            rate := xor(rate, and(xor(rate, cap), sub(0, gt(rate, cap))))
        }
    }
}
