// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title INmr
/// @notice What the NMR of 2017 has beside an ERC-20's functions, as far as it is used here.
interface INmr is IERC20 {
    /// @notice The token's `mint` answered that it did not burn.
    error MintFailed(uint256 amount);

    /// @notice The token's `mint` said that it burned everything, and this is still held, wei.
    error StillHeld(uint256 balance);

    /// @notice Destroys `value` wei of the caller's tokens.
    /// @return ok false if it failed: it does not revert.
    function mint(uint256 value) external returns (bool ok);
}
