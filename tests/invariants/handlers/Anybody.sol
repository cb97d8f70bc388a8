// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBurnSink} from "../../../contracts/interfaces/IBurnSink.sol";
import {IOracleCommittee} from "../../../contracts/interfaces/IOracleCommittee.sol";
import {IBoundedPause} from "../../../contracts/interfaces/IBoundedPause.sol";
import {IStakeLedger} from "../../../contracts/interfaces/IStakeLedger.sol";
import {ITournament} from "../../../contracts/interfaces/ITournament.sol";
import {HashStack} from "../../../contracts/lib/HashStack.sol";
import {Report} from "../../../contracts/interfaces/Report.sol";
import {Polls} from "../Polls.sol";
import {Reference} from "../Reference.sol";
import {vm} from "../Vm.sol";

/// @title Anybody
/// @notice What needs no role: to begin, settle and void rounds, to burn what the sink holds, and to wait.
abstract contract Anybody is Polls {
    function passTime(uint256 seed) public {
        vm.warp(_now() + (seed % 4 == 0 ? seed % 3 days : seed % 4 hours));
    }

    function beginSettlement(uint256 roundSeed, uint256 kindSeed) public {
        uint256 roundId = _roundWhere(_hasReport, roundSeed);
        IOracleCommittee.Proposal storage proposal = _proposals[roundId];
        if (proposal.status == IOracleCommittee.ProposalStatus.Accepted) {
            _comeTo(proposal.challengeUntil, roundSeed >> 4);
        }
        uint256 kind = _kindOf(roundId, proposal.reportHash);
        if (kind == KINDS || kindSeed % 8 == 0) kind = (kindSeed >> 3) % KINDS;
        Report memory report = _report(roundId, kind);
        bytes4 refusal = _beginRefusal(roundId, report);
        _attempt(STRANGER, address(tournament), abi.encodeCall(ITournament.beginSettlement, (report)), refusal);
        _begin(_books[roundId], kind, report);
    }

    function settle(uint256 roundSeed) public {
        uint256 roundId = _settleable(roundSeed);
        Book storage book = _books[roundId];
        if (book.left == 0) _discard();
        bool whole = book.state == ITournament.RoundState.Voided;
        Chunk storage chunk = book.chunks[book.left - 1];
        bytes memory scores = whole ? bytes("") : _scores(roundId, book.kind, book.left - 1);
        bytes32 previous = whole ? bytes32(0) : _scoresHead(roundId, book.kind, book.left - 1);
        bytes4 refusal = whole ? bytes4(0) : _settleRefusal(book, chunk, previous, scores);
        bytes memory call = abi.encodeCall(
            ITournament.settle, (roundId, chunk.fromSlot, chunk.below, chunk.positions, previous, scores)
        );
        uint256 before = _measure(chunk);
        _attempt(STRANGER, address(tournament), call, refusal);
        _settle(book, chunk, scores, _measure(chunk) - before);
        book.scoresHead = previous;
        if (book.left == 0 && !whole) _close(book, ITournament.RoundState.Settled);
    }

    /// @dev A chunk that is not the one on top, or not as it was: always refused.
    function settleForged(uint256 roundSeed, uint256 how) public {
        uint256 roundId = _settleable(roundSeed | 1);
        Book storage book = _books[roundId];
        bool whole = book.state == ITournament.RoundState.Voided;
        uint256 index = (how >> 8) % book.chunks.length;
        Chunk memory chunk = book.chunks[index];
        bytes memory scores = whole ? bytes("") : _scores(roundId, book.kind, index);
        bool top = book.left != 0 && index == book.left - 1;
        bytes4 refusal = HashStack.NotTopOfStack.selector;
        how %= 6;
        if (how == 0) {
            chunk.fromSlot += 1;
        } else if (how == 1) {
            chunk.below = keccak256("below");
        } else if (how == 2) {
            chunk.positions[0] += 1;
        } else if (how == 3 && !whole) {
            scores[0] = ~scores[0];
        } else if (how == 4) {
            (scores, refusal) = (bytes.concat(scores, hex"00"), ITournament.ScoresLengthMismatch.selector);
        } else if (top) {
            _discard(); // nothing is forged
        }
        if (_paused() && !whole) refusal = IBoundedPause.TournamentPaused.selector;
        bytes32 previous = whole ? bytes32(0) : _scoresHead(roundId, book.kind, index);
        bytes memory call = abi.encodeCall(
            ITournament.settle, (roundId, chunk.fromSlot, chunk.below, chunk.positions, previous, scores)
        );
        _mustRefuse(STRANGER, address(tournament), call, refusal);
    }

    function voidRound(uint256 roundSeed) public {
        uint256 roundId = _roundWhere(roundSeed % 8 == 1 ? _isLive : _isLate, roundSeed);
        Book storage book = _books[roundId];
        if (roundSeed % 8 == 1) _comeTo(_voidableFrom(book), roundSeed >> 4);
        bytes memory call = abi.encodeCall(ITournament.voidRound, (roundId));
        _attempt(STRANGER, address(tournament), call, _voidRefusal(roundId, book));
        _close(book, ITournament.RoundState.Voided);
        book.voidedAt = book.left;
    }

    function sendBurned() public {
        bytes4 refusal = _burnable == 0 ? IStakeLedger.NothingBurned.selector : bytes4(0);
        _attempt(STRANGER, address(tournament), abi.encodeCall(IStakeLedger.sendBurned, ()), refusal);
        _burnable = 0;
    }

    function flush() public {
        uint256 amount = token.balanceOf(address(sink));
        bytes4 refusal = amount == 0 ? IBurnSink.NothingToBurn.selector : bytes4(0);
        _attempt(STRANGER, address(sink), abi.encodeCall(IBurnSink.flush, ()), refusal);
        _destroyed += amount;
    }

    /* INTERNAL */

    function _settleable(uint256 seed) private view returns (uint256 roundId) {
        roundId = _roundWhere(seed % 4 == 2 ? _isReturning : _isSettling, seed);
        // Any other round: there is no chunk to offer, or none that could be on top.
        ITournament.RoundState state = _books[roundId].state;
        bool opened = state == ITournament.RoundState.Settling || state == ITournament.RoundState.Voided;
        if (!opened || _books[roundId].chunks.length == 0) _discard();
    }

    function _isLive(uint256 roundId) private view returns (bool) {
        ITournament.RoundState state = _books[roundId].state;
        return state != ITournament.RoundState.Settled && state != ITournament.RoundState.Voided;
    }

    function _isLate(uint256 roundId) private view returns (bool) {
        return _isLive(roundId) && _voidRefusal(roundId, _books[roundId]) == 0;
    }

    function _beginRefusal(uint256 roundId, Report memory report) private view returns (bytes4) {
        Book storage book = _books[roundId];
        if (_paused()) return IBoundedPause.TournamentPaused.selector;
        if (book.state != ITournament.RoundState.Sealed) return ITournament.WrongState.selector;
        if (_now() < book.resolveAt) return ITournament.TooEarly.selector;
        if (report.totalPayout > (book.validAtRisk * book.terms.cap) / Reference.PPM) {
            return ITournament.PayoutAboveCap.selector;
        }
        if (!_isFinal(roundId, _hashOf(report))) return ITournament.ReportNotFinal.selector;
        bool short = _pool < report.totalPayout && _now() < _fundableUntil(roundId);
        return short ? ITournament.PoolShort.selector : bytes4(0);
    }

    function _fundableUntil(uint256 roundId) private view returns (uint256) {
        uint256 graced = _proposals[roundId].challengeUntil + FUNDING_GRACE;
        uint256 latest = _books[roundId].deadline + 23 days;
        return graced < latest ? graced : latest;
    }

    function _isFinal(uint256 roundId, bytes32 reportHash) private view returns (bool) {
        IOracleCommittee.Proposal storage proposal = _proposals[roundId];
        if (proposal.reportHash != reportHash) return false;
        return _becomesFinal(_statusOf(roundId)) && _now() >= proposal.challengeUntil;
    }

    function _begin(Book storage book, uint256 kind, Report memory report) private {
        uint256 reserve = _pool < report.totalPayout ? _pool : report.totalPayout;
        _pool -= reserve;
        _reserved += reserve;
        book.state = ITournament.RoundState.Settling;
        book.beganAt = _now();
        book.kind = kind;
        book.scoresHead = report.scoresHead;
        book.terms.reserved = reserve;
        book.terms.totalPayout = report.totalPayout;
        book.terms.totalBurn = report.totalBurn;
    }

    function _settleRefusal(Book storage book, Chunk storage chunk, bytes32 previous, bytes memory scores)
        private
        view
        returns (bytes4)
    {
        if (_paused()) return IBoundedPause.TournamentPaused.selector;
        if (Reference.push(previous, chunk.fromSlot, keccak256(scores)) != book.scoresHead) {
            return HashStack.NotTopOfStack.selector;
        }
        (uint256 paid, uint256 burned) = _outcomeOf(book, chunk, scores);
        if (book.paid + paid > book.terms.reserved) return ITournament.PaidAboveReserved.selector;
        if (book.burned + burned > book.terms.totalBurn) return ITournament.BurnedAboveReport.selector;
        return book.left == 1 && previous != 0 ? ITournament.ScoresLeftOver.selector : bytes4(0);
    }

    function _outcomeOf(Book storage book, Chunk storage chunk, bytes memory scores)
        private
        view
        returns (uint256 paid, uint256 burned)
    {
        Reference.Terms memory terms = book.terms;
        for (uint256 i; i < 4 * chunk.positions.length; ++i) {
            uint256 position = Reference.lane(chunk.positions[i / 4], i % 4);
            (uint256 payout, uint256 burn) = Reference.outcomeOf(position, Reference.scoreAt(scores, i), terms);
            paid += Reference.scaledPayout(payout, terms);
            burned += burn;
        }
    }

    /// @dev The sum of what is idle in the lanes of the chunk, as the tournament says.
    function _measure(Chunk storage chunk) private view returns (uint256 total) {
        uint256[] memory words = tournament.slots(chunk.fromSlot, chunk.positions.length);
        for (uint256 i; i < 4 * words.length; ++i) {
            total += Reference.stakeAt(words[i / 4], i % 4);
        }
    }

    function _settle(Book storage book, Chunk storage chunk, bytes memory scores, uint256 back) private {
        for (uint256 i; i < 4 * chunk.positions.length; ++i) {
            uint256 position = Reference.lane(chunk.positions[i / 4], i % 4);
            if (position == 0) continue;
            _settlePosition(
                book, 4 * chunk.fromSlot + i, position, scores.length == 0 ? int256(0) : Reference.scoreAt(scores, i)
            );
        }
        ++chunk.settlements;
        --book.left;
        book.settled += _sum(chunk.positions);
        book.back += back;
    }

    function _settlePosition(Book storage book, uint256 lane, uint256 position, int256 score) private {
        (uint256 payout, uint256 burn) = Reference.outcomeOf(position, score, book.terms);
        payout = Reference.scaledPayout(payout, book.terms);
        _stakes[lane].idle += position + payout - burn;
        book.paid += payout;
        book.burned += burn;
        _reserved -= payout;
        uint256 change = payout + burn;
        if (change * Reference.PPM > position * book.terms.cap) ++_capBreaches;
    }

    /// @dev What was reserved and not needed returns, and what burned waits to be sent off.
    function _close(Book storage book, ITournament.RoundState state) private {
        uint256 unused = book.terms.reserved - book.paid;
        _reserved -= unused;
        _pool += unused;
        _burnable += book.burned;
        book.state = state;
    }

    function _voidableFrom(Book storage book) private view returns (uint256) {
        if (book.state == ITournament.RoundState.Sealed) return book.deadline;
        return book.state == ITournament.RoundState.Settling ? book.beganAt + 30 days : _lockEnd(book);
    }

    function _voidRefusal(uint256 roundId, Book storage book) private view returns (bytes4) {
        ITournament.RoundState state = book.state;
        bool over = state == ITournament.RoundState.Settled || state == ITournament.RoundState.Voided;
        if (over || state == ITournament.RoundState.None) return ITournament.WrongState.selector;
        bool early = _now() < _voidableFrom(book);
        if (state != ITournament.RoundState.Sealed) return early ? ITournament.TooEarly.selector : bytes4(0);
        IOracleCommittee.ProposalStatus status = _statusOf(roundId);
        bool expired =
            status == IOracleCommittee.ProposalStatus.Expired || status == IOracleCommittee.ProposalStatus.Disproven;
        if (expired || _now() >= book.deadline + 30 days) return 0;
        if (early) return ITournament.TooEarly.selector;
        return status == IOracleCommittee.ProposalStatus.None ? bytes4(0) : ITournament.ReportStands.selector;
    }
}
