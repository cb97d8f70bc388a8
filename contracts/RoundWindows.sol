// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {BoundedPause} from "./BoundedPause.sol";
import {IRoundWindows} from "./interfaces/IRoundWindows.sol";
import {RoundSchedule} from "./lib/RoundSchedule.sol";

/// @title RoundWindows
/// @notice See IRoundWindows. Nobody can change them: whoever stakes knows how long they have to leave.
abstract contract RoundWindows is IRoundWindows, BoundedPause {
    uint64 private immutable _lockWindow;
    uint64 private immutable _leastLockWindow;
    uint64 private immutable _leastNotice;
    uint64 private immutable _fundingGrace;

    /// @dev Reverts if one of them is out of its range (`WindowOutOfRange`).
    constructor(Windows memory given) {
        RoundSchedule.checkWindows(given);
        _lockWindow = given.lockWindow;
        _leastLockWindow = given.leastLockWindow;
        _leastNotice = given.leastNotice;
        _fundingGrace = given.fundingGrace;
    }

    /// @inheritdoc IRoundWindows
    function windows() public view returns (Windows memory) {
        return Windows(_lockWindow, _leastLockWindow, _leastNotice, _fundingGrace);
    }

    /// @dev The one end for locking, sealing and giving up a round that was not sealed.
    function _lockEnd(uint64 closeAt, uint64 resolveAt) internal view returns (uint256) {
        return RoundSchedule.lockEnd(closeAt, resolveAt, _lockWindow, pausedFrom, pausedUntil);
    }

    /// @dev Until when a report waits for a pool that can pay it.
    /// @param finalFrom since when it is final.
    /// @param voidableFrom when the round can be voided: before that a pause must leave time to begin its settlement.
    function _fundableUntil(uint256 finalFrom, uint256 voidableFrom) internal view returns (uint256) {
        return Math.min(finalFrom + _fundingGrace, voidableFrom - MAX_PAUSE);
    }
}
