// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Burnable} from "./IERC20Burnable.sol";

/// @title IBurnSink
/// @notice Where burned stake goes. A tournament only transfers to this address; what burning means on the chain at hand
/// is decided here, because a token that came over a bridge must not be "burned" by a transfer to the zero address.
interface IBurnSink {
    /// @notice The sink destroyed `amount` wei.
    event Flushed(address indexed caller, uint256 amount);

    /// @notice The sink holds nothing.
    error NothingToBurn();

    /// @notice Destroys everything that the sink holds. Anybody may call.
    /// @dev Reverts if the sink holds nothing (`NothingToBurn`).
    /// @return amount what was destroyed, wei.
    function flush() external returns (uint256 amount);

    /// @notice The token that the sink destroys.
    function token() external view returns (IERC20Burnable);
}
