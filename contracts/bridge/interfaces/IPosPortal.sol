// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IPosChildToken
/// @notice A child token of Polygon's PoS portal, as far as it is used here.
interface IPosChildToken {
    /// @notice Destroys `amount` wei of the caller's tokens here. Anybody can then have the portal pay them to the caller's
    /// address on Ethereum.
    function withdraw(uint256 amount) external;
}
