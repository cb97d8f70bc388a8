// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IModelRegistry} from "./IModelRegistry.sol";
import {IOracleCommittee} from "./IOracleCommittee.sol";
import {Report} from "./Report.sol";

/// @title ITournament
/// @notice Stakes on models, and rounds that put part of them at risk.
///
/// Units: wei (uint256) where tokens move, always a multiple of 1e9; nano-NMR (uint64, 1e9 wei) everywhere inside;
/// ppm (1e6 is 100 %) for shares, scores, rates, caps and factors; seconds since 1970 for times.
///
/// A model's stake lies in its *lane*, assigned at its first deposit. Lane n is lane n % 4 of slot n / 4; lane i of a slot's
/// word occupies bits [64*i, 64*i + 64). Idle stake is liquid at all times. A lock moves stake from idle into a position of
/// a round; positions are not stored but pushed, chunk by chunk, on the round's hash stack and published in an event.
///
/// A round's life:
///
///     openRound        lock          seal            beginSettlement      last chunk settled
///     None -> Open ------> Locking ------> Sealed ----------------> Settling ----------> Settled
///               |             |               |                        |
///               |             |               | deadline passed, no    | 30 days passed: the rest
///               |             |               | report stands (or one  | of the chunks cannot be
///               |  lock window passed,        | stood unused 30 days), | settled as reported
///               |  not sealed                 | or a dispute expired   |
///               +-------------+-------+-------+------------------------+
///                                     v  voidRound (anybody)
///                                   Voided: `settle` returns every position that is left, whole
///
/// An Open round in which nothing is locked goes from Open to Settled when it is sealed.
interface ITournament {
    /// @dev See the diagram above.
    enum RoundState {
        None,
        Open,
        Locking,
        Sealed,
        Settling,
        Settled,
        Voided
    }

    /// @param state see `RoundState`.
    /// @param openAt submissions are taken from here, seconds.
    /// @param closeAt submissions end and locking begins, seconds.
    /// @param resolveAt the outcome is known; locking has ended, and reports may be made, seconds.
    /// @param cap largest |rate| of payout and burn, ppm. Frozen at opening.
    /// @param deadline without a report until here the round can be voided, seconds.
    /// @param threshold stake at risk above which the payout factor falls below 1, nano-NMR. Frozen at opening.
    /// @param minPosition smaller positions are not locked, nano-NMR. Frozen at opening.
    /// @param payoutFactor min(1, threshold / atRisk), ppm. Zero until sealed.
    /// @param atRisk sum of all positions locked, nano-NMR.
    /// @param reserved what the pool set aside for the round's payouts, nano-NMR. Kept after the round for the record.
    /// @param totalPayout the report's, nano-NMR. Above `reserved` the pool was short.
    /// @param totalBurn the report's, nano-NMR.
    /// @param paid payouts of the chunks settled so far, nano-NMR.
    /// @param burned burns of the chunks settled so far, nano-NMR.
    /// @param nextSlot first slot that a further chunk may begin at.
    /// @param settlementBeganAt when the report was taken, seconds.
    /// @param rulesHash hash of the round's rules document.
    /// @param submissionsRoot commits to every (modelId, contentHash).
    /// @param positionsHead head of the hash stack of position chunks not yet settled.
    /// @param scoresHead head of the hash stack of score chunks not yet settled.
    struct Round {
        RoundState state;
        uint64 openAt;
        uint64 closeAt;
        uint64 resolveAt;
        uint32 cap;
        uint64 deadline;
        uint64 threshold;
        uint64 minPosition;
        uint32 payoutFactor;
        uint64 atRisk;
        uint64 reserved;
        uint64 totalPayout;
        uint64 totalBurn;
        uint64 paid;
        uint64 burned;
        uint64 nextSlot;
        uint64 settlementBeganAt;
        bytes32 rulesHash;
        bytes32 submissionsRoot;
        bytes32 positionsHead;
        bytes32 scoresHead;
    }

    /* EVENTS: amounts in nano-NMR unless said otherwise */

