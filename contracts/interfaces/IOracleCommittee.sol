// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommitteeSeals} from "./ICommitteeSeals.sol";
import {Report} from "./Report.sol";

/// @title IOracleCommittee
/// @notice Members agree on the report of a round: m of n, always more than half. Then it may be disputed, once.
///
/// A proposal's life:
///
///            quorum of equal             challengeUntil passes
///            attestations
///     None -----------------> Accepted ------------------------> final
///                                |
///                                | challenge (anybody, for a bond) or veto (guardian), before challengeUntil
///                                v
///                             Disputed: members attest once more, before disputeUntil
///                                |
///                                +-- two thirds for the same report ----> Upheld, final
///                                +-- two thirds for another report -----> Overturned, the other one is final
///                                +-- disputeUntil passes ---------------> Expired, no report ever: the round is void
///
/// A first vote is counted within the member set of the day: when members or quorum change, the votes of rounds that are
/// not accepted yet become stale, and members attest again. An accepted report is not touched. A dispute is voted on by
/// the member set of the day it was opened, to its end, whoever comes or goes meanwhile.
///
/// Where the money goes. The challenger's bond: to the burn sink if upheld, back if overturned or expired. When a report
/// is overturned, every member whose attestation had carried it loses `slash`, or what is left of their bond: half of it
/// goes to the challenger and half to the burn sink, all of it to the sink after a veto. Half, because whoever is about
/// to be caught can hurry to be his own challenger, and must not get everything back.
///
/// Whoever does not challenge needs to do nothing. Times are in seconds, bonds in wei.
interface IOracleCommittee is ICommitteeSeals {
    /// @dev See the diagram above.
    enum ProposalStatus {
        None,
        Accepted,
        Disputed,
        Upheld,
        Overturned,
        Expired
    }

    /// @notice What cannot change once a committee is deployed.
    /// @param challengeWindow between acceptance and finality, at most MAX_CHALLENGE_WINDOW.
    /// @param disputePeriod how long a second vote lasts, MIN_DISPUTE_PERIOD to MAX_DISPUTE_PERIOD.
    /// @param memberBond without which no vote counts, at most MAX_MEMBER_BOND.
    /// @param challengeBond what a challenge costs that turns out wrong, at most MAX_CHALLENGE_BOND.
    /// @param slash what a member loses who attested an overturned report, at most memberBond.
    /// @param absenceLimit after so many missed seals in a row anybody may remove a member; at least MIN_ABSENCE_LIMIT.
    struct Terms {
        uint64 challengeWindow;
        uint64 disputePeriod;
        uint256 memberBond;
        uint256 challengeBond;
        uint256 slash;
        uint256 absenceLimit;
    }

    /// @notice All deadlines and thresholds are stored here, so that no later change moves them.
    /// @param reportHash the accepted report's hash, after Overturned the other one's; zero while there is none.
    /// @param challengeUntil when a report that nobody disputes becomes final.
    /// @param memberSetId the member set whose votes accepted it.
    /// @param status see `ProposalStatus`.
    /// @param disputeUntil when a dispute expires; zero without one.
    /// @param disputeSetId the member set that votes on the dispute; zero without one.
    /// @param votesNeeded equal votes that end the dispute; zero without one.
    /// @param challenger whose bond hangs on the dispute; zero after a veto, and once it is decided whose the bond is.
    struct Proposal {
        bytes32 reportHash;
        uint64 challengeUntil;
        uint64 memberSetId;
        ProposalStatus status;
        uint64 disputeUntil;
        uint64 disputeSetId;
        uint8 votesNeeded;
        address challenger;
    }

    /// @notice `member` votes for `reportHash`; an earlier vote of theirs in the same vote of this round no longer counts.
    event Attested(address indexed tournament, uint256 indexed roundId, address indexed member, bytes32 reportHash);
    /// @notice The quorum agreed on a report. It is final at `challengeUntil`.
    event ReportAccepted(
        address indexed tournament, uint256 indexed roundId, bytes32 reportHash, uint64 challengeUntil
    );
    /// @notice A second vote is open until `disputeUntil`. `challenger` is zero after a veto.
    event ReportDisputed(
        address indexed tournament,
        uint256 indexed roundId,
        address indexed challenger,
        bytes32 reportHash,
        uint64 disputeUntil,
        uint64 disputeSetId,
        uint256 votesNeeded
    );
    /// @notice Two thirds agreed on the report once more. It is final.
    event ReportUpheld(address indexed tournament, uint256 indexed roundId, bytes32 reportHash);
    /// @notice Two thirds agreed on `reportHash` instead. It is final. `slashed` in wei, of all members together.
    event ReportOverturned(
        address indexed tournament, uint256 indexed roundId, bytes32 overturnedHash, bytes32 reportHash, uint256 slashed
    );
    /// @notice No two thirds agreed in time. The round will have no report.
    event DisputeExpired(address indexed tournament, uint256 indexed roundId);

