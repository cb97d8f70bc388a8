// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IRoundWindows} from "../interfaces/IRoundWindows.sol";

/// @title RoundSchedule
/// @notice Which times a round may have, and when its positions may be locked. Times are in seconds since 1970.
library RoundSchedule {
    /// @dev The lock window is at most this part of the time from closeAt to resolveAt: nobody locks once the outcome
    /// begins to show. A pause may extend it as far as the second part.
    uint64 internal constant LOCK_DIVISOR = 4;
    uint64 internal constant EXTENDED_LOCK_DIVISOR = 2;
    /// @dev A round is announced before closeAt by at least this part of the time that it may hold stakes: a stolen
    /// operator's key cannot open a year's round and lock it before owners and guardian have seen it. A round about last
    /// night's prices can still be opened in the morning: one of 60 sessions asks for 13 hours.
    uint64 internal constant NOTICE_DIVISOR = 192;
    /// @dev openRound to openAt, openAt to closeAt, closeAt to resolveAt, resolveAt to deadline at most, seconds.
    uint64 internal constant MAX_AHEAD = 90 days;
    uint64 internal constant MAX_SUBMISSION = 90 days;
    uint64 internal constant MAX_SCORING = 365 days;
    uint64 internal constant MAX_REPORTING = 90 days;
    /// @dev Ranges of a deployment's windows, seconds.
    uint64 internal constant MIN_LOCK_WINDOW = 10 seconds;
    uint64 internal constant MAX_LOCK_WINDOW = 2 days;
    uint64 internal constant MIN_WINDOW = 1 seconds;
    uint64 internal constant MAX_LEAST_NOTICE = 7 days;
    uint64 internal constant MAX_FUNDING_GRACE = 7 days;

    /// @notice Times must satisfy now <= closeAt and openAt < closeAt < resolveAt < deadline.
    error ScheduleNotAscending(uint256 timestamp, uint64 openAt, uint64 closeAt, uint64 resolveAt, uint64 deadline);
    error PeriodTooLong(uint256 period, uint256 maximum);
    error NoticeTooShort(uint256 notice, uint256 minimum);
    error LockWindowTooShort(uint256 window, uint256 minimum);

    /// @notice Reverts unless a deployment may have these windows.
    function checkWindows(IRoundWindows.Windows memory windows) internal pure {
        _checkWindow(windows.lockWindow, MIN_LOCK_WINDOW, MAX_LOCK_WINDOW);
        _checkWindow(windows.leastLockWindow, MIN_WINDOW, windows.lockWindow);
        _checkWindow(windows.leastNotice, MIN_WINDOW, MAX_LEAST_NOTICE);
        _checkWindow(windows.fundingGrace, MIN_WINDOW, MAX_FUNDING_GRACE);
    }

    /// @notice Reverts unless a round with these times may be opened now.
    function check(
        uint64 openAt,
        uint64 closeAt,
        uint64 resolveAt,
        uint64 deadline,
        IRoundWindows.Windows memory windows
    ) internal view {
        if (block.timestamp > closeAt || openAt >= closeAt || closeAt >= resolveAt || resolveAt >= deadline) {
            revert ScheduleNotAscending(block.timestamp, openAt, closeAt, resolveAt, deadline);
        }
        if (openAt > block.timestamp) _checkPeriod(openAt - block.timestamp, MAX_AHEAD);
        _checkPeriod(closeAt - openAt, MAX_SUBMISSION);
        _checkPeriod(resolveAt - closeAt, MAX_SCORING);
        _checkPeriod(deadline - resolveAt, MAX_REPORTING);
        uint256 window = _lockWindow(closeAt, resolveAt, windows.lockWindow);
        if (window < windows.leastLockWindow) revert LockWindowTooShort(window, windows.leastLockWindow);
        uint256 notice = closeAt - block.timestamp;
        uint256 minimum = Math.max(windows.leastNotice, (deadline - closeAt) / NOTICE_DIVISOR);
        if (notice < minimum) revert NoticeTooShort(notice, minimum);
    }

    /// @notice The end of the lock window: positions may be locked, and the round sealed, from `closeAt` until here.
    /// A pause that overlaps the window extends it by the overlap, so that a guardian alone cannot let it pass, but never
    /// beyond the middle between `closeAt` and `resolveAt`.
    /// @dev No second pause can overlap an extended window: it begins PAUSE_COOLDOWN after the first at the earliest, and
    /// what the first leaves of the window is at most MAX_LOCK_WINDOW. So the last pause is all there is to remember,
    /// and an end that has passed has passed for good.
    /// @param longest the deployment's lockWindow.
    /// @param pausedFrom, pausedUntil the last pause.
    function lockEnd(uint64 closeAt, uint64 resolveAt, uint64 longest, uint64 pausedFrom, uint64 pausedUntil)
        internal
        pure
        returns (uint256 end)
    {
        end = closeAt + _lockWindow(closeAt, resolveAt, longest);
        uint256 from = Math.max(pausedFrom, closeAt);
        if (from < end && from < pausedUntil) {
            end = Math.min(end + pausedUntil - from, closeAt + (resolveAt - closeAt) / EXTENDED_LOCK_DIVISOR);
        }
    }

    /// @dev Without a pause.
    function _lockWindow(uint64 closeAt, uint64 resolveAt, uint64 longest) private pure returns (uint256) {
        return Math.min(longest, (resolveAt - closeAt) / LOCK_DIVISOR);
    }

    function _checkWindow(uint256 window, uint256 minimum, uint256 maximum) private pure {
        if (window < minimum || window > maximum) revert IRoundWindows.WindowOutOfRange(window, minimum, maximum);
    }

    function _checkPeriod(uint256 period, uint256 maximum) private pure {
        if (period > maximum) revert PeriodTooLong(period, maximum);
    }
}
