// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title RoundSchedule
/// @notice Which times a round may have, and when its positions may be locked. Times are in seconds since 1970.
library RoundSchedule {
    /// @dev How long after closeAt positions can be locked and the round sealed: seconds, and at most this part of the
    /// time to resolveAt. Nobody locks once the outcome begins to show.
    uint64 internal constant LOCK_WINDOW = 1 days;
    uint64 internal constant LOCK_DIVISOR = 4;
    /// @dev A round is announced before closeAt by at least this part of the time that it may hold stakes: a stolen
    /// operator's key cannot open a year's round and lock it before owners and guardian have seen it.
    uint64 internal constant NOTICE_DIVISOR = 64;
    /// @dev openRound to openAt, openAt to closeAt, closeAt to resolveAt, resolveAt to deadline at most, seconds.
    uint64 internal constant MAX_AHEAD = 90 days;
    uint64 internal constant MAX_SUBMISSION = 90 days;
    uint64 internal constant MAX_SCORING = 365 days;
    uint64 internal constant MAX_REPORTING = 90 days;

    /// @notice Times must satisfy now <= closeAt and openAt < closeAt < resolveAt < deadline.
    error ScheduleNotAscending(uint256 timestamp, uint64 openAt, uint64 closeAt, uint64 resolveAt, uint64 deadline);
    error PeriodTooLong(uint256 period, uint256 maximum);
    error NoticeTooShort(uint256 notice, uint256 minimum);

    /// @notice Reverts unless a round with these times may be opened now.
    function check(uint64 openAt, uint64 closeAt, uint64 resolveAt, uint64 deadline) internal view {
        if (block.timestamp > closeAt || openAt >= closeAt || closeAt >= resolveAt || resolveAt >= deadline) {
            revert ScheduleNotAscending(block.timestamp, openAt, closeAt, resolveAt, deadline);
        }
        if (openAt > block.timestamp) _checkPeriod(openAt - block.timestamp, MAX_AHEAD);
        _checkPeriod(closeAt - openAt, MAX_SUBMISSION);
        _checkPeriod(resolveAt - closeAt, MAX_SCORING);
        _checkPeriod(deadline - resolveAt, MAX_REPORTING);
        (uint256 notice, uint256 minimum) = (closeAt - block.timestamp, (deadline - closeAt) / NOTICE_DIVISOR);
        if (notice < minimum) revert NoticeTooShort(notice, minimum);
    }

    /// @notice The end of the lock window: positions may be locked, and the round sealed, from `closeAt` until here.
    function lockEnd(uint64 closeAt, uint64 resolveAt) internal pure returns (uint256) {
        return closeAt + Math.min(LOCK_WINDOW, (resolveAt - closeAt) / LOCK_DIVISOR);
    }

    function _checkPeriod(uint256 period, uint256 maximum) private pure {
        if (period > maximum) revert PeriodTooLong(period, maximum);
    }
}
