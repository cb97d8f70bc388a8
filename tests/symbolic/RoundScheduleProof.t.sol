// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRoundWindows} from "../../contracts/interfaces/IRoundWindows.sol";
import {RoundSchedule} from "../../contracts/lib/RoundSchedule.sol";
import {Reference} from "./Reference.sol";

interface Clock {
    function warp(uint256 timestamp) external;
}

/// @title RoundScheduleProof
/// @notice Exactly the windows and the times that ITournament and IRoundWindows name are taken, and a pause extends a lock
/// window by its overlap and no further than the middle between close and outcome. Times are below 2^40, some 35,000 years.
contract RoundScheduleProof {
    Clock private constant CLOCK = Clock(address(uint160(uint256(keccak256("hevm cheat code")))));

    function check_checkWindows_takes_exactly_what_lies_in_its_range(IRoundWindows.Windows memory windows)
        external
        view
    {
        bool taken;
        try this.checkWindows(windows) {
            taken = true;
        } catch {}
        assert(taken == Reference.windowsAllowed(windows));
    }

    function check_check_takes_exactly_the_times_that_fit(
        uint40 timestamp,
        uint40 openAt,
        uint40 closeAt,
        uint40 resolveAt,
        uint40 deadline,
        IRoundWindows.Windows memory windows
    ) external {
        CLOCK.warp(timestamp);
        bool taken;
        try this.check(openAt, closeAt, resolveAt, deadline, windows) {
            taken = true;
        } catch {}
        assert(taken == Reference.timesAllowed(timestamp, openAt, closeAt, resolveAt, deadline, windows));
    }

    function check_lockEnd_is_the_end_of_the_window_with_what_a_pause_took_of_it(
        uint40 closeAt,
        uint40 scoring,
        uint40 longest,
        uint40 pausedFrom,
        uint40 pausedUntil
    ) external pure {
        uint64 resolveAt = uint64(closeAt) + scoring;
        uint256 end = RoundSchedule.lockEnd(closeAt, resolveAt, longest, pausedFrom, pausedUntil);
        assert(end == Reference.lockEnd(closeAt, resolveAt, longest, pausedFrom, pausedUntil));
    }

    function check_lockEnd_is_never_past_the_middle_and_no_pause_shortens_it(
        uint40 closeAt,
        uint40 scoring,
        uint40 longest,
        uint40 pausedFrom,
        uint40 pausedUntil
    ) external pure {
        uint64 resolveAt = uint64(closeAt) + scoring;
        uint256 end = RoundSchedule.lockEnd(closeAt, resolveAt, longest, pausedFrom, pausedUntil);
        assert(end <= uint256(closeAt) + scoring / 2);
        assert(end >= RoundSchedule.lockEnd(closeAt, resolveAt, longest, 0, 0));
    }

    function checkWindows(IRoundWindows.Windows memory windows) external pure {
        RoundSchedule.checkWindows(windows);
    }

    function check(
        uint64 openAt,
        uint64 closeAt,
        uint64 resolveAt,
        uint64 deadline,
        IRoundWindows.Windows memory windows
    ) external view {
        RoundSchedule.check(openAt, closeAt, resolveAt, deadline, windows);
    }
}