    event Deposited(uint256 indexed modelId, address indexed from, uint64 amount, uint256 lane);
    event Withdrawn(uint256 indexed modelId, address indexed to, uint64 amount);
    /// @notice Encoded as in `setAllocation`.
    event AllocationSet(uint256 indexed modelId, uint64 allocation);
    event PoolFunded(address indexed from, uint64 amount);
    event RoundOpened(
        uint256 indexed roundId, uint64 openAt, uint64 closeAt, uint64 resolveAt, uint64 deadline, bytes32 rulesHash
    );
    /// @notice One word of four lanes for each slot from `fromSlot` on. Keep them: `settle` asks for them again.
    event PositionsLocked(uint256 indexed roundId, uint256 fromSlot, uint256[] positions);
    event RoundSealed(uint256 indexed roundId, uint64 atRisk, uint32 payoutFactor, bytes32 submissionsRoot);
    event SettlementBegan(uint256 indexed roundId, bytes32 reportHash, uint64 reserved);
    /// @notice `scores` as in `settle`; empty when the chunk of a void round was returned.
    event ChunkSettled(uint256 indexed roundId, uint256 fromSlot, uint64 payout, uint64 burn, bytes scores);
    event RoundSettled(uint256 indexed roundId, uint64 paid, uint64 burned);
    /// @notice `paid` and `burned` by chunks that were settled before.
    event RoundVoided(uint256 indexed roundId, uint64 paid, uint64 burned);
    event ParametersSet(uint32 cap, uint64 threshold, uint64 minPosition);
    event Paused(address indexed caller, uint64 until);
    event Unpaused(address indexed caller);
    /// @notice `amount` in wei.
    event SurplusRecovered(address indexed to, uint256 amount);

    /* ERRORS */

    error ZeroBurnSink();
    error ZeroAmount();
    /// @notice The amount is not a multiple of `unit` wei.
    error DustAmount(uint256 amount, uint256 unit);
    /// @notice The tournament would owe more than fits in a lane, nano-NMR.
    error LiabilitiesTooLarge(uint256 liabilities, uint256 maximum);
    error NotModelOwner(uint256 modelId, address owner, address caller);
    /// @notice The model never had a deposit.
    error NoLane(uint256 modelId);
    error InsufficientIdle(uint256 idle, uint256 amount);
    error ShareTooLarge(uint256 share, uint256 maximum);
    error TournamentPaused(uint256 until);
    error WrongState(uint256 roundId, RoundState state, RoundState expected);
    /// @notice Times must satisfy now <= closeAt and openAt < closeAt < resolveAt < deadline.
    error ScheduleNotAscending(uint256 timestamp, uint64 openAt, uint64 closeAt, uint64 resolveAt, uint64 deadline);
    error PeriodTooLong(uint256 period, uint256 maximum);
    error NoticeTooShort(uint256 notice, uint256 minimum);
    error TooEarly(uint256 timestamp, uint256 notBefore);
    error TooLate(uint256 timestamp, uint256 before);
    error SlotNotAscending(uint256 fromSlot, uint256 nextSlot);
    /// @notice The chunk covers no slot in use: `fromSlot` to `toSlot`.
    error EmptyChunk(uint256 fromSlot, uint256 toSlot);
    error ChunkTooLarge(uint256 slots, uint256 maximum);
    error UnknownVersion(uint256 version, uint256 expected);
    error ReportNotFinal(uint256 roundId, bytes32 reportHash);
    error PayoutAboveCap(uint256 totalPayout, uint256 maximum);
    error ScoresLengthMismatch(uint256 length, uint256 expected);
    error PaidAboveReserved(uint256 paid, uint256 reserved);
    error BurnedAboveReport(uint256 burned, uint256 totalBurn);
    /// @notice All positions are settled and score chunks are left over.
    error ScoresLeftOver(bytes32 scoresHead);
    /// @notice A report of the round stands until it is settled or `voidableAt` passes.
    error ReportStands(uint256 roundId, uint256 voidableAt);
    error ParameterTooLarge(uint256 value, uint256 maximum);
    error PauseTooLong(uint256 duration, uint256 maximum);
    error PauseTooSoon(uint256 timestamp, uint256 notBefore);
    error NotPaused();
    error NoSurplus(uint256 balance, uint256 liabilities);

