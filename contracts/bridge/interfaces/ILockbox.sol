// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CrosschainLinked} from "@openzeppelin/contracts/crosschain/CrosschainLinked.sol";

/// @title ILockbox
/// @notice Holds on Ethereum what is in use on Polygon: a transfer there locks the token here, and what comes back releases
/// it. No owner, no other way out.
///
/// What leaves in a day is bounded, so that a false message, if ever one was believed, takes a day's worth and not
/// everything. Whoever finds the day used up waits for an hour or so: the bound fills again all the time, and nobody can
/// lower it or close it.
interface ILockbox {
    /// @notice The other end of the bridge is known, for good.
    error AlreadyLinked();
    /// @notice More than may leave now, wei. The same message can be delivered later.
    error DayUsedUp(uint256 amount, uint256 available);
    /// @notice A day's bound of zero, or above 2**128 wei, would not let anything leave, or bound nothing.
    error CapOutOfRange(uint256 cap);
    /// @notice More would leave than was ever locked, wei: a message from Polygon is false.
    error NotLocked(uint256 amount, uint256 locked);

    /// @notice Names gateway and token at the other end, once. Restricted: a deployment does so before it hands over.
    /// @dev Reverts if they are known already (`AlreadyLinked`), or the gateway is none.
    function link(CrosschainLinked.Link calldata other) external;

    /// @notice What is in use on Polygon or on its way between the chains, wei. What somebody sends here by mistake is not in it.
    function locked() external view returns (uint256);

    /// @notice What may leave now, wei.
    function available() external view returns (uint256);

    /// @notice What may leave in a day, wei.
    function dailyCap() external view returns (uint256);
}
