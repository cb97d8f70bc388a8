// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRoundWindows} from "../../../contracts/interfaces/IRoundWindows.sol";
import {RoundSchedule} from "../../../contracts/lib/RoundSchedule.sol";
import {Reference} from "../Reference.sol";
import {vm} from "../Vm.sol";

/// @title RoundScheduleTest
/// @notice Windows of a deployment and times of a round at their limits and one second beyond, and random ones against what
/// the interfaces say, to the values of every error. The proofs for all times are in tests/symbolic.
contract RoundScheduleTest {
    uint64 private constant NOW = 1_700_000_000;

    struct Times {
        uint64 openAt;
        uint64 closeAt;
        uint64 resolveAt;
        uint64 deadline;
    }

    error Unexpected(bytes expected, bytes found);

    function setUp() public {
        vm.warp(NOW);
    }

    /* WINDOWS OF A DEPLOYMENT */

    function test_windowsAreTakenAtTheirLimits() public view {
        _expect(IRoundWindows.Windows(10 seconds, 1, 1, 1), "");
        _expect(IRoundWindows.Windows(2 days, 2 days, 7 days, 7 days), "");
    }

    function test_windowsAreRefusedBeyondTheirLimits() public view {
        _expect(IRoundWindows.Windows(9, 1, 1, 1), _outOfRange(9, 10, 2 days));
        _expect(IRoundWindows.Windows(2 days + 1, 1, 1, 1), _outOfRange(2 days + 1, 10, 2 days));
        _expect(IRoundWindows.Windows(60, 0, 1, 1), _outOfRange(0, 1, 60));
        _expect(IRoundWindows.Windows(60, 61, 1, 1), _outOfRange(61, 1, 60));
        _expect(IRoundWindows.Windows(60, 1, 0, 1), _outOfRange(0, 1, 7 days));
        _expect(IRoundWindows.Windows(60, 1, 7 days + 1, 1), _outOfRange(7 days + 1, 1, 7 days));
        _expect(IRoundWindows.Windows(60, 1, 1, 0), _outOfRange(0, 1, 7 days));
        _expect(IRoundWindows.Windows(60, 1, 1, 7 days + 1), _outOfRange(7 days + 1, 1, 7 days));
    }

    function testFuzz_exactlyTheWindowsWithinTheirLimitsAreTaken(IRoundWindows.Windows memory windows) public view {
        // Half of each lie within.
        windows.lockWindow %= 4 days;
        windows.leastLockWindow %= 2 * windows.lockWindow + 1;
        windows.leastNotice %= 14 days;
        windows.fundingGrace %= 14 days;
        _expect(windows, _windowsRefusal(windows));
    }

    /* TIMES OF A ROUND */

    function test_timesAreTakenAtTheirLimits() public view {
        // Every period as long as it may be.
        uint64 openAt = NOW + 90 days;
        _expect(Times(openAt, openAt + 90 days, openAt + 455 days, openAt + 545 days), _windows(), "");
        // A lock window of exactly two minutes, and notice of exactly seventy.
        _expect(Times(NOW - 1, NOW + 70 minutes, NOW + 78 minutes, NOW + 79 minutes), _windows(), "");
        // Notice of exactly a 192nd of the time that stakes may be held.
        _expect(Times(NOW, NOW + 2 hours, NOW + 2 days, NOW + 386 hours), _windows(), "");
    }

    function test_timesOutOfOrderAreRefused() public view {
        _notAscending(Times(NOW - 10, NOW - 1, NOW + 1 days, NOW + 2 days));
        _notAscending(Times(NOW + 2 hours, NOW + 2 hours, NOW + 1 days, NOW + 2 days));
        _notAscending(Times(NOW, NOW + 2 hours, NOW + 2 hours, NOW + 2 days));
        _notAscending(Times(NOW, NOW + 2 hours, NOW + 1 days, NOW + 1 days));
    }

    function test_periodsBeyondTheirMaximaAreRefused() public view {
        uint64 late = NOW + 90 days + 1;
        _expect(Times(late, late + 1 days, late + 2 days, late + 3 days), _windows(), _tooLong(90 days + 1, 90 days));
        _expect(Times(NOW, late, late + 1 days, late + 2 days), _windows(), _tooLong(90 days + 1, 90 days));
        uint64 closeAt = NOW + 30 days;
        uint64 resolveAt = closeAt + 365 days + 1;
        _expect(Times(NOW, closeAt, resolveAt, resolveAt + 1), _windows(), _tooLong(365 days + 1, 365 days));
        uint64 deadline = closeAt + 181 days + 1;
        _expect(Times(NOW, closeAt, deadline - 90 days - 1, deadline), _windows(), _tooLong(90 days + 1, 90 days));
    }

    function test_aLockWindowTooShortToLockAndSealInIsRefused() public view {
        // A quarter of eight minutes but one second, rounded down.
        Times memory times = Times(NOW, NOW + 70 minutes, NOW + 78 minutes - 1, NOW + 79 minutes);
        _expect(times, _windows(), abi.encodeWithSelector(RoundSchedule.LockWindowTooShort.selector, 119, 120));
    }

    function test_noticeTooShortIsRefused() public view {
        bytes4 selector = RoundSchedule.NoticeTooShort.selector;
        Times memory times = Times(NOW, NOW + 70 minutes - 1, NOW + 1 days, NOW + 2 days);
        _expect(times, _windows(), abi.encodeWithSelector(selector, 70 minutes - 1, 70 minutes));
        times = Times(NOW, NOW + 2 hours - 1, NOW + 2 days, NOW + 386 hours - 1);
        _expect(times, _windows(), abi.encodeWithSelector(selector, 2 hours - 1, 2 hours));
    }

    /// @dev Periods of up to a tenth above what may be; of sixteen schedules, three have two times exchanged.
    function testFuzz_exactlyTheTimesThatFitAreTaken(
        Times memory times,
        IRoundWindows.Windows memory windows,
        uint8 exchange
    ) public view {
        times.openAt = NOW - 80 days + times.openAt % 180 days;
        times.closeAt = times.openAt + times.closeAt % 99 days;
        times.resolveAt = times.closeAt + times.resolveAt % 400 days;
        times.deadline = times.resolveAt + times.deadline % 99 days;
        if (exchange % 16 == 0) (times.openAt, times.closeAt) = (times.closeAt, times.openAt);
        if (exchange % 16 == 1) (times.closeAt, times.resolveAt) = (times.resolveAt, times.closeAt);
        if (exchange % 16 == 2) (times.resolveAt, times.deadline) = (times.deadline, times.resolveAt);
        windows.lockWindow = 10 seconds + windows.lockWindow % 2 days;
        windows.leastLockWindow = 1 + windows.leastLockWindow % windows.lockWindow;
        windows.leastNotice = 1 + windows.leastNotice % 7 days;
        _expect(times, windows, _timesRefusal(times, windows));
    }

    /* LOCK WINDOWS */

    function test_aLockWindowEndsAfterAQuarterOrTheLongestTime() public pure {
        require(RoundSchedule.lockEnd(1000, 1400, 100, 0, 0) == 1100, "a quarter, and as long as may be");
        require(RoundSchedule.lockEnd(1000, 1400, 99, 0, 0) == 1099, "as long as may be");
        require(RoundSchedule.lockEnd(1000, 1399, 100, 0, 0) == 1099, "a quarter, rounded down");
    }

    function test_aPauseExtendsTheLockWindowByItsOverlap() public pure {
        require(RoundSchedule.lockEnd(1000, 1400, 90, 900, 1000) == 1090, "a pause that ends at the close");
        require(RoundSchedule.lockEnd(1000, 1400, 90, 900, 1010) == 1100, "a pause from before the close");
        require(RoundSchedule.lockEnd(1000, 1400, 90, 1020, 1050) == 1120, "a pause inside");
        require(RoundSchedule.lockEnd(1000, 1400, 90, 1089, 1100) == 1101, "a pause from the last second on");
        require(RoundSchedule.lockEnd(1000, 1400, 90, 1090, 1100) == 1090, "a pause from the end on");
        require(RoundSchedule.lockEnd(1000, 1400, 90, 1020, 1020) == 1090, "a pause that was ended at once");
    }

    function test_noPauseExtendsTheLockWindowBeyondTheMiddle() public pure {
        require(RoundSchedule.lockEnd(1000, 1401, 90, 1000, 1110) == 1200, "the middle, to the second");
        require(RoundSchedule.lockEnd(1000, 1401, 90, 1000, 1111) == 1200, "beyond the middle, rounded down");
    }

    function testFuzz_theLockWindowEndsWhenItSays(
        uint40 closeAt,
        uint40 scoring,
        uint40 longest,
        uint40 pausedFrom,
        uint40 pausedUntil
    ) public pure {
        // Pauses anywhere around the window, and of no length too.
        uint64 resolveAt = uint64(closeAt) + scoring;
        longest %= scoring / 2 + 1;
        uint64 from = uint64(closeAt) / 2 + pausedFrom % (uint64(closeAt) + scoring + 1);
        uint64 until = from + pausedUntil % (uint64(scoring) + 1);
        uint256 end = RoundSchedule.lockEnd(closeAt, resolveAt, longest, from, until);
        require(end == Reference.lockEnd(closeAt, resolveAt, longest, from, until), "end");
        require(end <= uint256(closeAt) + scoring / 2, "beyond the middle");
    }

    /* CALLED FROM OUTSIDE, for reverts */

    function checkWindows(IRoundWindows.Windows memory windows) external pure {
        RoundSchedule.checkWindows(windows);
    }

    function check(Times memory times, IRoundWindows.Windows memory windows) external view {
        RoundSchedule.check(times.openAt, times.closeAt, times.resolveAt, times.deadline, windows);
    }

    /* INTERNAL: the reference */

    /// @return reason the error that the windows are refused with; empty if they are taken.
    function _windowsRefusal(IRoundWindows.Windows memory w) private pure returns (bytes memory reason) {
        if (w.lockWindow < 10 seconds || w.lockWindow > 2 days) return _outOfRange(w.lockWindow, 10 seconds, 2 days);
        if (w.leastLockWindow == 0 || w.leastLockWindow > w.lockWindow) {
            return _outOfRange(w.leastLockWindow, 1, w.lockWindow);
        }
        if (w.leastNotice == 0 || w.leastNotice > 7 days) return _outOfRange(w.leastNotice, 1, 7 days);
        if (w.fundingGrace == 0 || w.fundingGrace > 7 days) return _outOfRange(w.fundingGrace, 1, 7 days);
    }

    /// @return reason the error that a round of these times is refused with now; empty if it is opened.
    function _timesRefusal(Times memory t, IRoundWindows.Windows memory w) private pure returns (bytes memory reason) {
        bool ascending = NOW <= t.closeAt && t.openAt < t.closeAt && t.closeAt < t.resolveAt && t.resolveAt < t.deadline;
        if (!ascending) return _disorder(t);
        if (t.openAt > NOW + 90 days) return _tooLong(t.openAt - NOW, 90 days);
        if (t.closeAt > t.openAt + 90 days) return _tooLong(t.closeAt - t.openAt, 90 days);
        if (t.resolveAt > t.closeAt + 365 days) return _tooLong(t.resolveAt - t.closeAt, 365 days);
        if (t.deadline > t.resolveAt + 90 days) return _tooLong(t.deadline - t.resolveAt, 90 days);
        uint256 window = Reference.lockEnd(t.closeAt, t.resolveAt, w.lockWindow, 0, 0) - t.closeAt;
        if (window < w.leastLockWindow) {
            return abi.encodeWithSelector(RoundSchedule.LockWindowTooShort.selector, window, w.leastLockWindow);
        }
        uint256 least = (t.deadline - t.closeAt) / 192;
        if (least < w.leastNotice) least = w.leastNotice;
        if (NOW + least <= t.closeAt) return "";
        return abi.encodeWithSelector(RoundSchedule.NoticeTooShort.selector, t.closeAt - NOW, least);
    }

    function _disorder(Times memory t) private pure returns (bytes memory) {
        bytes4 selector = RoundSchedule.ScheduleNotAscending.selector;
        return abi.encodeWithSelector(selector, NOW, t.openAt, t.closeAt, t.resolveAt, t.deadline);
    }

    function _outOfRange(uint256 window, uint256 minimum, uint256 maximum) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRoundWindows.WindowOutOfRange.selector, window, minimum, maximum);
    }

    function _tooLong(uint256 period, uint256 maximum) private pure returns (bytes memory) {
        return abi.encodeWithSelector(RoundSchedule.PeriodTooLong.selector, period, maximum);
    }

    /* INTERNAL: checks */

    function _windows() private pure returns (IRoundWindows.Windows memory) {
        return IRoundWindows.Windows(1 days, 2 minutes, 70 minutes, 1 days);
    }

    function _notAscending(Times memory times) private view {
        _expect(times, _windows(), _disorder(times));
    }

    /// @param reason empty if the windows must be taken.
    function _expect(IRoundWindows.Windows memory windows, bytes memory reason) private view {
        try this.checkWindows(windows) {
            _same(reason, "");
        } catch (bytes memory found) {
            _same(reason, found);
        }
    }

    /// @param reason empty if the times must be taken.
    function _expect(Times memory times, IRoundWindows.Windows memory windows, bytes memory reason) private view {
        try this.check(times, windows) {
            _same(reason, "");
        } catch (bytes memory found) {
            _same(reason, found);
        }
    }

    function _same(bytes memory expected, bytes memory found) private pure {
        if (keccak256(expected) != keccak256(found)) revert Unexpected(expected, found);
    }
}
