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

    /// @dev Handlers pass over what is refused: this shows that each gets what it wants where it may.
    function test_everyHandlerSucceedsWhereItMay() public {
        handler.sendDown(0, 1, 9_000e18 - 1);
        require(handler.downInFlight() == 9_000e18, "sent down");
        handler.pause(1, 1 hours);
        handler.handOver(0);
        require(handler.delivered() == 0, "paused");
        handler.pass(2 hours);
        handler.retry(0);
        require(handler.delivered() == 1 && handler.child().totalSupply() == 9_000e18, "came down");
        handler.sendHome(1, 2, 4_000e18 - 1);
        handler.burn(1, 3_000e18 - 1);
        require(handler.upInFlight() == 7_000e18, "sent home");
        handler.prove(0);
        handler.prove(1);
        handler.burnAtHome();
        require(handler.delivered() == 3 && handler.burned() == 3_000e18, "came home");
        handler.prove(0);
        handler.handOver(0);
        require(handler.replaysTaken() == 0 && handler.lockbox().locked() == 2_000e18, "once");
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
