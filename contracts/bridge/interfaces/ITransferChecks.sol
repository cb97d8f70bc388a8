// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title ITransferChecks
/// @notice What a transfer to the other chain is held against before anything moves: a token sent to nobody would be locked
/// here for good.
interface ITransferChecks {
    /// @notice The address, on the chain that is named, cannot be the receiver: it is zero, or the bridge's own other end.
    error BadReceiver(uint256 chainId, address receiver);
    error ZeroTransfer();
    /// @notice More than one transfer may carry, wei: send it in several.
    error TransferTooLarge(uint256 amount, uint256 maximum);
}
