// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IDemands} from "../interfaces/IDemands.sol";

/// @title HeardScores
/// @notice The scores of a chunk as they count at settlement: those of lanes that owe predictions are zero (IDemands).
library HeardScores {
    /// @notice Copies a chunk's scores to memory, as `demands` has them.
    /// @param demands zero where nobody can be asked for predictions: nothing stands there, and so nothing answers.
    /// @return at where the scores begin in memory.
    /// @dev Written out, as the tournament's code has no room for the encoding and decoding of the compiler. The scores come
    /// where the call's last argument stands, and an answer of so many bytes replaces them.
    function copied(IDemands demands, uint256 roundId, uint256 fromSlot, bytes calldata scores)
        internal
        returns (uint256 at)
    {
        uint256 selector = uint32(IDemands.heard.selector);
        assembly ("memory-safe") {
            let start := mload(0x40)
            at := add(start, 0x84)
            // Behind the scores a word more, which `scoresAt` reads into; then up to a multiple of 32 bytes.
            mstore(0x40, and(add(add(at, scores.length), 0x3f), not(0x1f)))
            mstore(start, shl(224, selector))
            mstore(add(start, 0x04), roundId)
            mstore(add(start, 0x24), fromSlot)
            mstore(add(start, 0x44), 0x60)
            mstore(add(start, 0x64), scores.length)
            calldatacopy(at, scores.offset, scores.length)
            if iszero(call(gas(), demands, 0, start, add(0x84, scores.length), 0, 0)) {
                returndatacopy(start, 0, returndatasize())
                revert(start, returndatasize())
            }
            // An offset, a length, and bytes, of which there are none where all count as reported.
            if gt(returndatasize(), 0x40) { returndatacopy(at, 0x40, scores.length) }
        }
    }

    /// @notice The packed scores of slot `index`: 12 bytes, big-endian.
    function scoresAt(uint256 at, uint256 index) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := shr(160, mload(add(at, mul(index, 12))))
        }
    }
}
