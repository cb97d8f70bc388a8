// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IERC20Burnable} from "./IERC20Burnable.sol";

/// @title INumeraire
/// @notice The token of the tournament: an ERC-20 with permit, burn and burnFrom, 18 decimals.
/// The cap holds for all that was ever minted: a burn lowers the supply and never makes room to mint again.
interface INumeraire is IERC20Burnable, IERC20Permit {
    /// @notice `amount` wei were created for `to`; `minted` is the new cumulative total.
    event Minted(address indexed to, uint256 amount, uint256 minted);

    /// @notice More was asked for than may be minted now, wei.
    error MintExceedsSchedule(uint256 amount, uint256 mintable);

    /// @notice Creates `amount` wei for `to`. Restricted.
    /// @dev Reverts if `amount` exceeds `mintable()` (`MintExceedsSchedule`) or the caller lacks the role.
    function mint(address to, uint256 amount) external;

    /// @notice What may be minted now, wei: the initial supply and the weekly disbursement accrued since deployment, at
    /// most the cap, less all that was ever minted.
    function mintable() external view returns (uint256);

    /// @notice All that was ever minted, wei. Burns do not lower it.
    function minted() external view returns (uint256);

    /// @notice Largest cumulative amount ever minted, wei.
    function CAP() external view returns (uint256);

    /// @notice What accrues to `mintable()` in a week, wei.
    function WEEKLY_DISBURSEMENT() external view returns (uint256);

    /// @notice Destroys `amount` wei of `from`'s tokens out of the caller's allowance.
    function burnFrom(address from, uint256 amount) external;
}
