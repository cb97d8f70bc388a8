// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IBoundedPause
/// @notice A pause that ends by itself, and cannot begin again at once. Times are in seconds since 1970.
interface IBoundedPause {
    event Paused(address indexed caller, uint64 until);
    event Unpaused(address indexed caller);

    error TournamentPaused(uint256 until);
    error PauseTooLong(uint256 duration, uint256 maximum);
    error PauseTooSoon(uint256 timestamp, uint256 notBefore);
    error NotPaused();
    error AnotherPause(uint256 from, uint256 pausedFrom);
    error ZeroDuration();

    /// @notice Stops deposits, opening, locking, sealing, and settling by report, for `duration` seconds. It ends by itself,
    /// and the next pause must wait for PAUSE_COOLDOWN after it. Never stops withdraw, setAllocation, fundPool, voidRound
    /// or what a void round returns; and extends the lock windows that it overlaps. Restricted.
    /// @dev Reverts if `duration` is zero (`ZeroDuration`) or exceeds MAX_PAUSE (`PauseTooLong`), or if the last pause ended
    /// less than PAUSE_COOLDOWN ago or still runs (`PauseTooSoon`).
    function pause(uint64 duration) external;

    /// @notice Ends a pause. Restricted.
    /// @param from when the pause began, seconds: a call that waits for the delay of its role cannot be announced before there is
    /// something to end.
    /// @dev Reverts if there is none (`NotPaused`), or it began at another time (`AnotherPause`).
    function unpause(uint64 from) external;

    function paused() external view returns (bool);

    /// @notice When the current or last pause began, seconds.
    function pausedFrom() external view returns (uint64);

    /// @notice When the current or last pause ends, seconds.
    function pausedUntil() external view returns (uint64);

    /// @notice Earliest time of the next pause, seconds.
    function pausableFrom() external view returns (uint64);
}
