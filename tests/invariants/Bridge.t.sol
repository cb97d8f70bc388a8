// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BridgeHandler} from "./handlers/BridgeHandler.sol";

/// @title BridgeTest
/// @notice The bridge under any order of transfers, deliveries, replays, pauses and burns: conserved after every call.
contract BridgeTest {
    BridgeHandler private handler;

    function setUp() public {
        handler = new BridgeHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @notice locked(L1) = supply(L2) + in flight.
    function invariant_lockedIsSupplyAndInFlight() public view {
        require(
            handler.lockbox().locked() == handler.child().totalSupply() + handler.downInFlight() + handler.upInFlight(),
            "locked(L1) = supply(L2) + in flight"
        );
    }

    /// @notice The lockbox holds what it says is locked.
    function invariant_lockboxIsCovered() public view {
        require(handler.root().balanceOf(address(handler.lockbox())) >= handler.lockbox().locked(), "lockbox is covered");
    }

    /// @notice The root token's supply fell by exactly what burned.
    function invariant_supplyFellByWhatBurned() public view {
        require(handler.root().totalSupply() == handler.SUPPLY() - handler.burned(), "supply fell by what burned");
    }

    /// @notice No message is delivered twice.
    function invariant_nothingTwice() public view {
        require(handler.replaysTaken() == 0, "no message twice");
    }

    /// @notice No more leaves in a day than the bound, and what refilled.
    function invariant_boundOfADay() public view {
        require(handler.lockbox().available() <= handler.lockbox().dailyCap(), "bound of a day");
    }
}
