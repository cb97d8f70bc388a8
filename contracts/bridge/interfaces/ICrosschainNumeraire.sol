// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title ICrosschainNumeraire
/// @notice NMR on Polygon: an ERC-20 with permit, of which there is as much as the lockbox on Ethereum holds for it.
/// It has no `burn`: what is destroyed here would stay locked there, and nobody's supply would fall. A burn sink sends home.
interface ICrosschainNumeraire is IERC20 {
    /// @notice Sends `amount` wei home. The tokens here are gone at once; those there are released when the message is proved.
    /// @param to the receiver on the other chain, as ERC-7930 writes it: chain and address.
    /// @return sendId always zero.
    /// @dev Reverts as `ITransferChecks` says, and if the caller has less (`ERC20InsufficientBalance`).
    function crosschainTransfer(bytes memory to, uint256 amount) external returns (bytes32 sendId);

    /// @notice The most that one transfer carries, wei: less than the lockbox lets out in a day, so that each can be paid.
    function largestTransfer() external view returns (uint256);
}
