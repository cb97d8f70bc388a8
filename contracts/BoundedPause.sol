// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IBoundedPause} from "./interfaces/IBoundedPause.sol";

/// @title BoundedPause
/// @notice See IBoundedPause.
abstract contract BoundedPause is IBoundedPause, AccessManaged {
    uint64 public constant MAX_PAUSE = 7 days;
    uint64 public constant PAUSE_COOLDOWN = 7 days;

    uint64 public pausedFrom;
    uint64 public pausedUntil;
    uint64 public pausableFrom;

    modifier whenNotPaused() {
        _requireNotPaused();
        _;
    }

    /// @inheritdoc IBoundedPause
    function pause(uint64 duration) external restricted {
        if (duration == 0) revert ZeroDuration();
        if (duration > MAX_PAUSE) revert PauseTooLong(duration, MAX_PAUSE);
        if (block.timestamp < pausableFrom) revert PauseTooSoon(block.timestamp, pausableFrom);

        pausedFrom = uint64(block.timestamp);
        pausedUntil = pausedFrom + duration;
        pausableFrom = pausedUntil + PAUSE_COOLDOWN;
        emit Paused(msg.sender, pausedUntil);
    }

    /// @inheritdoc IBoundedPause
    function unpause(uint64 from) external restricted {
        if (!paused()) revert NotPaused();
        if (from != pausedFrom) revert AnotherPause(from, pausedFrom);

        pausedUntil = uint64(block.timestamp);
        pausableFrom = pausedUntil + PAUSE_COOLDOWN;
        emit Unpaused(msg.sender);
    }

    /// @inheritdoc IBoundedPause
    function paused() public view returns (bool) {
        return block.timestamp < pausedUntil;
    }

    function _requireNotPaused() internal view {
        if (paused()) revert TournamentPaused(pausedUntil);
    }
}
