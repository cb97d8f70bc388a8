// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {ITournament} from "./interfaces/ITournament.sol";
import {Report} from "./interfaces/Report.sol";
import {HashStack} from "./lib/HashStack.sol";
import {PayoutMath} from "./lib/PayoutMath.sol";
import {LANES, Uint64x4} from "./lib/Uint64x4.sol";

/// @title Tournament
/// @notice See ITournament, also for the state machine of a round and for what reverts when.
/// @dev Casts to uint64 without a check are sound because every amount is part of `liabilities`, which fits.
contract Tournament is ITournament, AccessManaged, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /* CONSTANTS */

    /// @inheritdoc ITournament
    uint256 public constant VERSION = 1;

    /// @notice wei in one nano-NMR.
    uint256 public constant UNIT = 1e9;

    /// @notice All that the tournament may owe, nano-NMR: 838 times all NMR there can be. No lane ever exceeds it, and the
    /// lanes' arithmetic needs its top bit free.
    uint64 public constant MAX_LIABILITIES = 2 ** 63 - 1;

    uint32 public constant MAX_CAP = 1e6;
    uint64 public constant MAX_MIN_POSITION = 1_000e9;

    /// @notice How long after closeAt positions can be locked and the round sealed: seconds, and at most this part of the
    /// time to resolveAt. Nobody locks once the outcome begins to show.
    uint64 public constant LOCK_WINDOW = 1 days;
    uint64 public constant LOCK_DIVISOR = 4;
    /// @notice A round is announced before closeAt by at least this part of the time that it may hold stakes: a stolen
    /// operator's key cannot open a year's round and lock it before owners and guardian have seen it.
    uint64 public constant NOTICE_DIVISOR = 64;
    /// @notice openRound to openAt, openAt to closeAt, closeAt to resolveAt, resolveAt to deadline at most, seconds.
    uint64 public constant MAX_AHEAD = 90 days;
    uint64 public constant MAX_SUBMISSION = 90 days;
    uint64 public constant MAX_SCORING = 365 days;
    uint64 public constant MAX_REPORTING = 90 days;
    /// @notice Slots in one chunk. Settling costs up to 3.5 times what locking does (stakes return to slots left empty, at
    /// 23,800 gas a slot, 27,200 on Polygon): a chunk that could be locked and never be settled would freeze its stakes.
    uint256 public constant MAX_CHUNK_SLOTS = 512;
    /// @notice For how long a report that stands keeps its round from being voided, seconds. A pause cannot outlast it.
    uint64 public constant SETTLEMENT_GRACE = 30 days;
    uint64 public constant MAX_PAUSE = 7 days;
    uint64 public constant PAUSE_COOLDOWN = 7 days;

    /* STORAGE */

    IERC20 public immutable token;
    IModelRegistry public immutable registry;
    IOracleCommittee public immutable committee;
    address public immutable burnSink;

    uint64 public pool;
    uint64 public reserved;
    uint64 public liabilities;

    uint32 public cap;
    uint64 public threshold;
    uint64 public minPosition;

    uint64 public pausedUntil;
    uint64 public pausableFrom;

    uint256 public roundCount;

    mapping(uint256 roundId => Round) private _rounds;
    /// @dev An array without a length and without hashing: neighbours lie side by side, and most of it is never written.
    Slot[2 ** 40] private _slots;

    /// @dev The model in each lane, and back: lane + 1, so that zero means none.
    uint256[] private _models;
    mapping(uint256 modelId => uint256) private _lanePlusOne;

    /// @dev The stakes of four models, and what each of them puts at risk in a round.
    struct Slot {
        Uint64x4 idle;
        Uint64x4 allocation;
    }

    /* MODIFIERS */

    modifier whenNotPaused() {
        _requireNotPaused();
        _;
    }

    /* CONSTRUCTOR */

    /// @param authority the AccessManager that knows operator, guardian and admin.
    /// @param token_ the stake: a plain ERC-20 with permit, without fees, hooks or rebasing.
    constructor(
        address authority,
        IERC20 token_,
        IModelRegistry registry_,
        IOracleCommittee committee_,
        address burnSink_,
        uint32 cap_,
        uint64 threshold_,
        uint64 minPosition_
    ) AccessManaged(authority) {
        if (burnSink_ == address(0)) revert ZeroBurnSink();
        token = token_;
        registry = registry_;
        committee = committee_;
        burnSink = burnSink_;
        _setParameters(cap_, threshold_, minPosition_);
    }

    /* STAKERS */

    /// @inheritdoc ITournament
    function deposit(uint256 modelId, uint256 amount) external {
        _deposit(modelId, amount);
    }

    /// @inheritdoc ITournament
    function depositWithPermit(uint256 modelId, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        // Whoever saw this permit may have spent it already; then the allowance is there all the same.
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(modelId, amount);
    }

    /// @inheritdoc ITournament
    function withdraw(uint256 modelId, uint256 amount, address to) external nonReentrant {
        _requireOwner(modelId);
        uint256 lane = laneOf(modelId);
        uint64 nano = _toNano(amount);
        Slot storage slot = _slots[lane / LANES];
        uint64 idle = slot.idle.lane(lane % LANES);
        if (nano > idle) revert InsufficientIdle(idle, nano);

        slot.idle = slot.idle.withLane(lane % LANES, idle - nano);
        liabilities -= nano;
        emit Withdrawn(modelId, to, nano);
        token.safeTransfer(to, amount);
    }

    /// @inheritdoc ITournament
    function setAllocation(uint256 modelId, uint64 allocation) external {
        _requireOwner(modelId);
        uint256 lane = laneOf(modelId);
        uint256 share = allocation ^ PayoutMath.SHARE_FLAG;
        if (allocation & PayoutMath.SHARE_FLAG != 0 && share > PayoutMath.PPM) {
            revert ShareTooLarge(share, PayoutMath.PPM);
        }

        Slot storage slot = _slots[lane / LANES];
        slot.allocation = slot.allocation.withLane(lane % LANES, allocation);
        emit AllocationSet(modelId, allocation);
    }

    /// @inheritdoc ITournament
    function fundPool(uint256 amount) external nonReentrant {
        uint64 nano = _owe(amount);
        pool += nano;
        emit PoolFunded(msg.sender, nano);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /* OPERATOR */

    /// @inheritdoc ITournament
    function openRound(uint64 openAt, uint64 closeAt, uint64 resolveAt, uint64 deadline, bytes32 rulesHash)
        external
        restricted
        whenNotPaused
        returns (uint256 roundId)
    {
        _checkSchedule(openAt, closeAt, resolveAt, deadline);

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
        r.rulesHash = rulesHash;
        emit RoundOpened(roundId, openAt, closeAt, resolveAt, deadline, rulesHash);
    }

    /// @inheritdoc ITournament
    function lock(uint256 roundId, uint256 fromSlot, bytes calldata bitmap) external restricted whenNotPaused {
        Round storage r = _rounds[roundId];
        _requireLockable(roundId, r);
        if (fromSlot < r.nextSlot) revert SlotNotAscending(fromSlot, r.nextSlot);
        uint256 slots = 2 * bitmap.length;
        if (slots > MAX_CHUNK_SLOTS) revert ChunkTooLarge(slots, MAX_CHUNK_SLOTS);
        uint256 toSlot = Math.min(fromSlot + slots, _slotCount());
        if (fromSlot >= toSlot) revert EmptyChunk(fromSlot, toSlot);

        (uint256[] memory positions, uint256 total) = _lockChunk(fromSlot, toSlot, bitmap, r.minPosition);
        r.state = RoundState.Locking;
        r.nextSlot = uint64(toSlot);
        r.atRisk += uint64(total);
        r.positionsHead = HashStack.push(r.positionsHead, fromSlot, HashStack.digestOf(positions));
        emit PositionsLocked(roundId, fromSlot, positions);
    }

    /// @inheritdoc ITournament
    function seal(uint256 roundId, bytes32 submissionsRoot) external restricted whenNotPaused {
        Round storage r = _rounds[roundId];
        _requireLockable(roundId, r);

        uint32 payoutFactor = PayoutMath.payoutFactorDown(r.atRisk, r.threshold);
        r.payoutFactor = payoutFactor;
        r.submissionsRoot = submissionsRoot;
        bool empty = r.positionsHead == 0;
        r.state = empty ? RoundState.Settled : RoundState.Sealed;
        emit RoundSealed(roundId, r.atRisk, payoutFactor, submissionsRoot);
        if (empty) emit RoundSettled(roundId, 0, 0);
    }

    /* ANYBODY */

    /// @inheritdoc ITournament
    function beginSettlement(Report calldata report) external whenNotPaused {
        uint256 roundId = report.roundId;
        Round storage r = _rounds[roundId];
        _requireState(roundId, r, RoundState.Sealed);
        if (block.timestamp < r.resolveAt) revert TooEarly(block.timestamp, r.resolveAt);
        if (report.version != VERSION) revert UnknownVersion(report.version, VERSION);
        uint256 maximum = PayoutMath.shareDown(r.atRisk, r.cap);
        if (report.totalPayout > maximum) revert PayoutAboveCap(report.totalPayout, maximum);
        bytes32 reportHash = committee.hashReport(address(this), report);
        if (!committee.isFinal(address(this), roundId, reportHash)) revert ReportNotFinal(roundId, reportHash);

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
        (uint256 payout, uint256 burn) = _settleChunk(r, fromSlot, positions, scores);
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

    /// @inheritdoc ITournament
    function pause(uint64 duration) external restricted {
        if (duration == 0) revert ZeroAmount();
        if (duration > MAX_PAUSE) revert PauseTooLong(duration, MAX_PAUSE);
        if (block.timestamp < pausableFrom) revert PauseTooSoon(block.timestamp, pausableFrom);

        pausedUntil = uint64(block.timestamp) + duration;
        pausableFrom = pausedUntil + PAUSE_COOLDOWN;
        emit Paused(msg.sender, pausedUntil);
    }

    /// @inheritdoc ITournament
    function unpause() external restricted {
        if (!paused()) revert NotPaused();

        pausedUntil = uint64(block.timestamp);
        pausableFrom = pausedUntil + PAUSE_COOLDOWN;
        emit Unpaused(msg.sender);
    }

    /// @inheritdoc ITournament
    function recoverSurplus(address to) external restricted nonReentrant returns (uint256 amount) {
        uint256 balance = token.balanceOf(address(this));
        uint256 owed = liabilities * UNIT;
        if (balance <= owed) revert NoSurplus(balance, owed);

        amount = balance - owed;
        emit SurplusRecovered(to, amount);
        token.safeTransfer(to, amount);
    }

    /* VIEWS */

    /// @inheritdoc ITournament
    function round(uint256 roundId) external view returns (Round memory) {
        return _rounds[roundId];
    }

    /// @inheritdoc ITournament
    function laneCount() external view returns (uint256) {
        return _models.length;
    }

    /// @inheritdoc ITournament
    function laneOf(uint256 modelId) public view returns (uint256) {
        uint256 lanePlusOne = _lanePlusOne[modelId];
        if (lanePlusOne == 0) revert NoLane(modelId);
        return lanePlusOne - 1;
    }

    /// @inheritdoc ITournament
    function modelAt(uint256 lane) external view returns (uint256) {
        return lane < _models.length ? _models[lane] : 0;
    }

    /// @inheritdoc ITournament
    function modelsAt(uint256 fromLane, uint256 count) external view returns (uint256[] memory models) {
        models = new uint256[](_clip(fromLane, count, _models.length));
        for (uint256 i; i < models.length; ++i) {
            models[i] = _models[fromLane + i];
        }
    }

    /// @inheritdoc ITournament
    function idleOf(uint256 modelId) external view returns (uint64) {
        (Slot storage slot, uint256 index) = _find(modelId);
        return slot.idle.lane(index);
    }

    /// @inheritdoc ITournament
    function allocationOf(uint256 modelId) external view returns (uint64) {
        (Slot storage slot, uint256 index) = _find(modelId);
        return slot.allocation.lane(index);
    }

    /// @inheritdoc ITournament
    function idleSlots(uint256 fromSlot, uint256 count) external view returns (uint256[] memory words) {
        words = new uint256[](_clip(fromSlot, count, _slotCount()));
        for (uint256 i; i < words.length; ++i) {
            words[i] = Uint64x4.unwrap(_slots[fromSlot + i].idle);
        }
    }

    /// @inheritdoc ITournament
    function allocationSlots(uint256 fromSlot, uint256 count) external view returns (uint256[] memory words) {
        words = new uint256[](_clip(fromSlot, count, _slotCount()));
        for (uint256 i; i < words.length; ++i) {
            words[i] = Uint64x4.unwrap(_slots[fromSlot + i].allocation);
        }
    }

    /// @inheritdoc ITournament
    function paused() public view returns (bool) {
        return block.timestamp < pausedUntil;
    }

    /* INTERNAL: stakes */

    function _deposit(uint256 modelId, uint256 amount) private nonReentrant whenNotPaused {
        registry.ownerOf(modelId); // reverts if there is no such model
        uint64 nano = _owe(amount);
        uint256 lane = _laneOrNew(modelId);

        Slot storage slot = _slots[lane / LANES];
        slot.idle = slot.idle.withLane(lane % LANES, slot.idle.lane(lane % LANES) + nano);
        emit Deposited(modelId, msg.sender, nano, lane);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @dev Counts `amount` wei, about to come in, as owed. Since the sum of everything fits in a lane, no lane overflows.
    function _owe(uint256 amount) private returns (uint64 nano) {
        nano = _toNano(amount);
        uint256 total = uint256(liabilities) + nano;
        if (total > MAX_LIABILITIES) revert LiabilitiesTooLarge(total, MAX_LIABILITIES);
        liabilities = uint64(total);
    }

    function _toNano(uint256 amount) private pure returns (uint64) {
        if (amount == 0) revert ZeroAmount();
        if (amount % UNIT != 0) revert DustAmount(amount, UNIT);
        uint256 nano = amount / UNIT;
        if (nano > MAX_LIABILITIES) revert LiabilitiesTooLarge(nano, MAX_LIABILITIES);
        return uint64(nano);
    }

    function _laneOrNew(uint256 modelId) private returns (uint256) {
        uint256 lanePlusOne = _lanePlusOne[modelId];
        if (lanePlusOne == 0) {
            _models.push(modelId);
            lanePlusOne = _models.length;
            _lanePlusOne[modelId] = lanePlusOne;
        }
        return lanePlusOne - 1;
    }

    /* INTERNAL: rounds */

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
                Slot storage slot = _slots[fromSlot + i];
                Uint64x4 allocation = slot.allocation.masked(mask);
                if (allocation.isZero()) continue;
                Uint64x4 idle = slot.idle;
                Uint64x4 taken = PayoutMath.positionsOf(idle, allocation, smallest);
                if (taken.isZero()) continue;
                slot.idle = idle.minus(taken);
                positions[i] = Uint64x4.unwrap(taken);
                totals += Uint64x4.unwrap(taken);
            }
        }
        total = Uint64x4.wrap(totals).sum();
    }

    /// @dev Moves the chunk's positions, with payouts and burns, back to idle.
    function _settleChunk(Round storage r, uint256 fromSlot, uint256[] calldata positions, bytes calldata scores)
        private
        returns (uint256 payout, uint256 burn)
    {
        (uint256 factor, uint256 limit) = (r.payoutFactor, r.cap);
        bool short = r.reserved < r.totalPayout;
        uint256 payouts;
        uint256 burns;
        // The stack holds no slot beyond those in use. Payouts and burns are at most the positions, which are part of
        // liabilities: no lane of their sums overflows. A lane of position + payout could only where more is paid than
        // was reserved, which `_account` refuses.
        unchecked {
            for (uint256 i; i < positions.length; ++i) {
                uint256 word = positions[i];
                if (word == 0) continue;
                (Uint64x4 paid, Uint64x4 burned) =
                    PayoutMath.outcomeOf(Uint64x4.wrap(word), PayoutMath.scoresAt(scores, i), factor, limit);
                if (short) paid = PayoutMath.scaledDown(paid, r.reserved, r.totalPayout);
                word += Uint64x4.unwrap(paid) - Uint64x4.unwrap(burned);
                Slot storage slot = _slots[fromSlot + i];
                slot.idle = slot.idle.plus(Uint64x4.wrap(word));
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
            Slot storage slot = _slots[fromSlot + i];
            slot.idle = slot.idle.plus(Uint64x4.wrap(positions[i]));
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

    /// @dev Gives the unused reserve back to the pool and sends off what burned. Nothing to do before settlement began.
    function _close(Round storage r) private {
        uint64 unused = r.reserved - r.paid;
        uint64 burned = r.burned;
        reserved -= unused;
        pool += unused;
        liabilities -= burned;
        if (burned != 0) token.safeTransfer(burnSink, burned * UNIT);
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

    function _requireNotPaused() private view {
        if (paused()) revert TournamentPaused(pausedUntil);
    }

    function _requireOwner(uint256 modelId) private view {
        address owner = registry.ownerOf(modelId);
        if (msg.sender != owner) revert NotModelOwner(modelId, owner, msg.sender);
    }

    function _requireState(uint256 roundId, Round storage r, RoundState expected) private view {
        if (r.state != expected) revert WrongState(roundId, r.state, expected);
    }

    /// @dev `closeAt` ... `end` is when positions may be locked and the round sealed.
    function _lockEnd(Round storage r) private view returns (uint256) {
        return r.closeAt + Math.min(LOCK_WINDOW, (r.resolveAt - r.closeAt) / LOCK_DIVISOR);
    }

    function _requireLockable(uint256 roundId, Round storage r) private view {
        if (r.state != RoundState.Locking) _requireState(roundId, r, RoundState.Open);
        if (block.timestamp < r.closeAt) revert TooEarly(block.timestamp, r.closeAt);
        uint256 end = _lockEnd(r);
        if (block.timestamp >= end) revert TooLate(block.timestamp, end);
    }

    function _requireVoidable(uint256 roundId, Round storage r) private view {
        RoundState state = r.state;
        if (state == RoundState.Sealed) return _requireNoReport(roundId, r.deadline);
        uint256 from;
        if (state == RoundState.Open || state == RoundState.Locking) from = _lockEnd(r);
        else if (state == RoundState.Settling) from = r.settlementBeganAt + SETTLEMENT_GRACE;
        else revert WrongState(roundId, state, RoundState.Sealed);
        if (block.timestamp < from) revert TooEarly(block.timestamp, from);
    }

    /// @dev Past `end` the committee is not asked any more: not even one that fails to answer keeps stakes locked.
    function _requireNoReport(uint256 roundId, uint256 deadline) private view {
        uint256 end = deadline + SETTLEMENT_GRACE;
        if (block.timestamp >= end || committee.hasExpired(address(this), roundId)) return;
        if (block.timestamp < deadline) revert TooEarly(block.timestamp, deadline);
        if (committee.hasStandingReport(address(this), roundId)) revert ReportStands(roundId, end);
    }

    function _checkSchedule(uint64 openAt, uint64 closeAt, uint64 resolveAt, uint64 deadline) private view {
        if (block.timestamp > closeAt || openAt >= closeAt || closeAt >= resolveAt || resolveAt >= deadline) {
            revert ScheduleNotAscending(block.timestamp, openAt, closeAt, resolveAt, deadline);
        }
        if (openAt > block.timestamp) _checkPeriod(openAt - block.timestamp, MAX_AHEAD);
        _checkPeriod(closeAt - openAt, MAX_SUBMISSION);
        _checkPeriod(resolveAt - closeAt, MAX_SCORING);
        _checkPeriod(deadline - resolveAt, MAX_REPORTING);
        (uint256 notice, uint256 minimum) = (closeAt - block.timestamp, (deadline - closeAt) / NOTICE_DIVISOR);
        if (notice < minimum) revert NoticeTooShort(notice, minimum);
    }

    function _checkPeriod(uint256 period, uint256 maximum) private pure {
        if (period > maximum) revert PeriodTooLong(period, maximum);
    }

    /* INTERNAL: reading lanes */

    function _slotCount() private view returns (uint256) {
        return Math.ceilDiv(_models.length, LANES);
    }

    /// @dev Where the model's lane is. A model that has none is found past every lane in use, where all is zero.
    function _find(uint256 modelId) private view returns (Slot storage slot, uint256 index) {
        uint256 lanePlusOne = _lanePlusOne[modelId];
        uint256 lane = lanePlusOne == 0 ? _slots.length * LANES - 1 : lanePlusOne - 1;
        return (_slots[lane / LANES], lane % LANES);
    }

    /// @dev How many of `count` items from `from` on exist.
    function _clip(uint256 from, uint256 count, uint256 length) private pure returns (uint256) {
        return from < length ? Math.min(count, length - from) : 0;
    }
}
