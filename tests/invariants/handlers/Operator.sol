// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBoundedPause} from "../../../contracts/interfaces/IBoundedPause.sol";
import {ITournament} from "../../../contracts/interfaces/ITournament.sol";
import {RoundSchedule} from "../../../contracts/lib/RoundSchedule.sol";
import {Polls} from "../Polls.sol";
import {Reference} from "../Reference.sol";
import {Vm, vm} from "../Vm.sol";

/// @title Operator
/// @notice What an operator does, diligent or not: chunks of any size at any place, bits for anybody, late or never.
abstract contract Operator is Polls {
    error OtherPositions(uint256 slot, uint256 expected, uint256 found);

    function openRound(uint256 aheadSeed, uint256 scoringSeed, uint256 reportingSeed) public {
        if (_lockableRounds() > 1) _discard();
        uint64 openAt = uint64(_now() + aheadSeed % 6 hours);
        uint64 closeAt = openAt + 1 hours + uint64((aheadSeed >> 32) % 6 hours);
        // Scoring of less than four days shortens the lock window, one time of 8 to minutes.
        uint64 resolveAt = closeAt
            + uint64(
                scoringSeed % 8 == 0
                    ? 6 minutes + (scoringSeed >> 3) % 10 minutes
                    : 1 days + (scoringSeed >> 3) % 5 days
            );
        uint64 deadline = resolveAt + 1 days + uint64(reportingSeed % 6 days);
        bytes4 refusal = _paused() ? IBoundedPause.TournamentPaused.selector : bytes4(0);
        if (refusal == 0 && reportingSeed % 16 == 0) {
            deadline = resolveAt;
            refusal = RoundSchedule.ScheduleNotAscending.selector;
        }
        if (refusal == 0) refusal = _scheduleRefusal(closeAt, resolveAt, deadline);
        bytes memory call =
            abi.encodeCall(ITournament.openRound, (openAt, closeAt, resolveAt, deadline, _commitments(aheadSeed)));
        _attempt(OPERATOR, address(tournament), call, refusal);
        _open(closeAt, resolveAt, deadline);
        if (resolveAt > _lastResolution) _lastResolution = resolveAt;
    }

    function lock(uint256 roundSeed, uint256 slotSeed, uint256 bits) public {
        uint256 roundId = _roundWhere(_hasSlotsLeft, roundSeed);
        Book storage book = _books[roundId];
        _comeTo(book.closeAt, roundSeed >> 4);
        bytes memory bitmap = abi.encodePacked(uint8(bits), uint8(bits >> 8), uint8(bits >> 16));
        uint256 length = slotSeed % 4;
        assembly ("memory-safe") {
            mstore(bitmap, length)
        }
        uint256 fromSlot = _placeFor(book, length, slotSeed >> 2);

        vm.recordLogs();
        bytes memory call = abi.encodeCall(ITournament.lock, (roundId, fromSlot, bitmap));
        _attempt(OPERATOR, address(tournament), call, _lockRefusal(book, fromSlot, length));
        _lock(book, fromSlot, bitmap);
    }

    /// @dev Mostly of a round in which something is locked.
    function endLock(uint256 roundSeed) public {
        uint256 roundId = _roundWhere(roundSeed % 16 == 1 ? _canBeLocked : _isLocking, roundSeed);
        Book storage book = _books[roundId];
        _comeTo(book.closeAt, roundSeed >> 4);
        bytes memory call = abi.encodeCall(ITournament.endLock, (roundId));
        _attempt(OPERATOR, address(tournament), call, _windowRefusal(book));
        book.state = ITournament.RoundState.Locked;
        book.ended = Ended(true, _head(book), book.atRisk, book.firstSlot, book.nextSlot);
    }

    /// @dev By an operator who has learned something since it ended the lock: anywhere, anybody, or the end once more.
    function lockInHindsight(uint256 roundSeed, uint256 slotSeed) public {
        uint256 roundId = _roundWhere(_isLocked, roundSeed);
        if (!_isLocked(roundId)) _discard();
        uint256 fromSlot = slotSeed % ((_stakes.length + 3) / 4 + 1);
        bytes memory call = abi.encodeCall(ITournament.lock, (roundId, fromSlot, hex"ff"));
        if (roundSeed % 4 == 0) call = abi.encodeCall(ITournament.endLock, (roundId));
        _mustRefuse(OPERATOR, address(tournament), call, _windowRefusal(_books[roundId]));
    }

    /* INTERNAL */

    function _scheduleRefusal(uint256 closeAt, uint256 resolveAt, uint256 deadline) private view returns (bytes4) {
        if ((resolveAt - closeAt) / 4 < LEAST_LOCK_WINDOW) return RoundSchedule.LockWindowTooShort.selector;
        uint256 least = (deadline - closeAt) / 192;
        if (least < LEAST_NOTICE) least = LEAST_NOTICE;
        return closeAt - _now() < least ? RoundSchedule.NoticeTooShort.selector : bytes4(0);
    }

    function _lockableRounds() private view returns (uint256 count) {
        for (uint256 i = 1; i <= _roundCount; ++i) {
            if (_canBeLocked(i)) ++count;
        }
    }

    function _hasSlotsLeft(uint256 roundId) private view returns (bool) {
        Book storage book = _books[roundId];
        return _canBeLocked(roundId) && (4 * book.nextSlot < _stakes.length || book.firstSlot != 0);
    }

    /// @dev Above what is locked, or below it where there is room, mostly right beside it; sometimes into it. The first
    /// chunk comes anywhere.
    function _placeFor(Book storage book, uint256 length, uint256 seed) private view returns (uint256) {
        uint256 slots = (_stakes.length + 3) / 4;
        if (book.chunks.length == 0) return seed % 2 == 0 || slots == 0 ? 0 : (seed >> 3) % slots;
        if (seed % 8 == 7) return (seed >> 3) % (slots + 1);
        uint256 gap = seed % 4 == 0 ? (seed >> 3) % 2 : 0;
        bool below = book.firstSlot >= 2 * length + gap && (4 * book.nextSlot >= _stakes.length || seed % 2 == 1);
        return below ? book.firstSlot - 2 * length - gap : book.nextSlot + gap;
    }

    function _open(uint256 closeAt, uint256 resolveAt, uint256 deadline) private {
        Book storage book = _books[++_roundCount];
        book.state = ITournament.RoundState.Open;
        book.closeAt = closeAt;
        book.resolveAt = resolveAt;
        book.deadline = deadline;
        book.setId = _setId;
        book.terms.cap = _cap;
        book.terms.threshold = _threshold;
        book.terms.minPosition = _minPosition;
    }

    function _lockRefusal(Book storage book, uint256 fromSlot, uint256 length) private view returns (bytes4 refusal) {
        refusal = _windowRefusal(book);
        if (refusal != 0) return refusal;
        if (fromSlot >= _chunkEnd(fromSlot, length)) return ITournament.EmptyChunk.selector;
        bool outside = fromSlot >= book.nextSlot || _chunkEnd(fromSlot, length) <= book.firstSlot;
        return outside ? bytes4(0) : ITournament.SlotsLockedBefore.selector;
    }

    function _chunkEnd(uint256 fromSlot, uint256 length) private view returns (uint256) {
        uint256 slots = (_stakes.length + 3) / 4;
        return fromSlot + 2 * length < slots ? fromSlot + 2 * length : slots;
    }

    function _lock(Book storage book, uint256 fromSlot, bytes memory bitmap) private {
        uint256 toSlot = _chunkEnd(fromSlot, bitmap.length);
        uint256[] memory published = _published();
        Chunk storage chunk = book.chunks.push();
        chunk.fromSlot = fromSlot;
        chunk.below = _head(book);
        chunk.positions = published;
        chunk.head = Reference.push(chunk.below, fromSlot, keccak256(abi.encodePacked(published)));
        for (uint256 slot = fromSlot; slot < toSlot; ++slot) {
            uint256 word = _lockSlot(book, slot, uint8(bitmap[(slot - fromSlot) / 2]) >> (4 * ((slot - fromSlot) % 2)));
            if (word != published[slot - fromSlot]) revert OtherPositions(slot, word, published[slot - fromSlot]);
        }
        book.state = ITournament.RoundState.Locking;
        if (book.chunks.length == 1 || fromSlot < book.firstSlot) book.firstSlot = fromSlot;
        if (toSlot > book.nextSlot) book.nextSlot = toSlot;
        book.left = book.chunks.length;
    }

    /// @dev The words of the one PositionsLocked event: all that anybody has to settle by later.
    function _published() private returns (uint256[] memory positions) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] == ITournament.PositionsLocked.selector) {
                (, positions) = abi.decode(logs[i].data, (uint256, uint256[]));
            }
        }
    }

    function _lockSlot(Book storage book, uint256 slot, uint256 bits) private returns (uint256 word) {
        for (uint256 i; i < 4 && 4 * slot + i < _stakes.length; ++i) {
            if ((bits >> i) % 2 == 0) continue;
            Stake storage stake = _stakes[4 * slot + i];
            uint256 position = Reference.positionOf(stake.idle, stake.allocation, book.terms.minPosition);
            stake.idle -= position;
            book.atRisk += position;
            word += position << (64 * i);
        }
    }
}
