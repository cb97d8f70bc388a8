// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title IBurnSink
/// @notice Where burned stake goes. A tournament only transfers to this address; what burning means on the chain at hand
/// is decided here, because a token that came over a bridge must not be "burned" by a transfer to the zero address.
interface IBurnSink {
    /// @notice The sink destroyed `amount` wei.
    event Flushed(address indexed caller, uint256 amount);

    /// @notice The sink holds nothing.
    error NothingToBurn();

    /// @notice The token's supply did not fall by exactly `amount`, but from `supply` to `left`, wei.
    error NotBurned(uint256 amount, uint256 supply, uint256 left);

    /// @notice Destroys everything that the sink holds. Anybody may call.
    /// @dev Reverts if the sink holds nothing (`NothingToBurn`), the token refuses, or it says that it burned and did not
    /// (`NotBurned`).
    /// @return amount what was destroyed, wei.
    function flush() external returns (uint256 amount);

    /// @notice The token that the sink destroys.
    function token() external view returns (IERC20);
}
