// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {RoundWindows} from "./RoundWindows.sol";
import {StakeLedger} from "./StakeLedger.sol";
import {IDemands} from "./interfaces/IDemands.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {ITournament} from "./interfaces/ITournament.sol";
import {Report} from "./interfaces/Report.sol";
import {HashStack} from "./lib/HashStack.sol";
import {HeardScores} from "./lib/HeardScores.sol";
import {PayoutMath} from "./lib/PayoutMath.sol";
import {RoundSchedule} from "./lib/RoundSchedule.sol";
import {StakeSlot} from "./lib/StakeSlot.sol";
import {Uint64x4} from "./lib/Uint64x4.sol";

/// @title Tournament
/// @notice See ITournament, also for the state machine of a round and for what reverts when.
contract Tournament is ITournament, StakeLedger, RoundWindows {
    /* CONSTANTS */

    /// @inheritdoc ITournament
    uint256 public constant VERSION = 2;

    uint32 public constant MAX_CAP = 1e6;
    uint64 public constant MAX_MIN_POSITION = 1_000e9;

    /// @notice Slots in one chunk. Settling costs up to 3.5 times what locking does (stakes return to slots left empty, at
    /// 23,800 gas a slot, 27,200 on Polygon): a chunk that could be locked and never be settled would freeze its stakes.
    uint256 public constant MAX_CHUNK_SLOTS = 512;
    /// @notice For how long a report that stands keeps its round from being voided, seconds. A pause cannot outlast it.
    uint64 public constant SETTLEMENT_GRACE = 30 days;

    /* STORAGE */

    IOracleCommittee public immutable committee;
    IDemands public immutable demands;

    uint32 public cap;
    uint64 public threshold;
    uint64 public minPosition;

    uint256 public roundCount;

    mapping(uint256 roundId => Round) private _rounds;

    /* CONSTRUCTOR */

    /// @param authority the AccessManager that knows operator, guardian and admin.
    /// @param demands_ who says which lanes owe predictions; zero for nobody.
    /// @param token_ the stake: a plain ERC-20, with permit or without, without fees, hooks or rebasing.
    constructor(
        address authority,
        IERC20 token_,
        IModelRegistry registry_,
        IOracleCommittee committee_,
        address burnSink_,
        uint256 unit_,
        uint64 lanePrice_,
        Windows memory windows_,
        uint32 cap_,
        uint64 threshold_,
        uint64 minPosition_,
        IDemands demands_
    ) AccessManaged(authority) StakeLedger(token_, registry_, burnSink_, unit_, lanePrice_) RoundWindows(windows_) {
        committee = committee_;
        demands = demands_;
        _setParameters(cap_, threshold_, minPosition_);
    }

    /* OPERATOR */

    /// @inheritdoc ITournament
    function openRound(
        uint64 openAt,
        uint64 closeAt,
        uint64 resolveAt,
        uint64 deadline,
        Commitments calldata commitments
    ) external restricted whenNotPaused returns (uint256 roundId) {
        RoundSchedule.check(openAt, closeAt, resolveAt, deadline, windows());

        roundId = ++roundCount;
        Round storage r = _rounds[roundId];
        r.state = RoundState.Open;
        r.openAt = openAt;
        r.closeAt = closeAt;
        r.resolveAt = resolveAt;
        r.deadline = deadline;
        r.cap = cap;
        r.threshold = threshold;
        r.minPosition = minPosition;
        r.memberSetId = committee.assignRound(resolveAt);
        r.rulesHash = commitments.rulesHash;
        r.termsHash = commitments.termsHash;
        r.universe = commitments.universe;
        emit RoundOpened(roundId, openAt, closeAt, resolveAt, deadline, commitments);
    }

    /// @inheritdoc ITournament
    function lock(uint256 roundId, uint256 fromSlot, bytes calldata bitmap) external restricted whenNotPaused {
        Round storage r = _rounds[roundId];
        _requireLockable(roundId, r);
        uint256 slots = 2 * bitmap.length;
        if (slots > MAX_CHUNK_SLOTS) revert ChunkTooLarge(slots, MAX_CHUNK_SLOTS);
        uint256 toSlot = Math.min(fromSlot + slots, _slotCount());
        if (fromSlot >= toSlot) revert EmptyChunk(fromSlot, toSlot);
        _extendHull(r, fromSlot, toSlot);

        (uint256[] memory positions, uint256 total) = _lockChunk(fromSlot, toSlot, bitmap, r.minPosition);
        r.state = RoundState.Locking;
        r.atRisk += uint64(total);
        r.positionsHead = HashStack.push(r.positionsHead, fromSlot, HashStack.digestOf(positions));
        emit PositionsLocked(roundId, fromSlot, positions);
    }

    /// @inheritdoc ITournament
    function endLock(uint256 roundId) external restricted whenNotPaused {
        Round storage r = _rounds[roundId];
        _requireLockable(roundId, r);
        r.state = RoundState.Locked;
        emit LockEnded(roundId, r.positionsHead, r.atRisk);
    }

    /* ANYBODY */

    /// @inheritdoc ITournament
    function seal(
        uint256 roundId,
        bytes32 submissionsRoot,
        uint64 validAtRisk,
        uint256 signers,
        bytes calldata signatures
    ) external whenNotPaused {
        Round storage r = _rounds[roundId];
        _requireState(roundId, r, RoundState.Locked);
        _requireBeforeLockEnd(r);
        if (validAtRisk > r.atRisk) revert ValidAboveAtRisk(validAtRisk, r.atRisk);

        uint32 payoutFactor = PayoutMath.payoutFactorDown(validAtRisk, r.threshold);
        r.payoutFactor = payoutFactor;
        r.validAtRisk = validAtRisk;
        r.submissionsRoot = submissionsRoot;
        bytes32 head = r.positionsHead;
        r.state = head == 0 ? RoundState.Settled : RoundState.Sealed;
        emit RoundSealed(roundId, r.atRisk, validAtRisk, payoutFactor, submissionsRoot);
        if (head == 0) emit RoundSettled(roundId, 0, 0);
        committee.recordSeal(roundId, r.memberSetId, head, submissionsRoot, validAtRisk, signers, signatures);
    }

    /// @inheritdoc ITournament
    function beginSettlement(Report calldata report) external whenNotPaused {
        uint256 roundId = report.roundId;
        Round storage r = _rounds[roundId];
        _requireState(roundId, r, RoundState.Sealed);
        if (block.timestamp < r.resolveAt) revert TooEarly(block.timestamp, r.resolveAt);
        if (report.version != VERSION) revert UnknownVersion(report.version, VERSION);
        uint256 maximum = PayoutMath.shareDown(r.validAtRisk, r.cap);
        if (report.totalPayout > maximum) revert PayoutAboveCap(report.totalPayout, maximum);
        bytes32 reportHash = committee.hashReport(address(this), report);
        uint256 from = committee.finalFrom(address(this), roundId, reportHash);
        if (block.timestamp < from) revert ReportNotFinal(roundId, reportHash);
        uint256 until = _fundableUntil(from, r.deadline + SETTLEMENT_GRACE);
        if (pool < report.totalPayout && block.timestamp < until) revert PoolShort(pool, report.totalPayout, until);

        uint64 reserve = uint64(Math.min(pool, report.totalPayout));
        pool -= reserve;
        reserved += reserve;
        r.state = RoundState.Settling;
        r.settlementBeganAt = uint64(block.timestamp);
        r.reserved = reserve;
        r.totalPayout = report.totalPayout;
        r.totalBurn = report.totalBurn;
        r.scoresHead = report.scoresHead;
        emit SettlementBegan(roundId, reportHash, reserve);
    }

    /// @inheritdoc ITournament
    function settle(
        uint256 roundId,
        uint256 fromSlot,
        bytes32 previousPositionsHead,
        uint256[] calldata positions,
        bytes32 previousScoresHead,
        bytes calldata scores
    ) external nonReentrant {
        Round storage r = _rounds[roundId];
        bool whole = r.state == RoundState.Voided;
        if (!whole) {
            _requireState(roundId, r, RoundState.Settling);
            _requireNotPaused();
        }
        uint256 scoresLength = whole ? 0 : positions.length * PayoutMath.SCORE_BYTES;
        if (scores.length != scoresLength) revert ScoresLengthMismatch(scores.length, scoresLength);

        r.positionsHead =
            HashStack.pop(r.positionsHead, previousPositionsHead, fromSlot, HashStack.digestOfCalldata(positions));
        if (whole) {
            _returnChunk(fromSlot, positions);
            emit ChunkSettled(roundId, fromSlot, 0, 0, scores);
            return;
        }
        r.scoresHead = HashStack.pop(r.scoresHead, previousScoresHead, fromSlot, keccak256(scores));
        (uint256 payout, uint256 burn) =
            _settleChunk(r, fromSlot, positions, HeardScores.copied(demands, roundId, fromSlot, scores));
        _account(r, payout, burn);
        emit ChunkSettled(roundId, fromSlot, uint64(payout), uint64(burn), scores);
        if (previousPositionsHead == 0) _finish(roundId, r);
    }

    /// @inheritdoc ITournament
    function voidRound(uint256 roundId) external nonReentrant {
        Round storage r = _rounds[roundId];
        _requireVoidable(roundId, r);

        r.state = RoundState.Voided;
        emit RoundVoided(roundId, r.paid, r.burned);
        _close(r);
    }

    /* ADMINISTRATION */

    /// @inheritdoc ITournament
    function setParameters(uint32 newCap, uint64 newThreshold, uint64 newMinPosition) external restricted {
        _setParameters(newCap, newThreshold, newMinPosition);
    }

    /* VIEWS */

    /// @inheritdoc ITournament
    function round(uint256 roundId) external view returns (Round memory) {
        return _rounds[roundId];
    }

    /// @inheritdoc ITournament
    function reportingOf(uint256 roundId) external view returns (RoundState, uint64, uint64, uint64) {
        Round storage r = _rounds[roundId];
        return (r.state, r.resolveAt, r.deadline, r.memberSetId);
    }

    /// @inheritdoc ITournament
    function lockEnd(uint256 roundId) external view returns (uint256) {
        return _lockEnd(_rounds[roundId].closeAt, _rounds[roundId].resolveAt);
    }

    /* INTERNAL: rounds */

    /// @dev Notes that a chunk is locked, beside what was locked before and on either side of it: each slot once.
    function _extendHull(Round storage r, uint256 fromSlot, uint256 toSlot) private {
        (uint256 first, uint256 next) = (r.firstSlot, r.nextSlot);
        if (fromSlot < next && toSlot > first) revert SlotsLockedBefore(fromSlot, toSlot, first, next);
        if (next == 0 || fromSlot < first) r.firstSlot = uint64(fromSlot);
        if (toSlot > next) r.nextSlot = uint64(toSlot);
    }

    /// @dev Moves the chunk's positions out of idle. Storage of a slot where nobody takes part is not touched.
    function _lockChunk(uint256 fromSlot, uint256 toSlot, bytes calldata bitmap, uint256 smallest)
        private
        returns (uint256[] memory positions, uint256 total)
    {
        uint256 count = toSlot - fromSlot;
        positions = new uint256[](count);
        uint256 totals;
        // Slots are counted by an array. All positions together are part of liabilities: no lane of totals overflows.
        unchecked {
            for (uint256 i; i < count; ++i) {
                uint256 mask = PayoutMath.laneMaskAt(bitmap, i);
                if (mask == 0) continue;
                StakeSlot slot = _slots[fromSlot + i];
                Uint64x4 codes = slot.codes().masked(mask);
                if (codes.isZero()) continue;
                Uint64x4 taken = PayoutMath.positionsOf(slot, codes, smallest);
                if (taken.isZero()) continue;
                _slots[fromSlot + i] = slot.minus(taken);
                positions[i] = Uint64x4.unwrap(taken);
                totals += Uint64x4.unwrap(taken);
            }
        }
        total = Uint64x4.wrap(totals).sum();
    }

    /// @dev Moves the chunk's positions, with payouts and burns, back to idle.
    /// @param scores where they lie in memory.
    function _settleChunk(Round storage r, uint256 fromSlot, uint256[] calldata positions, uint256 scores)
        private
        returns (uint256 payout, uint256 burn)
    {
        (uint256 factor, uint256 limit) = (r.payoutFactor, r.cap);
        bool short = r.reserved < r.totalPayout;
        uint256 payouts;
        uint256 burns;
        // The stack holds no slot beyond those in use. Payouts and burns are at most the positions, which are part of
        // liabilities: no lane of their sums overflows, and none of position + payout exceeds twice a stake's bits.
        unchecked {
            for (uint256 i; i < positions.length; ++i) {
                uint256 word = positions[i];
                if (word == 0) continue;
                (Uint64x4 paid, Uint64x4 burned) =
                    PayoutMath.outcomeOf(Uint64x4.wrap(word), HeardScores.scoresAt(scores, i), factor, limit);
                if (short) paid = PayoutMath.scaledDown(paid, r.reserved, r.totalPayout);
                word += Uint64x4.unwrap(paid) - Uint64x4.unwrap(burned);
                _slots[fromSlot + i] = _slots[fromSlot + i].plus(Uint64x4.wrap(word));
                payouts += Uint64x4.unwrap(paid);
                burns += Uint64x4.unwrap(burned);
            }
        }
        payout = Uint64x4.wrap(payouts).sum();
        burn = Uint64x4.wrap(burns).sum();
    }

    /// @dev Moves the positions of a void round's chunk back to idle, whole.
    function _returnChunk(uint256 fromSlot, uint256[] calldata positions) private {
        for (uint256 i; i < positions.length; ++i) {
            if (positions[i] == 0) continue;
            _slots[fromSlot + i] = _slots[fromSlot + i].plus(Uint64x4.wrap(positions[i]));
        }
    }

    /// @dev Books a chunk's payouts out of the reserve, and its burns.
    function _account(Round storage r, uint256 payout, uint256 burn) private {
        uint256 paid = r.paid + payout;
        uint256 burned = r.burned + burn;
        if (paid > r.reserved) revert PaidAboveReserved(paid, r.reserved);
        if (burned > r.totalBurn) revert BurnedAboveReport(burned, r.totalBurn);
        r.paid = uint64(paid);
        r.burned = uint64(burned);
        reserved -= uint64(payout);
    }

    function _finish(uint256 roundId, Round storage r) private {
        if (r.scoresHead != 0) revert ScoresLeftOver(r.scoresHead);
        r.state = RoundState.Settled;
        emit RoundSettled(roundId, r.paid, r.burned);
        _close(r);
    }

    /// @dev Gives the unused reserve back to the pool, and what burned to whoever sends it off. Nothing to do before
    /// settlement began.
    function _close(Round storage r) private {
        uint64 unused = r.reserved - r.paid;
        reserved -= unused;
        pool += unused;
        burnable += r.burned;
    }

    function _setParameters(uint32 newCap, uint64 newThreshold, uint64 newMinPosition) private {
        if (newCap > MAX_CAP) revert ParameterTooLarge(newCap, MAX_CAP);
        if (newMinPosition > MAX_MIN_POSITION) revert ParameterTooLarge(newMinPosition, MAX_MIN_POSITION);
        cap = newCap;
        threshold = newThreshold;
        minPosition = newMinPosition;
        emit ParametersSet(newCap, newThreshold, newMinPosition);
    }

    /* INTERNAL: checks */

    function _requireState(uint256 roundId, Round storage r, RoundState expected) private view {
        if (r.state != expected) revert WrongState(roundId, r.state, expected);
    }

    function _requireLockable(uint256 roundId, Round storage r) private view {
        if (r.state != RoundState.Locking) _requireState(roundId, r, RoundState.Open);
        if (block.timestamp < r.closeAt) revert TooEarly(block.timestamp, r.closeAt);
        _requireBeforeLockEnd(r);
    }

    function _requireBeforeLockEnd(Round storage r) private view {
        uint256 end = _lockEnd(r.closeAt, r.resolveAt);
        if (block.timestamp >= end) revert TooLate(block.timestamp, end);
    }

    function _requireVoidable(uint256 roundId, Round storage r) private view {
        RoundState state = r.state;
        if (state == RoundState.Sealed) return _requireNoReport(roundId, r.deadline);
        bool isOver = state > RoundState.Settling;
        if (isOver || state == RoundState.None) revert WrongState(roundId, state, RoundState.Sealed);
        bool isSettling = state == RoundState.Settling;
        uint256 from = isSettling ? r.settlementBeganAt + SETTLEMENT_GRACE : _lockEnd(r.closeAt, r.resolveAt);
        if (block.timestamp < from) revert TooEarly(block.timestamp, from);
    }

    /// @dev Past `end` the committee is not asked any more: not even one that fails to answer keeps stakes locked.
    function _requireNoReport(uint256 roundId, uint256 deadline) private view {
        uint256 end = deadline + SETTLEMENT_GRACE;
        if (block.timestamp >= end || committee.hasExpired(address(this), roundId)) return;
        if (block.timestamp < deadline) revert TooEarly(block.timestamp, deadline);
        if (committee.hasStandingReport(address(this), roundId)) revert ReportStands(roundId, end);
    }
}
