// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IRemoteAdmin
/// @notice The admin on Polygon whose will is voted on Ethereum: OpenZeppelin's CrosschainRemoteExecutor, which does what the
/// Governor's messages say. Here it announces to the authority; what was announced is carried out by anybody once its time
/// has come, without a second vote.
interface IRemoteAdmin {
    /// @notice Nothing of this kind is announced, or it is too late for it.
    error NotAnnounced(address target, bytes data);

    /// @notice Carries out a call that this contract announced to the authority. Anybody may.
    /// @dev Reverts if it was not announced or its time has passed (`NotAnnounced`), if it is too early, or if the call does.
    function execute(address target, bytes calldata data) external;
}
