// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IRoller} from "../../contracts/interfaces/IRoller.sol";
import {ITournament} from "../../contracts/interfaces/ITournament.sol";
import {HashStack} from "../../contracts/lib/HashStack.sol";
import {Reference} from "./Reference.sol";
import {Rounds} from "./Rounds.sol";
import {vm} from "./Vm.sol";

/// @title RollerTest
/// @notice IRoller.roll: one round of two chunks is settled from the top down, and its slots are locked for the next.
contract RollerTest is Rounds {
    uint256 private constant FIRST = 1;
    uint256 private constant SECOND = 2;

    IRoller private roller;

    function setUp() public {
        _enterModels();
        _fillPool(PAYOUT);
        roller = IRoller(_create("Roller", abi.encode(authority)));
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = IRoller.roll.selector;
        _grant(address(roller), selectors, OPERATOR_ROLE, OPERATOR);
        vm.prank(ADMIN);
        authority.grantRole(OPERATOR_ROLE, address(roller), 0);

        _sealedRound();
        _open(uint64(_now()) + SCORING + CHALLENGE_WINDOW);
        _begin(_report(FIRST));
        vm.warp(tournament.round(SECOND).closeAt);
    }

    function test_onlyAnOperatorRolls() public {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, STRANGER));
        vm.prank(STRANGER);
        roller.roll(tournament, _settles(), _locks());
    }

    function test_aRoundIsSettledAndItsSlotsAreLockedForAnotherDownwards() public {
        _expectSettled(1);
        _expectSettled(0);
        _expectLocked(1);
        _expectLocked(0);
        _roll(_locks());

        ITournament.Round memory first = tournament.round(FIRST);
        require(first.state == ITournament.RoundState.Settled, "not settled");
        require(first.paid == PAYOUT && first.burned == BURN, "paid and burned");
        ITournament.Round memory second = tournament.round(SECOND);
        require(second.state == ITournament.RoundState.Locking, "not locked");
        require(second.firstSlot == 0 && second.nextSlot == CHUNKS * CHUNK_SLOTS, "hull");
        require(second.atRisk == AT_RISK + PAYOUT - BURN, "at risk");
        _requireIdle(0, 0);
        require(tournament.liabilities() == AT_RISK + PAYOUT, "owed");
    }

    function test_whatSomebodySettledBeforeIsPassedOverAndSaid() public {
        IRoller.Settle[] memory settles = _settles();
        _settle(FIRST, 1);

        bytes32 top = _positionsHead(1);
        bytes4 selector = HashStack.NotTopOfStack.selector;
        vm.expectEmit(address(roller));
        emit IRoller.SettleRefused(FIRST, CHUNK_SLOTS, abi.encodeWithSelector(selector, top, _positionsHead(2)));
        _expectSettled(0);
        vm.prank(OPERATOR);
        roller.roll(tournament, settles, _locks());
        require(tournament.round(FIRST).state == ITournament.RoundState.Settled, "not settled");
        require(tournament.round(SECOND).atRisk == AT_RISK + PAYOUT - BURN, "at risk");
    }

    function test_aLockThatIsRefusedUndoesEverything() public {
        IRoller.Lock[] memory twice = _locks();
        twice[1] = twice[0];
        vm.expectRevert(abi.encodeWithSelector(ITournament.SlotsLockedBefore.selector, 2, 4, 2, 4));
        _roll(twice);
        _requireNothingDone();
    }

    /// @dev An estimate of gas must not find so little that only what may fail fails.
    function test_aSettlementThatRunsOutOfGasUndoesEverything() public {
        bytes memory call = abi.encodeCall(IRoller.roll, (tournament, _settles(), new IRoller.Lock[](0)));
        bool firstRanOut;
        bool lastRanOut;
        bool success;
        for (uint256 gas = 20_000; !success; gas += 2_000) {
            _requireNothingDone();
            bytes memory reason;
            vm.prank(OPERATOR);
            (success, reason) = address(roller).call{gas: gas}(call);
            firstRanOut = firstRanOut || _isRunOut(reason, CHUNK_SLOTS);
            lastRanOut = lastRanOut || _isRunOut(reason, 0);
        }
        require(firstRanOut && lastRanOut, "no settlement ran out");
        require(tournament.round(FIRST).state == ITournament.RoundState.Settled, "not settled");
        _requireIdle(POSITION + CHUNK_PAYOUT / 4, POSITION - CHUNK_BURN / 4);
    }

    /* INTERNAL */

    function _roll(IRoller.Lock[] memory locks) private {
        IRoller.Settle[] memory settles = _settles();
        vm.prank(OPERATOR);
        roller.roll(tournament, settles, locks);
    }

    /// @dev From the top down.
    function _settles() private pure returns (IRoller.Settle[] memory settles) {
        settles = new IRoller.Settle[](CHUNKS);
        for (uint256 i; i < CHUNKS; ++i) {
            uint256 chunk = CHUNKS - 1 - i;
            settles[i] = IRoller.Settle(
                FIRST, CHUNK_SLOTS * chunk, _positionsHead(chunk), _positions(), _scoresHead(chunk), SCORES
            );
        }
    }

    function _locks() private pure returns (IRoller.Lock[] memory locks) {
        locks = new IRoller.Lock[](CHUNKS);
        for (uint256 i; i < CHUNKS; ++i) {
            locks[i] = IRoller.Lock(SECOND, CHUNK_SLOTS * (CHUNKS - 1 - i), EVERYBODY);
        }
    }

    /// @dev The positions of a chunk with what its models won and lost.
    function _returned() private pure returns (uint256[] memory words) {
        words = _positions();
        words[0] = (words[0] / POSITION) * (POSITION + CHUNK_PAYOUT / 4);
        words[1] = (words[1] / POSITION) * (POSITION - CHUNK_BURN / 4);
    }

    function _expectSettled(uint256 chunk) private {
        vm.expectEmit(address(tournament));
        emit ITournament.ChunkSettled(FIRST, CHUNK_SLOTS * chunk, CHUNK_PAYOUT, CHUNK_BURN, SCORES);
    }

    function _expectLocked(uint256 chunk) private {
        vm.expectEmit(address(tournament));
        emit ITournament.PositionsLocked(SECOND, CHUNK_SLOTS * chunk, _returned());
    }

    function _isRunOut(bytes memory reason, uint256 fromSlot) private pure returns (bool) {
        bytes memory expected = abi.encodeWithSelector(IRoller.SettleRanOut.selector, FIRST, fromSlot);
        return keccak256(reason) == keccak256(expected);
    }

    function _requireNothingDone() private view {
        require(tournament.round(FIRST).positionsHead == _positionsHead(CHUNKS), "something is settled");
        require(tournament.round(SECOND).state == ITournament.RoundState.Open, "something is locked");
        _requireIdle(0, 0);
    }

    /// @dev Of each model in the slots that win, and in those that lose.
    function _requireIdle(uint256 winner, uint256 loser) private view {
        uint256[] memory slots = tournament.slots(0, CHUNKS * CHUNK_SLOTS);
        for (uint256 i; i < MODELS; ++i) {
            uint256 expected = (i / 4) % 2 == 0 ? winner : loser;
            require(Reference.stakeAt(slots[i / 4], i % 4) == expected, "idle stake");
        }
    }
}
