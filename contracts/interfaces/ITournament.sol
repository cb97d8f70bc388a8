// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBoundedPause} from "./IBoundedPause.sol";
import {IDemands} from "./IDemands.sol";
import {IOracleCommittee} from "./IOracleCommittee.sol";
import {IRoundWindows} from "./IRoundWindows.sol";
import {IStakeLedger} from "./IStakeLedger.sol";
import {Report} from "./Report.sol";

/// @title ITournament
/// @notice Stakes on models, and rounds that put part of them at risk.
///
/// Units: wei (uint256) where tokens move, always a multiple of `unit`; nano-NMR (uint64, `unit` wei) everywhere inside;
/// ppm (1e6 is 100 %) for shares, scores, rates, caps and factors; seconds since 1970 for times.
///
/// A lock moves stake from a model's idle stake (see IStakeLedger) into a position of a round; positions are not stored but
/// pushed, chunk by chunk, on the round's hash stack and published in an event.
///
/// A round's life:
///
///     openRound        lock         endLock           seal            beginSettlement      last chunk settled
///     None -> Open ------> Locking --------> Locked ------> Sealed ----------------> Settling ----------> Settled
///               |             |                 |              |                        |
///               |             |                 |              | deadline passed, no    | 30 days passed: the rest
///               |             |                 |              | report stands (or one  | of the chunks cannot be
///               |   lock window passed,         |              | stood unused 30 days), | settled as reported
///               |   not sealed                  |              | or a dispute expired   |
///               +-------------+--------+--------+--------------+------------------------+
///                                      v  voidRound (anybody)
///                                    Voided: `settle` returns every position that is left, whole
///
/// An Open round in which nothing is to be locked goes from Open to Locked, and to Settled when it is sealed.
interface ITournament is IStakeLedger, IRoundWindows, IBoundedPause {
    /// @dev See the diagram above.
    enum RoundState {
        None,
        Open,
        Locking,
        Locked,
        Sealed,
        Settling,
        Settled,
        Voided
    }

    /// @notice What a round is bound to from its opening on.
    /// @param rulesHash hash of the round's rules document.
    /// @param termsHash hash of the round's terms in numbers, for contracts that judge its scores; opaque here. Zero: none.
    /// @param universe digest of the ids that submissions predict.
    struct Commitments {
        bytes32 rulesHash;
        bytes32 termsHash;
        bytes32 universe;
    }

    /// @param state see `RoundState`.
    /// @param openAt submissions are taken from here, seconds.
    /// @param closeAt submissions end and locking begins, seconds.
    /// @param resolveAt the outcome is known; locking has ended, and reports may be made, seconds.
    /// @param cap largest |rate| of payout and burn, ppm. Frozen at opening.
    /// @param deadline without a report until here the round can be voided, seconds.
    /// @param memberSetId the committee's member set at opening: who seals and reports the round, whoever comes or goes.
    /// @param threshold stake at risk above which the payout factor falls below 1, nano-NMR. Frozen at opening.
    /// @param payoutFactor min(1, threshold / validAtRisk), ppm. Zero until sealed.
    /// @param atRisk sum of all positions locked, nano-NMR.
    /// @param validAtRisk sum of the positions whose submission counts, nano-NMR. Zero until sealed.
    /// @param reserved what the pool set aside for the round's payouts, nano-NMR. Kept after the round for the record.
    /// @param totalPayout the report's, nano-NMR. Above `reserved` the pool was short.
    /// @param totalBurn the report's, nano-NMR.
    /// @param paid payouts of the chunks settled so far, nano-NMR.
    /// @param burned burns of the chunks settled so far, nano-NMR.
    /// @param settlementBeganAt when the report was taken, seconds.
    /// @param minPosition smaller positions are not locked, nano-NMR. Frozen at opening.
    /// @param firstSlot, nextSlot every slot locked so far lies from the first to before the next. A further chunk lies
    /// outside, on either side. Both zero until something is locked.
    /// @param rulesHash, termsHash, universe see `Commitments`.
    /// @param submissionsRoot commits to every submission, what of it was signed, and whether it counts.
    /// @param positionsHead head of the hash stack of position chunks not yet settled.
    /// @param scoresHead head of the hash stack of score chunks not yet settled.
    struct Round {
        // What the committee reads of a round to take a vote lies in the first two words.
        RoundState state;
        uint64 openAt;
        uint64 closeAt;
        uint64 resolveAt;
        uint32 cap;
        uint64 deadline;
        uint64 memberSetId;
        uint64 threshold;
        uint32 payoutFactor;
        uint64 atRisk;
        uint64 validAtRisk;
        uint64 reserved;
        uint64 totalPayout;
        uint64 totalBurn;
        uint64 paid;
        uint64 burned;
        uint64 settlementBeganAt;
        // What locking a chunk reads and writes, besides state and sums.
        uint64 minPosition;
        uint64 firstSlot;
        uint64 nextSlot;
        bytes32 rulesHash;
        bytes32 termsHash;
        bytes32 universe;
        bytes32 submissionsRoot;
        bytes32 positionsHead;
        bytes32 scoresHead;
    }

