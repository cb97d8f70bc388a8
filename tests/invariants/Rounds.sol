// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ITournament} from "../../contracts/interfaces/ITournament.sol";
import {Report} from "../../contracts/interfaces/Report.sol";
import {Reference} from "./Reference.sol";
import {SealSigner} from "./SealSigner.sol";
import {vm} from "./Vm.sol";

/// @title Rounds
/// @notice Rounds of sixteen models in two chunks, step by step. Each model has 100 NMR and puts all of it at risk; the
/// lower half of each chunk scores 2 %, the upper half -1 %. Amounts in nano-NMR.
abstract contract Rounds is SealSigner {
    uint256 internal constant MODELS = 16;
    uint256 internal constant CHUNKS = 2;
    uint256 internal constant CHUNK_SLOTS = 2;

    /// @dev Of one chunk, as it is locked and scored.
    bytes internal constant EVERYBODY = hex"ff";
    bytes internal constant SCORES = hex"004e20004e20004e20004e20ffd8f0ffd8f0ffd8f0ffd8f0";

    uint256 internal constant POSITION = 100 * NANO;
    uint64 internal constant AT_RISK = uint64(MODELS * POSITION);
    uint64 internal constant CHUNK_PAYOUT = uint64(8 * NANO);
    uint64 internal constant CHUNK_BURN = uint64(4 * NANO);
    uint64 internal constant PAYOUT = 2 * CHUNK_PAYOUT;
    uint64 internal constant BURN = 2 * CHUNK_BURN;

    uint64 internal constant SCORING = 2 days;
    uint64 internal constant REPORTING = 4 days;

    /* STEPS */

    function _enterModels() internal {
        for (uint256 i; i < MODELS; ++i) {
            uint256 modelId = registry.register(_owner(0));
            vm.prank(_owner(0));
            tournament.deposit(modelId, (POSITION + LANE_PRICE) * UNIT);
            vm.prank(_owner(0));
            tournament.setAllocation(modelId, uint64(Reference.SHARE_FLAG + Reference.PPM));
        }
    }

    /// @dev Adds what the pool lacks of `pool`: the prices of lanes are in it already.
    function _fillPool(uint256 pool) internal {
        uint256 lacking = pool - tournament.pool();
        vm.prank(_owner(1));
        tournament.fundPool(lacking * UNIT);
    }

    function _open(uint64 closeAt) internal returns (uint256 roundId) {
        uint64 resolveAt = closeAt + SCORING;
        vm.prank(OPERATOR);
        return tournament.openRound(uint64(_now()), closeAt, resolveAt, resolveAt + REPORTING, _commitments(closeAt));
    }

    function _endLock(uint256 roundId) internal {
        vm.prank(OPERATOR);
        tournament.endLock(roundId);
    }

    /// @dev Locked upwards, and sealed by all three members.
    function _sealedRound() internal returns (uint256 roundId) {
        uint64 closeAt = uint64(_now()) + 3 hours;
        roundId = _open(closeAt);
        vm.warp(closeAt);
        for (uint256 i; i < CHUNKS; ++i) {
            vm.prank(OPERATOR);
            tournament.lock(roundId, CHUNK_SLOTS * i, EVERYBODY);
        }
        _endLock(roundId);
        _sealWith(roundId, 7);
    }

    /// @dev Posts the bonds of the first `count` members, who then vote for the report.
    function _attest(Report memory report, uint256 count) internal {
        uint256 resolveAt = tournament.round(report.roundId).resolveAt;
        if (_now() < resolveAt) vm.warp(resolveAt);
        for (uint256 i; i < count; ++i) {
            vm.prank(_owner(1));
            committee.postBond(_candidate(i), MEMBER_BOND);
            _vote(_candidate(i), report);
        }
    }

    function _vote(address member, Report memory report) internal {
        vm.prank(member);
        committee.attest(address(tournament), report);
    }

    /// @dev By two members; final at once, as time goes.
    function _begin(Report memory report) internal {
        _attest(report, 2);
        vm.warp(_now() + CHALLENGE_WINDOW);
        tournament.beginSettlement(report);
    }

    /// @dev Anybody may.
    function _settle(uint256 roundId, uint256 chunk) internal {
        bytes32 positionsBelow = _positionsHead(chunk);
        bytes32 scoresBelow = _scoresHead(chunk);
        vm.prank(STRANGER);
        tournament.settle(roundId, CHUNK_SLOTS * chunk, positionsBelow, _positions(), scoresBelow, SCORES);
    }

    /* WHAT IS LOCKED AND REPORTED */

    function _report(uint256 roundId) internal pure returns (Report memory) {
        return Report(roundId, 2, _scoresHead(CHUNKS), PAYOUT, BURN, keccak256("evidence"));
    }

    /// @dev Of a chunk, as long as nobody won or lost anything.
    function _positions() internal pure returns (uint256[] memory words) {
        words = new uint256[](CHUNK_SLOTS);
        words[0] = words[1] = POSITION * (1 + 2 ** 64 + 2 ** 128 + 2 ** 192);
    }

    /// @dev The head of the stack under chunk `chunk`.
    function _positionsHead(uint256 chunk) internal pure returns (bytes32 head) {
        for (uint256 i; i < chunk; ++i) {
            head = Reference.push(head, CHUNK_SLOTS * i, keccak256(abi.encodePacked(_positions())));
        }
    }

    function _scoresHead(uint256 chunk) internal pure returns (bytes32 head) {
        for (uint256 i; i < chunk; ++i) {
            head = Reference.push(head, CHUNK_SLOTS * i, keccak256(SCORES));
        }
    }
}
