// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBoundedPause} from "../../contracts/interfaces/IBoundedPause.sol";
import {ITournament} from "../../contracts/interfaces/ITournament.sol";
import {House} from "./House.sol";
import {Reference} from "./Reference.sol";
import {vm} from "./Vm.sol";

/// @title Ledger
/// @notice What everything must be, kept beside the contracts and never read from them. Amounts in nano-NMR.
abstract contract Ledger is House {
    error ExpectedRefusal(bytes4 expected);
    error OtherRefusal(bytes4 expected, bytes4 found);

    struct Stake {
        uint256 modelId;
        uint256 idle;
        uint256 allocation;
    }

    /// @param below the head of the stack under the chunk.
    /// @param settlements how often it was settled or returned.
    struct Chunk {
        uint256 fromSlot;
        bytes32 below;
        bytes32 head;
        uint256[] positions;
        uint256 settlements;
    }

    struct Ended {
        bool isSo;
        bytes32 head;
        uint256 atRisk;
        uint256 firstSlot;
        uint256 nextSlot;
    }

    /// @param setId the committee's member set at opening.
    /// @param ended what the round had locked when its operator ended the lock.
    /// @param validAtRisk what the seal says.
    /// @param left chunks not settled or returned yet.
    /// @param settled sum of the positions of chunks that were.
    /// @param back what idle stakes grew by when they were, as measured.
    /// @param voidedAt chunks that were left when the round became void.
    struct Book {
        ITournament.RoundState state;
        Ended ended;
        uint256 closeAt;
        uint256 resolveAt;
        uint256 deadline;
        uint64 setId;
        uint256 beganAt;
        Reference.Terms terms;
        uint256 firstSlot;
        uint256 nextSlot;
        uint256 atRisk;
        uint256 validAtRisk;
        uint256 left;
        uint256 settled;
        uint256 back;
        uint256 paid;
        uint256 burned;
        uint256 kind;
        uint256 voidedAt;
        bytes32 scoresHead;
        Chunk[] chunks;
    }

    /// @dev By lane.
    Stake[] internal _stakes;
    mapping(uint256 modelId => uint256) internal _lanePlusOne;
    uint256 internal _modelCount;

    uint256 internal _roundCount;
    /// @dev The committee's member set: see Polls.
    uint64 internal _setId = 1;
    mapping(uint256 roundId => Book) internal _books;

    uint256 internal _pool;
    uint256 internal _reserved;
    uint256 internal _burnable;
    /// @dev wei.
    uint256 internal _surplus;
    uint256 internal _destroyed;
    uint256 internal _minted = INITIAL_SUPPLY;

    uint256 internal _cap = 50_000;
    uint256 internal _threshold = 5_000 * NANO;
    uint256 internal _minPosition = NANO / 100;
    uint256 internal _pausedFrom;
    uint256 internal _pausedUntil;
    uint256 internal _pausableFrom;

    /// @dev Lanes whose stake changed by more than the cap on their position, ever.
    uint256 internal _capBreaches;

    /* CALLS */

    /// @dev Calls, and checks that the outcome is the expected one. A call that is refused as it should be is discarded:
    /// it takes no place in the sequence, and forge's table counts it apart.
    /// @param refusal the error's selector; zero if the call must succeed.
    function _attempt(address from, address target, bytes memory data, bytes4 refusal)
        internal
        returns (bytes memory result)
    {
        if (refusal == 0) return _mustSucceed(from, target, data);
        _mustRefuse(from, target, data, refusal);
        vm.assume(false);
    }

    function _mustSucceed(address from, address target, bytes memory data) internal returns (bytes memory result) {
        bool success;
        vm.prank(from);
        (success, result) = target.call(data);
        if (success) return result;
        assembly ("memory-safe") {
            revert(add(result, 0x20), mload(result))
        }
    }

    function _mustRefuse(address from, address target, bytes memory data, bytes4 refusal) internal {
        vm.prank(from);
        (bool success, bytes memory result) = target.call(data);
        if (success) revert ExpectedRefusal(refusal);
        if (bytes4(result) != refusal) revert OtherRefusal(refusal, bytes4(result));
    }

    function _discard() internal pure {
        vm.assume(false);
    }

    /* TIME */

    function _paused() internal view returns (bool) {
        return _now() < _pausedUntil;
    }

    /// @dev Waits for the right time, often to the second. Seldom before the operator is done with the rounds that can be
    /// locked now: they would all become void.
    function _comeTo(uint256 when, uint256 seed) internal {
        bool patient = seed % 4 != 0 && (when < _nextLockEnd() || seed % 16 == 1);
        if (_now() >= when || !patient) return;
        vm.warp(when + (seed % 4 == 1 ? (seed >> 4) % 1 hours : 0));
    }

    function _nextLockEnd() private view returns (uint256 earliest) {
        earliest = type(uint256).max;
        for (uint256 i = 1; i <= _roundCount; ++i) {
            if ((_canBeLocked(i) || _isLocked(i)) && _lockEnd(_books[i]) < earliest) earliest = _lockEnd(_books[i]);
        }
    }

    /* ROUNDS */

    /// @dev A round of which `suits` is true, the oldest three times of four. One time of 16 any number at all.
    function _roundWhere(function(uint256) view returns (bool) suits, uint256 seed)
        internal
        view
        returns (uint256 roundId)
    {
        if (seed % 16 == 0) return (seed >> 4) % (_roundCount + 2);
        uint256 skip = seed % 4 == 0 ? (seed >> 4) % 8 : 0;
        for (uint256 i = 1; i <= _roundCount; ++i) {
            if (!suits(i)) continue;
            roundId = i;
            if (skip == 0) return roundId;
            --skip;
        }
        if (roundId == 0) _discard();
    }

    function _canBeLocked(uint256 roundId) internal view returns (bool) {
        Book storage book = _books[roundId];
        bool early = book.state == ITournament.RoundState.Open || book.state == ITournament.RoundState.Locking;
        return early && _now() < _lockEnd(book);
    }

    function _isLocking(uint256 roundId) internal view returns (bool) {
        return _books[roundId].state == ITournament.RoundState.Locking && _now() < _lockEnd(_books[roundId]);
    }

    function _isLocked(uint256 roundId) internal view returns (bool) {
        return _books[roundId].state == ITournament.RoundState.Locked && _now() < _lockEnd(_books[roundId]);
    }

    function _isSealed(uint256 roundId) internal view returns (bool) {
        return _books[roundId].state == ITournament.RoundState.Sealed;
    }

    function _isSettling(uint256 roundId) internal view returns (bool) {
        return _books[roundId].state == ITournament.RoundState.Settling;
    }

    function _isReturning(uint256 roundId) internal view returns (bool) {
        return _books[roundId].state == ITournament.RoundState.Voided && _books[roundId].left != 0;
    }

    function _windowRefusal(Book storage book) internal view returns (bytes4) {
        if (_paused()) return IBoundedPause.TournamentPaused.selector;
        if (book.state != ITournament.RoundState.Open && book.state != ITournament.RoundState.Locking) {
            return ITournament.WrongState.selector;
        }
        if (_now() < book.closeAt) return ITournament.TooEarly.selector;
        if (_now() >= _lockEnd(book)) return ITournament.TooLate.selector;
        return 0;
    }

    function _lockEnd(Book storage book) internal view returns (uint256) {
        return Reference.lockEnd(book.closeAt, book.resolveAt, LOCK_WINDOW, _pausedFrom, _pausedUntil);
    }

    function _head(Book storage book) internal view returns (bytes32) {
        return book.left == 0 ? bytes32(0) : book.chunks[book.left - 1].head;
    }

    /// @dev Positions not given back, with what burned of them and was not sent off.
    function _openPositions(Book storage book) internal view returns (uint256) {
        uint256 burned = book.state == ITournament.RoundState.Settling ? book.burned : 0;
        return book.atRisk - book.settled + burned;
    }

    function _sum(uint256[] storage words) internal view returns (uint256 total) {
        for (uint256 i; i < words.length; ++i) {
            for (uint256 j; j < 4; ++j) {
                total += Reference.lane(words[i], j);
            }
        }
    }
}