    /* EVENTS: amounts in nano-NMR unless said otherwise */

    event RoundOpened(
        uint256 indexed roundId,
        uint64 openAt,
        uint64 closeAt,
        uint64 resolveAt,
        uint64 deadline,
        Commitments commitments
    );
    /// @notice One word of four lanes for each slot from `fromSlot` on. Keep them: `settle` asks for them again.
    event PositionsLocked(uint256 indexed roundId, uint256 fromSlot, uint256[] positions);
    /// @notice All positions of the round are locked: nothing is pushed on `positionsHead` any more.
    event LockEnded(uint256 indexed roundId, bytes32 positionsHead, uint64 atRisk);
    event RoundSealed(
        uint256 indexed roundId, uint64 atRisk, uint64 validAtRisk, uint32 payoutFactor, bytes32 submissionsRoot
    );
    event SettlementBegan(uint256 indexed roundId, bytes32 reportHash, uint64 reserved);
    /// @notice `scores` as in `settle`; empty when the chunk of a void round was returned.
    event ChunkSettled(uint256 indexed roundId, uint256 fromSlot, uint64 payout, uint64 burn, bytes scores);
    event RoundSettled(uint256 indexed roundId, uint64 paid, uint64 burned);
    /// @notice `paid` and `burned` by chunks that were settled before.
    event RoundVoided(uint256 indexed roundId, uint64 paid, uint64 burned);
    event ParametersSet(uint32 cap, uint64 threshold, uint64 minPosition);

    /* ERRORS */

    error WrongState(uint256 roundId, RoundState state, RoundState expected);
    error TooEarly(uint256 timestamp, uint256 notBefore);
    error TooLate(uint256 timestamp, uint256 before);
    /// @notice The chunk, `fromSlot` to `toSlot`, is not wholly outside of what is locked, `firstSlot` to `nextSlot`.
    error SlotsLockedBefore(uint256 fromSlot, uint256 toSlot, uint256 firstSlot, uint256 nextSlot);
    /// @notice The chunk covers no slot in use: `fromSlot` to `toSlot`.
    error EmptyChunk(uint256 fromSlot, uint256 toSlot);
    /// @notice More is said to be valid than the round locked, nano-NMR.
    error ValidAboveAtRisk(uint256 validAtRisk, uint256 atRisk);
    error ChunkTooLarge(uint256 slots, uint256 maximum);
    error UnknownVersion(uint256 version, uint256 expected);
    error ReportNotFinal(uint256 roundId, bytes32 reportHash);
    /// @notice The pool cannot pay the report. Whoever funds it has until `until`; then it is shared by the winners.
    error PoolShort(uint256 pool, uint256 totalPayout, uint256 until);
    error PayoutAboveCap(uint256 totalPayout, uint256 maximum);
    error ScoresLengthMismatch(uint256 length, uint256 expected);
    error PaidAboveReserved(uint256 paid, uint256 reserved);
    error BurnedAboveReport(uint256 burned, uint256 totalBurn);
    /// @notice All positions are settled and score chunks are left over.
    error ScoresLeftOver(bytes32 scoresHead);
    /// @notice A report of the round stands until it is settled or `voidableAt` passes.
    error ReportStands(uint256 roundId, uint256 voidableAt);
    error ParameterTooLarge(uint256 value, uint256 maximum);

