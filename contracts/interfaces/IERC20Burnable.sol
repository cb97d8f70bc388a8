// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title IERC20Burnable
/// @notice An ERC-20 whose holders can destroy what they hold.
interface IERC20Burnable is IERC20 {
    /// @notice Destroys `amount` wei of the caller's tokens.
    function burn(uint256 amount) external;
}
