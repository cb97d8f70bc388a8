// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CourtReader} from "./CourtReader.sol";

/// @title SealReader
/// @notice The part of VerdictCourt and of StagedCourt that says what predictions must be to count.
abstract contract SealReader is CourtReader {
    /// @dev The number of ids of a round that was opened without terms: the chain does not know it.
    uint256 private constant UNKNOWN = type(uint256).max;

    /// @dev The float64 1: bits of numbers that are not negative ascend as the numbers do, and those of all others are larger.
    uint256 private constant ONE_BITS = 0x3ff0000000000000;

    /// @dev The ids of a round with these terms, which are not read where it was opened without.
    function _idsOf(Terms calldata terms, bytes32 termsHash) internal pure returns (uint256) {
        if (termsHash == 0) return UNKNOWN;
        _requireTerms(terms, termsHash);
        return terms.ids;
    }

    /// @dev Whether there is one prediction for each id, all within [0, 1]; where ids are unknown any whole number will do.
    function _areInForm(uint256 ids, bytes calldata predictions) internal pure returns (bool) {
        uint256 expected = ids == UNKNOWN ? predictions.length & ~uint256(7) : 8 * ids;
        return predictions.length == expected && _areWithinUnit(predictions);
    }

    /// @dev A negative zero is outside: it has another spelling in what is signed.
    function _areWithinUnit(bytes calldata predictions) private pure returns (bool) {
        uint256 outside;
        assembly ("memory-safe") {
            let end := add(predictions.offset, predictions.length)
            for { let at := predictions.offset } lt(at, end) { at := add(at, 8) } {
                outside := or(outside, gt(shr(192, calldataload(at)), ONE_BITS))
            }
        }
        return outside == 0;
    }
}