    /* OPERATOR */

    /// @notice Opens a round under the current parameters, which are frozen in it. Restricted.
    /// @dev Reverts if:
    /// - the tournament is paused (`TournamentPaused`);
    /// - the times are out of order or closed already (`ScheduleNotAscending`);
    /// - opening lies more than MAX_AHEAD from now, or submission, scoring or reporting would last longer than their
    ///   maxima (`PeriodTooLong`);
    /// - the lock window, min(lockWindow, (resolveAt - closeAt) / LOCK_DIVISOR), is shorter than leastLockWindow
    ///   (`LockWindowTooShort`);
    /// - closeAt comes sooner than max(leastNotice, (deadline - closeAt) / NOTICE_DIVISOR) from now (`NoticeTooShort`).
    /// The committee's member set of the day is the round's, to seal it and to report on it, whoever comes or goes.
    /// @return roundId counts from 1.
    function openRound(
        uint64 openAt,
        uint64 closeAt,
        uint64 resolveAt,
        uint64 deadline,
        Commitments calldata commitments
    ) external returns (uint256 roundId);

    /// @notice Locks the positions of one chunk of slots. Restricted.
    /// A position is min(allocation, idle), or the allocated share of idle rounded down; below `minPosition` it is zero.
    /// `settle` takes the chunk locked last first: a round that is locked upwards is settled downwards, while the next one
    /// is locked downwards, and so on in turn, so that each chunk can be settled and locked in one transaction.
    /// @param fromSlot first slot of the chunk, which lies wholly above or wholly below all that is locked. Slots in between
    /// stay out of the round.
    /// @param bitmap bit b of byte k, least significant first, stands for lane 4*fromSlot + 8*k + b: set, the model takes
    /// part. The chunk covers slots fromSlot to min(fromSlot + 2*bitmap.length, slots in use).
    /// @dev Only in closeAt <= now < lockEnd: an operator who waits until the outcome shows must find the door shut.
    /// A deposit between close and lock may count.
    /// Reverts if:
    /// - the tournament is paused (`TournamentPaused`);
    /// - the round is neither Open nor Locking (`WrongState`);
    /// - it is before (`TooEarly`) or after (`TooLate`) the window;
    /// - the chunk is not wholly outside of what is locked (`SlotsLockedBefore`) or covers nothing (`EmptyChunk`);
    /// - the bitmap is for more than MAX_CHUNK_SLOTS slots (`ChunkTooLarge`), which might be too many to settle at once.
    function lock(uint256 roundId, uint256 fromSlot, bytes calldata bitmap) external;

    /// @notice Says that all is locked: from here on no chunk of the round can be. Restricted. Same window as `lock`.
    /// Members of the committee read, judge and sign nothing before: whoever might learn from them what was predicted finds
    /// that stakes cannot be chosen any more.
    /// @dev Reverts if:
    /// - the tournament is paused (`TournamentPaused`);
    /// - the round is neither Open nor Locking (`WrongState`);
    /// - it is before (`TooEarly`) or after (`TooLate`) the window.
    function endLock(uint256 roundId) external;

    /* ANYBODY */

