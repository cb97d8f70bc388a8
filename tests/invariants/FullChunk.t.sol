// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ITournament} from "../../contracts/interfaces/ITournament.sol";
import {Report} from "../../contracts/interfaces/Report.sol";
import {Reference} from "./Reference.sol";
import {SealSigner} from "./SealSigner.sol";
import {vm} from "./Vm.sol";

/// @title FullChunkTest
/// @notice A chunk of the largest size that can be locked, at its worst: 2,048 models that put everything at risk and then
/// set their allocation to zero, so that every slot is emptied and filled again, out of a pool
/// that is short. It must settle and return within one transaction of any chain aimed at.
contract FullChunkTest is SealSigner {
    uint256 private constant SLOTS = 512;
    uint256 private constant STAKE = NANO / 10;

    /// @dev Ethereum's limit on one transaction (EIP-7825), which is half of Polygon's.
    uint256 private constant TRANSACTION_GAS = 2 ** 24;

    uint256[] private positions;
    bytes private scores;
    uint256 private lockGas;

    /// @dev Everything before the chunk is given back, so that the test's own calls find storage as a later transaction
    /// would: cold, and with empty slots as the values to begin with.
    function setUp() public {
        for (uint256 i; i < 4 * SLOTS; ++i) {
            _stake();
        }
        vm.prank(_owner(0));
        tournament.fundPool(NANO * UNIT);
        _lock();
        _leave();
        for (uint256 i; i < SLOTS; ++i) {
            // 3 % and -2 %, 100 % and the smallest score there is: everything that a score can do.
            scores = bytes.concat(scores, hex"8000000f4240ffb1e0007530");
        }
    }

    function test_aFullChunkLocksWithinATransaction() public {
        _within(lockGas, "lock");
    }

    function test_aFullChunkSettlesWithinATransaction() public {
        Report memory report = _report();
        vm.warp(tournament.round(1).resolveAt);
        for (uint256 i; i < 2; ++i) {
            vm.prank(_candidate(i));
            committee.attest(address(tournament), report);
        }
        vm.warp(tournament.round(1).deadline + tournament.windows().fundingGrace); // nobody filled the pool
        tournament.beginSettlement(report);
        require(tournament.round(1).reserved < report.totalPayout, "the pool is not short");
        _within(_settle(bytes32(0), scores), "settle");
        require(tournament.round(1).state == ITournament.RoundState.Settled, "not settled");
    }

    function test_aFullChunkReturnsWithinATransaction() public {
        vm.warp(tournament.round(1).deadline);
        tournament.voidRound(1);
        _within(_settle(bytes32(0), ""), "return");
    }

    /* INTERNAL */

    function _stake() private {
        uint256 modelId = registry.register(_owner(0));
        vm.prank(_owner(0));
        tournament.deposit(modelId, (STAKE + LANE_PRICE) * UNIT);
        vm.prank(_owner(0));
        tournament.setAllocation(modelId, uint64(Reference.SHARE_FLAG + Reference.PPM));
    }

    /// @dev Of everybody, so that nothing is left in the slots.
    function _leave() private {
        for (uint256 i; i < 4 * SLOTS; ++i) {
            vm.prank(_owner(0));
            tournament.setAllocation(i + 1, 0);
        }
        require(tournament.slots(SLOTS - 1, 1)[0] == 0, "a slot that is not empty");
    }

    function _lock() private {
        for (uint256 i; i < 2; ++i) {
            vm.prank(_owner(1));
            committee.postBond(_candidate(i), MEMBER_BOND);
        }
        uint64 start = uint64(_now());
        vm.prank(OPERATOR);
        tournament.openRound(start, start + 2 hours, start + 2 days, start + 4 days, _commitments(0));
        vm.warp(start + 2 hours);
        bytes memory bitmap = new bytes(SLOTS / 2);
        for (uint256 i; i < bitmap.length; ++i) {
            bitmap[i] = 0xff;
        }
        vm.recordLogs();
        lockGas = _measure(OPERATOR, abi.encodeCall(ITournament.lock, (1, 0, bitmap)));
        (, positions) = abi.decode(vm.getRecordedLogs()[0].data, (uint256, uint256[]));
        require(positions.length == SLOTS, "not a full chunk");
        vm.prank(OPERATOR);
        tournament.endLock(1);
        _sealWith(1, 3);
    }

    function _report() private view returns (Report memory report) {
        report.roundId = 1;
        report.version = 2;
        report.scoresHead = Reference.push(0, 0, keccak256(scores));
        uint256 atRisk = 4 * SLOTS * STAKE;
        report.totalPayout = uint64((atRisk * 50_000) / Reference.PPM);
        report.totalBurn = report.totalPayout;
    }

    function _settle(bytes32 previous, bytes memory offered) private returns (uint256) {
        return _measure(STRANGER, abi.encodeCall(ITournament.settle, (1, 0, previous, positions, previous, offered)));
    }

    /// @dev Gas of the whole transaction: its base, its calldata, and its execution with the tournament cold. The token is
    /// warm, which saves one transfer some 10,000.
    function _measure(address from, bytes memory data) private returns (uint256 gas) {
        for (uint256 i; i < data.length; ++i) {
            gas += data[i] == 0 ? 4 : 16;
        }
        vm.cool(address(tournament));
        vm.prank(from);
        uint256 before = gasleft();
        (bool success,) = address(tournament).call(data);
        gas += 21_000 + before - gasleft();
        require(success, "refused");
    }

    function _within(uint256 gas, string memory what) private {
        if (gas > TRANSACTION_GAS) revert TooMuchGas(what, gas, TRANSACTION_GAS);
        emit GasUsed(what, gas);
    }

    event GasUsed(string what, uint256 gas);

    error TooMuchGas(string what, uint256 found, uint256 most);
}
