// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IGatedAccount
/// @notice An account that trades for its owner, and only as a ConsensusGate lets an agent have it.
interface IGatedAccount {
    /// @notice Trades. The gate alone may.
    /// @param size what is paid for a purchase, or gotten for a sale: units of the account's cash.
    /// @param bound of the asset's own units: the least to get for a purchase, the most to give for a sale.
    function trade(bytes32 asset, bool buy, uint256 size, uint256 bound) external;

    /// @notice Whose account it is, who alone says in what limits an agent acts.
    function owner() external view returns (address);
}
