// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Arithmetic} from "./Arithmetic.sol";
import {Reference} from "./Reference.sol";

/// @title CodeFacts
/// @notice What a proof about allocations needs to know of the products and quotients of one lane. Facts of Arithmetic, no
/// bounds.
library CodeFacts {
    function require_(uint64 stake, uint64 code) internal pure {
        unchecked {
            // Both kinds are worked out where a slot has both; a lane of the other kind counts as zero.
            uint64 steps = code > 810 ? code - 810 : 0;
            (uint256 digits, uint256 power) = Reference.digitsAndPower(code);
            require(Arithmetic.sharesOfTwiceAreSmaller(stake, steps, 200));
            require(Arithmetic.smallProductsFit(uint8(digits), uint32(power)));
            require(Arithmetic.smallProductsFit(99, 0)); // of code 0
        }
    }
}
