// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {PayoutMath} from "../../contracts/lib/PayoutMath.sol";
import {Uint64x4} from "../../contracts/lib/Uint64x4.sol";

/// @title PayoutMathHarness
/// @notice Many rounds in one call, each through PayoutMath as Tournament.settle goes through it.
contract PayoutMathHarness {
    struct Round {
        uint256[] positions;
        bytes scores;
        uint256 factor;
        uint256 cap;
        uint64 reserved;
        uint64 totalPayout;
    }

    function settle(Round[] calldata rounds)
        external
        pure
        returns (uint256[][] memory payouts, uint256[][] memory burns)
    {
        payouts = new uint256[][](rounds.length);
        burns = new uint256[][](rounds.length);
        for (uint256 i; i < rounds.length; ++i) {
            (payouts[i], burns[i]) = _settle(rounds[i]);
        }
    }

    function payoutFactors(uint64[] calldata atRisk, uint64[] calldata thresholds)
        external
        pure
        returns (uint32[] memory factors)
    {
        factors = new uint32[](atRisk.length);
        for (uint256 i; i < factors.length; ++i) {
            factors[i] = PayoutMath.payoutFactorDown(atRisk[i], thresholds[i]);
        }
    }

    function _settle(Round calldata round) private pure returns (uint256[] memory payouts, uint256[] memory burns) {
        payouts = new uint256[](round.positions.length);
        burns = new uint256[](round.positions.length);
        for (uint256 i; i < payouts.length; ++i) {
            (Uint64x4 paid, Uint64x4 burned) = PayoutMath.outcomeOf(
                Uint64x4.wrap(round.positions[i]), PayoutMath.scoresAt(round.scores, i), round.factor, round.cap
            );
            if (round.reserved < round.totalPayout) {
                paid = PayoutMath.scaledDown(paid, round.reserved, round.totalPayout);
            }
            (payouts[i], burns[i]) = (Uint64x4.unwrap(paid), Uint64x4.unwrap(burned));
        }
    }
}