    error ChallengeWindowTooLong(uint256 window, uint256 maximum);
    error DisputePeriodOutOfRange(uint256 period, uint256 minimum, uint256 maximum);
    error SlashAboveBond(uint256 slash, uint256 memberBond);
    error ZeroBurnSink();
    error UnknownVersion(uint256 version, uint256 expected);
    /// @notice The tournament's round is in another state than Sealed (numbers of `ITournament.RoundState`).
    error RoundNotSealed(uint256 roundId, uint256 state);
    error AlreadyAccepted(bytes32 reportHash);
    error AlreadyAttested(bytes32 reportHash);
    error WrongStatus(ProposalStatus status, ProposalStatus expected);

    /// @notice Votes for a report of a round of `tournament`. Members with a bond only. The vote may change until the vote
    /// ends. While the round's report is disputed, this is the second vote, which begins without votes.
    /// @dev Holds the caller's bond: in a first vote until no dispute of the round can be open any more, in a second one
    /// until it ends. Reverts if:
    /// - `report.version` is not `VERSION` (`UnknownVersion`);
    /// - a report was accepted and is not disputed (`AlreadyAccepted`), or its dispute expired (`TooLate`);
    /// - the caller is not in the member set that votes (`NotMember`), or has too small a bond (`BondTooSmall`);
    /// - in a first vote, the round is not Sealed (`RoundNotSealed`), not resolved yet (`TooEarly`) or past its deadline
    ///   (`TooLate`);
    /// - the caller's vote already is for this report (`AlreadyAttested`).
    function attest(address tournament, Report calldata report) external;

    /// @notice Disputes the accepted report of a round, for a bond of `challengeBond`. Anybody may.
    /// @dev Reverts if there is no accepted report or it was disputed before (`WrongStatus`), if its challenge window has
    /// passed (`TooLate`), or the token refuses the transfer.
    function challenge(address tournament, uint256 roundId) external;

    /// @notice Disputes the accepted report of a round, without a bond. Restricted.
    /// @dev Reverts as `challenge` does.
    function veto(address tournament, uint256 roundId) external;

    /// @notice Puts on record that a dispute expired, and credits the challenger's bond back. Anybody may call. The round
    /// can be voided with or without it.
    /// @dev Reverts if no dispute is open or this was called before (`WrongStatus`), or the dispute may still be decided
    /// (`TooEarly`).
    function expire(address tournament, uint256 roundId) external;

    /// @notice What members vote on: the report bound to this chain and to `tournament`.
    /// keccak256(abi.encode(REPORT_TYPEHASH, block.chainid, tournament, roundId, version, scoresHead, totalPayout,
    /// totalBurn, evidenceHash)).
    function hashReport(address tournament, Report calldata report) external view returns (bytes32);

    /// @notice Whether the report with this hash was accepted and can no longer be disputed.
    function isFinal(address tournament, uint256 roundId, bytes32 reportHash) external view returns (bool);

    /// @notice Whether a report stands: it is final, or may become so. While one does, the round must not be voided for want
    /// of a report.
    function hasStandingReport(address tournament, uint256 roundId) external view returns (bool);

    /// @notice Whether a dispute expired: the round will never have a final report, and need not wait for one.
    function hasExpired(address tournament, uint256 roundId) external view returns (bool);

    /// @notice The proposal, with the status as of now: Expired also before anybody called `expire`.
    function proposalOf(address tournament, uint256 roundId) external view returns (Proposal memory);

    /// @notice The member's vote, zero if none: the second vote of a round whose report was disputed, else the first one,
    /// of the accepting member set once accepted, of the current one before.
    function voteOf(address tournament, uint256 roundId, address member) external view returns (bytes32);

    /// @notice How many members vote for `reportHash` in that vote (see `voteOf`).
    function votesFor(address tournament, uint256 roundId, bytes32 reportHash) external view returns (uint256);

    /// @notice Equal votes that would end a dispute opened now: two thirds of the members, rounded up, and never fewer than
    /// the quorum, lest a report be overturned by fewer than it takes to have one accepted.
    function votesNeeded() external view returns (uint256);

    function challengeWindow() external view returns (uint64);

    function disputePeriod() external view returns (uint64);

    function challengeBond() external view returns (uint256);

    function slash() external view returns (uint256);

    /// @notice Receives what burns: lost challenge bonds, and the part of slashed bonds that no challenger gets.
    function burnSink() external view returns (address);

    /// @notice Version of reports that this committee accepts.
    function VERSION() external view returns (uint256);

    function REPORT_TYPEHASH() external view returns (bytes32);
}
