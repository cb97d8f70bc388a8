// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPieceStore} from "./interfaces/IPieceStore.sol";
import {StagedCode} from "./lib/StagedCode.sol";

/// @title PieceStore
/// @notice See IPieceStore.
contract PieceStore is IPieceStore {
    /// @inheritdoc IPieceStore
    function stage(bytes calldata content) external returns (address) {
        return StagedCode.stage(content);
    }

    /// @inheritdoc IPieceStore
    function send(address target, address[] calldata pieces) external {
        // Nothing else is in memory that is needed: the call begins where it is free.
        uint256 start;
        assembly ("memory-safe") {
            start := mload(0x40)
        }
        uint256 end = StagedCode.read(pieces, start);
        if (target.code.length == 0) revert StagedCode.NoPiece(target);
        assembly ("memory-safe") {
            if iszero(call(gas(), target, 0, start, sub(end, start), 0, 0)) {
                returndatacopy(start, 0, returndatasize())
                revert(start, returndatasize())
            }
        }
    }

    /// @inheritdoc IPieceStore
    function addressOf(bytes calldata content) external view returns (address) {
        return StagedCode.addressOf(content);
    }
}
