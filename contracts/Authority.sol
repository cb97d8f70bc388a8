// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title Authority
/// @notice Who may do what, for all contracts of Cupel: OpenZeppelin's AccessManager with the roles named.
/// A function that is assigned to no role is the admin's (role 0). Delays belong to the grant of a role: give the admin
/// and the unpauser one, and the operator and the guardian none.
contract Authority is AccessManager {
    /// @notice Opens rounds and locks positions. The Roller holds it too, and only its holders may call that.
    uint64 public constant OPERATOR_ROLE = 1;

    /// @notice Pauses, for a while.
    uint64 public constant GUARDIAN_ROLE = 2;

    /// @notice Mints within the schedule.
    uint64 public constant MINTER_ROLE = 3;

    /// @notice Ends a pause. With a delay that is shorter than a pause, so that one that does harm can be ended in time, and
    /// long enough that whoever paused can object.
    uint64 public constant UNPAUSER_ROLE = 4;

    /// @param admin holds role 0 without delay; a deployment ends by granting it again with one.
    constructor(address admin) AccessManager(admin) {}
}
