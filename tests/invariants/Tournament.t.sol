// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBoundedPause} from "../../contracts/interfaces/IBoundedPause.sol";
import {ITournament} from "../../contracts/interfaces/ITournament.sol";
import {Report} from "../../contracts/interfaces/Report.sol";
import {Reference} from "./Reference.sol";
import {Rounds} from "./Rounds.sol";
import {vm} from "./Vm.sol";

/// @title TournamentTest
/// @notice Rounds that end otherwise than most: with nothing locked, out of a pool that is short, or by a report that its
/// scores do not keep; and the end of a lock window, read.
contract TournamentTest is Rounds {
    function setUp() public {
        _enterModels();
    }

    /* LOCKING AND SEALING */

    function test_theEndOfTheLockWindowIsReadWithWhatAPauseTookOfIt() public {
        uint64 closeAt = uint64(_now()) + 3 hours;
        uint256 roundId = _open(closeAt);
        require(tournament.lockEnd(roundId) == closeAt + SCORING / 4, "without a pause");
        vm.warp(closeAt + 1 hours);
        vm.prank(GUARDIAN);
        tournament.pause(2 hours);
        require(tournament.lockEnd(roundId) == closeAt + SCORING / 4 + 2 hours, "with a pause");
    }

    function test_nothingIsLockedOrSealedWhilePaused() public {
        uint256 roundId = _open(uint64(_now()) + 3 hours);
        vm.warp(tournament.round(roundId).closeAt);
        vm.prank(GUARDIAN);
        tournament.pause(1 hours);
        bytes memory paused = abi.encodeWithSelector(IBoundedPause.TournamentPaused.selector, _now() + 1 hours);
        vm.expectRevert(paused);
        vm.prank(OPERATOR);
        tournament.lock(roundId, 0, EVERYBODY);
        vm.expectRevert(paused);
        vm.prank(OPERATOR);
        tournament.endLock(roundId);
        vm.expectRevert(paused);
        tournament.seal(roundId, 0, 0, 3, "");
    }

    function test_theEndOfALockSaysWhatIsLocked() public {
        uint256 roundId = _open(uint64(_now()) + 3 hours);
        vm.warp(tournament.round(roundId).closeAt);
        vm.prank(OPERATOR);
        tournament.lock(roundId, 0, EVERYBODY);
        vm.expectEmit(address(tournament));
        emit ITournament.LockEnded(roundId, _positionsHead(1), AT_RISK / 2);
        _endLock(roundId);
        require(tournament.round(roundId).state == ITournament.RoundState.Locked, "state");
    }

    function test_aRoundWithNothingLockedIsSettledByItsSeal() public {
        uint256 roundId = _open(uint64(_now()) + 3 hours);
        vm.warp(tournament.round(roundId).closeAt);
        _endLock(roundId);
        vm.expectEmit(address(tournament));
        emit ITournament.RoundSealed(roundId, 0, 0, uint32(Reference.PPM), 0);
        vm.expectEmit(address(tournament));
        emit ITournament.RoundSettled(roundId, 0, 0);
        _sealWith(roundId, 3);
        require(tournament.round(roundId).state == ITournament.RoundState.Settled, "state");
        require(tournament.liabilities() == AT_RISK + MODELS * LANE_PRICE, "owed");
    }

    /* SETTLING */

    function test_aPoolThatIsShortPaysEverybodyTheSamePart() public {
        _fillPool(PAYOUT / 2);
        uint256 roundId = _sealedRound();
        Report memory report = _report(roundId);
        _attest(report, 2);
        uint256 until = _now() + CHALLENGE_WINDOW + FUNDING_GRACE;
        vm.warp(until - 1);
        vm.expectRevert(abi.encodeWithSelector(ITournament.PoolShort.selector, PAYOUT / 2, PAYOUT, until));
        tournament.beginSettlement(report);

        vm.warp(until);
        bytes32 reportHash = committee.hashReport(address(tournament), report);
        vm.expectEmit(address(tournament));
        emit ITournament.SettlementBegan(roundId, reportHash, PAYOUT / 2);
        tournament.beginSettlement(report);
        for (uint256 left = CHUNKS; left != 0; --left) {
            vm.expectEmit(address(tournament));
            emit ITournament.ChunkSettled(roundId, CHUNK_SLOTS * (left - 1), CHUNK_PAYOUT / 2, CHUNK_BURN, SCORES);
            _settle(roundId, left - 1);
        }
        require(tournament.round(roundId).state == ITournament.RoundState.Settled, "state");
        require(tournament.pool() == 0 && tournament.reserved() == 0 && tournament.burnable() == BURN, "books");
        for (uint256 i; i < MODELS; ++i) {
            bool wins = (i / 4) % 2 == 0;
            uint256 expected = wins ? POSITION + CHUNK_PAYOUT / 8 : POSITION - CHUNK_BURN / 4;
            require(tournament.idleOf(i + 1) == expected, "idle stake");
        }
    }

    function test_noMoreBurnsThanTheReportSays() public {
        _fillPool(PAYOUT);
        Report memory report = _report(_sealedRound());
        report.totalBurn = BURN - 1;
        _begin(report);
        _settle(report.roundId, 1);
        vm.expectRevert(abi.encodeWithSelector(ITournament.BurnedAboveReport.selector, BURN, BURN - 1));
        _settle(report.roundId, 0);
    }

    function test_noMoreIsPaidThanWasReserved() public {
        _fillPool(PAYOUT);
        Report memory report = _report(_sealedRound());
        report.totalPayout = PAYOUT - 1;
        _begin(report);
        _settle(report.roundId, 1);
        vm.expectRevert(abi.encodeWithSelector(ITournament.PaidAboveReserved.selector, PAYOUT, PAYOUT - 1));
        _settle(report.roundId, 0);
    }
}
