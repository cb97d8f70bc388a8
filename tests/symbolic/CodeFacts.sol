// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Arithmetic} from "./Arithmetic.sol";

/// @title CodeFacts
/// @notice What a proof about allocations needs to know of the products and the quotient of one lane. Facts of Arithmetic, no
/// bounds. All of them are one question, without a branch: the prover would follow each way through four lanes.
library CodeFacts {
    function hold(uint64 stake, uint64 code) internal pure returns (bool all) {
        // Both kinds are worked out where a slot has both; a lane of the other kind counts as code 0.
        uint64 steps = _steps(code);
        all = Arithmetic.both(
            Arithmetic.sharesOfTwiceAreSmaller(stake, steps, 200), Arithmetic.productsCommute(stake, steps)
        );
        (uint256 digits, uint256 power) = _digitsAndPower(code);
        all = Arithmetic.both(all, Arithmetic.equalFactorsHaveEqualProducts(digits, power, 0));
        for (uint256 e; e < 9; ++e) {
            all = Arithmetic.both(all, Arithmetic.equalFactorsHaveEqualProducts(digits, power, 10 ** e));
        }
    }

    /// @dev Half percents; zero for no share.
    function _steps(uint64 code) private pure returns (uint64 steps) {
        assembly ("memory-safe") {
            steps := and(sub(0, gt(code, 810)), sub(code, 810))
        }
    }

    /// @dev The two digits of an amount's code and the power of ten behind them, as AllocationCode works them out: for no amount
    /// they are 99 and zero.
    function _digitsAndPower(uint256 code) private pure returns (uint256 digits, uint256 power) {
        for (uint256 e; e < 9; ++e) {
            assembly ("memory-safe") {
                let first := add(mul(90, e), 1)
                let within := sub(0, and(iszero(lt(code, first)), lt(code, add(first, 90))))
                digits := or(digits, and(within, sub(add(code, 10), first)))
                power := or(power, and(within, exp(10, e)))
            }
        }
        assembly ("memory-safe") {
            digits := or(digits, and(sub(0, iszero(power)), 99))
        }
    }
}