    /* STAKERS */

    /// @notice Adds `amount` wei to the model's idle stake, from the caller. Anybody may deposit for a model.
    /// @dev Reverts if:
    /// - the tournament is paused (`TournamentPaused`);
    /// - the model does not exist (`ERC721NonexistentToken`);
    /// - `amount` is zero (`ZeroAmount`) or no multiple of 1e9 (`DustAmount`);
    /// - all liabilities together would not fit in a lane (`LiabilitiesTooLarge`);
    /// - the token refuses the transfer.
    function deposit(uint256 modelId, uint256 amount) external;

    /// @notice `deposit` after the token's permit. A failing permit does not matter when the allowance suffices: somebody
    /// may have sent the same permit before.
    /// @dev Reverts as `deposit` does.
    function depositWithPermit(uint256 modelId, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;

    /// @notice Sends `amount` wei of the model's idle stake to `to`. By the model's owner, in every state, paused or not.
    /// @dev Reverts if:
    /// - the model does not exist (`ERC721NonexistentToken`) or is not the caller's (`NotModelOwner`);
    /// - the model never had a deposit (`NoLane`);
    /// - `amount` is zero (`ZeroAmount`), no multiple of 1e9 (`DustAmount`) or above idle (`InsufficientIdle`);
    /// - the token refuses the transfer.
    function withdraw(uint256 modelId, uint256 amount, address to) external;

    /// @notice Sets what the model puts at risk in each round from now on. By the model's owner.
    /// @param allocation top bit (1 << 63) clear: nano-NMR, at most what is idle. Top bit set: the low bits are a share of
    /// idle in ppm, at most 1e6. Zero: nothing, the model leaves as its rounds settle.
    /// @dev Reverts if the model does not exist (`ERC721NonexistentToken`), is not the caller's (`NotModelOwner`) or never
    /// had a deposit (`NoLane`), or a share exceeds 1e6 (`ShareTooLarge`).
    function setAllocation(uint256 modelId, uint64 allocation) external;

    /// @notice Adds `amount` wei to the pool that payouts come from. Anybody may.
    /// @dev Reverts if `amount` is zero (`ZeroAmount`) or no multiple of 1e9 (`DustAmount`), if all liabilities together
    /// would not fit in a lane (`LiabilitiesTooLarge`), or the token refuses the transfer.
    function fundPool(uint256 amount) external;

    /* OPERATOR */

    /// @notice Opens a round under the current parameters, which are frozen in it. Restricted.
    /// @dev Reverts if:
    /// - the tournament is paused (`TournamentPaused`);
    /// - the times are out of order or closed already (`ScheduleNotAscending`);
    /// - opening lies more than MAX_AHEAD from now, or submission, scoring or reporting would last longer than their
    ///   maxima (`PeriodTooLong`);
    /// - closeAt comes sooner than (deadline - closeAt) / NOTICE_DIVISOR from now (`NoticeTooShort`).
    /// @return roundId counts from 1.
    function openRound(uint64 openAt, uint64 closeAt, uint64 resolveAt, uint64 deadline, bytes32 rulesHash)
        external
        returns (uint256 roundId);

    /// @notice Locks the positions of one chunk of slots. Restricted.
    /// A position is min(allocation, idle), or the allocated share of idle rounded down; below `minPosition` it is zero.
    /// @param fromSlot first slot of the chunk, not below the previous chunk's end. Slots in between stay out of the round.
    /// @param bitmap bit b of byte k, least significant first, stands for lane 4*fromSlot + 8*k + b: set, the model takes
    /// part. The chunk covers slots fromSlot to min(fromSlot + 2*bitmap.length, slots in use).
    /// @dev Only in closeAt <= now < closeAt + min(LOCK_WINDOW, (resolveAt - closeAt) / LOCK_DIVISOR): an operator who waits
    /// until the outcome shows must find the door shut. A deposit between close and lock may count.
    /// Reverts if:
    /// - the tournament is paused (`TournamentPaused`);
    /// - the round is neither Open nor Locking (`WrongState`);
    /// - it is before (`TooEarly`) or after (`TooLate`) the window;
    /// - the chunk begins before the previous one's end (`SlotNotAscending`) or covers nothing (`EmptyChunk`);
    /// - the bitmap is for more than MAX_CHUNK_SLOTS slots (`ChunkTooLarge`), which might be too many to settle at once.
    function lock(uint256 roundId, uint256 fromSlot, bytes calldata bitmap) external;

    /// @notice Ends locking: fixes stake at risk and payout factor. Restricted. Same window as `lock`.
    /// @dev Reverts if:
    /// - the tournament is paused (`TournamentPaused`);
    /// - the round is neither Open nor Locking (`WrongState`);
    /// - it is before (`TooEarly`) or after (`TooLate`) the window.
    function seal(uint256 roundId, bytes32 submissionsRoot) external;

    /* ANYBODY */

    /// @notice Takes the round's final report and reserves its payouts: min(pool, totalPayout). Anybody may.
    /// @dev Reverts if:
    /// - the tournament is paused (`TournamentPaused`);
    /// - the round is not Sealed (`WrongState`) or not resolved yet (`TooEarly`);
    /// - the report is of another version (`UnknownVersion`) or not final at the committee (`ReportNotFinal`);
    /// - it pays more than the cap on all that is at risk (`PayoutAboveCap`).
    function beginSettlement(Report calldata report) external;

    /// @notice Settles the chunk on top of both stacks: the one locked last of those left. Anybody may.
    /// For each model rate = score * payoutFactor / 1e6, truncated toward zero and clipped to +-cap; payout and burn are
    /// position * |rate| / 1e6, rounded down; a short pool scales each payout by reserved / totalPayout, rounded down.
    /// In a Voided round every position is returned whole; `scores` is then empty and `previousScoresHead` not looked at.
    /// The last chunk sends what burned to the sink and the unused reserve back to the pool, and the round is Settled.
    /// @param positions the chunk's words, as published in `PositionsLocked`.
    /// @param previousPositionsHead, previousScoresHead the heads before the chunk was pushed.
    /// @param scores 12 bytes a slot: a big-endian 96-bit word, lane i an int24 of ppm at bits [24*i, 24*i + 24).
    /// @dev Reverts if:
    /// - the round is neither Settling nor Voided (`WrongState`);
    /// - it is Settling and the tournament is paused (`TournamentPaused`): what is void returns also then;
    /// - `positions` is not the chunk on top (`HashStack.NotTopOfStack`), or `scores` is not;
    /// - `scores` has a length other than 12 bytes a slot, or of zero in a void round (`ScoresLengthMismatch`);
    /// - the round's payouts would exceed its reserve (`PaidAboveReserved`), or its burns the report's (`BurnedAboveReport`);
    /// - the last chunk leaves scores over (`ScoresLeftOver`).
    function settle(
        uint256 roundId,
        uint256 fromSlot,
        bytes32 previousPositionsHead,
        uint256[] calldata positions,
        bytes32 previousScoresHead,
        bytes calldata scores
    ) external;

    /// @notice Gives a round up, so that its positions return whole. Anybody may, also while paused.
    /// @dev Allowed when:
    /// - Open or Locking, and the lock window has passed: it can no longer be sealed;
    /// - Sealed, and a dispute of its report expired at the committee: there will be no report, and no need to wait;
    /// - Sealed, the deadline has passed, and no report stands at the committee. A report that stands may still settle,
    ///   for SETTLEMENT_GRACE after the deadline; then the committee is not asked any more;
    /// - Settling, for SETTLEMENT_GRACE: the report cannot be settled. Chunks settled before keep their outcome.
    /// Reverts if it is in another state (`WrongState`), too early (`TooEarly`), or a report stands (`ReportStands`).
    function voidRound(uint256 roundId) external;

    /* ADMINISTRATION */

    /// @notice Sets what rounds opened from now on are bound to. Restricted.
    /// @param newCap ppm, at most 1e6.
    /// @param newThreshold nano-NMR; any value: the payout factor never exceeds 1.
    /// @param newMinPosition nano-NMR, at most MAX_MIN_POSITION.
    /// @dev Reverts if a value exceeds its maximum (`ParameterTooLarge`).
    function setParameters(uint32 newCap, uint64 newThreshold, uint64 newMinPosition) external;

    /// @notice Stops deposits, opening, locking, sealing, and settling by report, for `duration` seconds. It ends by itself,
    /// and the next pause must wait for PAUSE_COOLDOWN after it. Never stops withdraw, setAllocation, fundPool, voidRound
    /// or what a void round returns. Restricted.
    /// @dev Reverts if `duration` is zero (`ZeroAmount`) or exceeds MAX_PAUSE (`PauseTooLong`), or if the last pause ended
    /// less than PAUSE_COOLDOWN ago or still runs (`PauseTooSoon`).
    function pause(uint64 duration) external;

    /// @notice Ends a pause. Restricted.
    /// @dev Reverts if there is none (`NotPaused`).
    function unpause() external;

    /// @notice Sends what the tournament holds above its liabilities (tokens sent by mistake) to `to`. Restricted.
    /// @dev Reverts if there is no surplus (`NoSurplus`).
    /// @return amount wei.
    function recoverSurplus(address to) external returns (uint256 amount);

    /* VIEWS */

    /// @notice A round; all zero if it does not exist.
    function round(uint256 roundId) external view returns (Round memory);

    /// @notice Number of rounds ever opened. The last id.
    function roundCount() external view returns (uint256);

    /// @notice Number of lanes in use. A slot holds four.
    function laneCount() external view returns (uint256);

    /// @notice Reverts if the model never had a deposit (`NoLane`).
    function laneOf(uint256 modelId) external view returns (uint256);

    /// @notice The model in a lane; zero if the lane is not in use.
    function modelAt(uint256 lane) external view returns (uint256 modelId);

    /// @notice The models of `count` lanes from `fromLane` on; fewer where lanes in use end.
    function modelsAt(uint256 fromLane, uint256 count) external view returns (uint256[] memory);

    /// @notice The model's liquid stake, nano-NMR; zero if it never had a deposit.
    function idleOf(uint256 modelId) external view returns (uint64);

    /// @notice Encoded as in `setAllocation`; zero if the model never had a deposit.
    function allocationOf(uint256 modelId) external view returns (uint64);

    /// @notice The packed words of `count` slots from `fromSlot` on; fewer where slots in use end.
    function idleSlots(uint256 fromSlot, uint256 count) external view returns (uint256[] memory);

    /// @notice As `idleSlots`.
    function allocationSlots(uint256 fromSlot, uint256 count) external view returns (uint256[] memory);

    /// @notice What payouts may still be reserved from, nano-NMR.
    function pool() external view returns (uint64);

    /// @notice Reserved for payouts of rounds that are settling and not paid yet, nano-NMR.
    function reserved() external view returns (uint64);

    /// @notice All that the tournament owes, nano-NMR: pool, reserved, idle, and positions of rounds not settled yet
    /// (with what burned of them until the round's last chunk sends it off).
    function liabilities() external view returns (uint64);

    /// @notice Parameters of rounds opened from now on: ppm, nano-NMR, nano-NMR.
    function cap() external view returns (uint32);
    function threshold() external view returns (uint64);
    function minPosition() external view returns (uint64);

    function paused() external view returns (bool);

    /// @notice When the current or last pause ends, seconds.
    function pausedUntil() external view returns (uint64);

    /// @notice Earliest time of the next pause, seconds.
    function pausableFrom() external view returns (uint64);

    function token() external view returns (IERC20);
    function registry() external view returns (IModelRegistry);
    function committee() external view returns (IOracleCommittee);
    function burnSink() external view returns (address);

    /// @notice Version of reports and rounds.
    function VERSION() external view returns (uint256);
}