    /// @notice Fixes what was submitted, which of it counts, and the payout factor, by signatures of a quorum of the round's
    /// members. Anybody may, before the window of `lock` ends.
    /// The members sign the head of all positions that were locked. Positions whose submission does not count come back whole.
    /// @param submissionsRoot the Merkle root of all submissions with the verdict on each, in the order of models; a leaf is
    /// keccak256(keccak256(abi.encode(modelId, contentHash, ciphertextHash, keccak256(signature), verdict))).
    /// @param validAtRisk the positions of all models whose submission counts, nano-NMR. What does not count dilutes nobody:
    /// the payout factor is min(1, threshold / validAtRisk).
    /// @param signers, signatures as `ICommitteeSeals.recordSeal` takes them.
    /// @dev Reverts if:
    /// - the tournament is paused (`TournamentPaused`);
    /// - the round is not Locked (`WrongState`), or the window has ended (`TooLate`);
    /// - more is said to be valid than was locked (`ValidAboveAtRisk`);
    /// - the signatures are too few, or not those of the members (see `ICommitteeSeals.recordSeal`).
    function seal(
        uint256 roundId,
        bytes32 submissionsRoot,
        uint64 validAtRisk,
        uint256 signers,
        bytes calldata signatures
    ) external;

    /// @notice Takes the round's final report and reserves its payouts: min(pool, totalPayout). Anybody may.
    /// @dev Reverts if:
    /// - the tournament is paused (`TournamentPaused`);
    /// - the round is not Sealed (`WrongState`) or not resolved yet (`TooEarly`);
    /// - the report is of another version (`UnknownVersion`) or not final at the committee (`ReportNotFinal`);
    /// - it pays more than the cap on all that is validly at risk (`PayoutAboveCap`);
    /// - it pays more than the pool holds, and has not been final for `fundingGrace` (`PoolShort`): nobody can have winners
    ///   paid from a pool that is about to be filled. It never waits past a week before SETTLEMENT_GRACE ends.
    function beginSettlement(Report calldata report) external;

    /// @notice Settles the chunk on top of both stacks: the one locked last of those left. Anybody may.
    /// For each model rate = score * payoutFactor / 1e6, truncated toward zero and clipped to +-cap; payout and burn are
    /// position * |rate| / 1e6, rounded down; a short pool scales each payout by reserved / totalPayout, rounded down.
    /// A lane that owes predictions (`demands`) has the score zero, whatever `scores` says.
    /// In a Voided round every position is returned whole; `scores` is then empty and `previousScoresHead` not looked at.
    /// The last chunk gives the unused reserve back to the pool and what burned to `sendBurned`, and the round is Settled.
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
    /// - Open, Locking or Locked, and the lock window has passed: it can no longer be sealed;
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

    /* VIEWS */

    /// @notice A round; all zero if it does not exist.
    function round(uint256 roundId) external view returns (Round memory);

    /// @notice What a vote on a round depends on, for the committee: it is a small part of `round`, and cheaper to read.
    function reportingOf(uint256 roundId)
        external
        view
        returns (RoundState state, uint64 resolveAt, uint64 deadline, uint64 memberSetId);

    /// @notice When a round's lock window ends, seconds: closeAt + min(lockWindow, (resolveAt - closeAt) / LOCK_DIVISOR), and
    /// later by as much of it as the tournament was paused, but not beyond the middle between closeAt and resolveAt.
    /// @dev Of a round that was locked long ago it may say what it would be without the pause of then: only the last one is
    /// remembered.
    function lockEnd(uint256 roundId) external view returns (uint256);

    /// @notice Number of rounds ever opened. The last id.
    function roundCount() external view returns (uint256);

    /// @notice Parameters of rounds opened from now on: ppm, nano-NMR, nano-NMR.
    function cap() external view returns (uint32);
    function threshold() external view returns (uint64);
    function minPosition() external view returns (uint64);

    function committee() external view returns (IOracleCommittee);

    /// @notice Who says which lanes owe predictions (IDemands): their scores count as zero. Zero for nobody.
    function demands() external view returns (IDemands);

    /// @notice Version of reports and rounds.
    function VERSION() external view returns (uint256);
}
